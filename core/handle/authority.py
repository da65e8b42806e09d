"""Who may change what in a record: HS_ADMIN values, groups of administrators, and the permission that each change needs. Pure.

An HS_ADMIN value names an administrator, `index:handle`, and twelve permissions (RFC 3651 §3.2.1). The name may be that of a
group, an HS_VLIST, whose members may be groups again (§3.2.7): they are followed to a bounded depth, each once. Creating a
record needs `ADD_HANDLE` in the record of its prefix, `0.NA/<prefix>`; everything else is judged by the HS_ADMIN values of the
record itself, and by those of the prefix record where it has none.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntFlag

from core.handle.admin_data import admin_from_json, decode_admin, decode_vlist, vlist_from_json
from core.handle.malformed import Malformed
from core.values import ADMIN_WRITE, HandleValue, pack

ADMIN_TYPE, GROUP_TYPE = "HS_ADMIN", "HS_VLIST"
MAX_DEPTH = 8  # groups within groups
MAX_MEMBERS = 1_000  # administrators and groups looked at for one decision
_BITS = 12


class Power(IntFlag):
    """Permissions of an HS_ADMIN value; in JSON a text of twelve digits, leftmost `LIST_HANDLES`."""

    ADD_HANDLE = 0x0001
    DELETE_HANDLE = 0x0002
    ADD_PREFIX = 0x0004
    DELETE_PREFIX = 0x0008
    MODIFY_VALUE = 0x0010
    REMOVE_VALUE = 0x0020
    ADD_VALUE = 0x0040
    MODIFY_ADMIN = 0x0080
    REMOVE_ADMIN = 0x0100
    ADD_ADMIN = 0x0200
    AUTHORISED_READ = 0x0400
    LIST_HANDLES = 0x0800


NO_POWER, ALL_POWERS = Power(0), Power((1 << _BITS) - 1)


@dataclass(frozen=True, slots=True)
class Named:
    """`index` of a handle. Names compare by their canonical form: see `Canonical`."""

    handle: str
    index: int


# The canonical form of a handle by the rule of its prefix; None where it is none.
Canonical = Callable[[str], str | None]
Groups = Mapping[Named, Sequence[Named]]  # canonical name of a group to its members; not a group: no members


@dataclass(frozen=True, slots=True)
class Admin:
    """What one HS_ADMIN value says."""

    who: Named
    powers: Power


def admin_of(value: HandleValue) -> Admin | None:
    """An HS_ADMIN value, in JSON form or as bytes; None for any other, and for one that cannot be read."""
    if value.type != ADMIN_TYPE:
        return None
    try:
        said = admin_from_json(value.data) if value.format == "admin" else decode_admin(octets_of(value) or b"")
    except Malformed:
        return None
    return Admin(Named(said.handle, said.index), Power(said.permissions & ALL_POWERS))


def group_of(value: HandleValue) -> tuple[Named, ...]:
    """The members of an HS_VLIST value, in JSON form or as bytes; none for any other, and for one that cannot be read."""
    if value.type != GROUP_TYPE:
        return ()
    try:
        listed = vlist_from_json(value.data) if value.format == "vlist" else decode_vlist(octets_of(value) or b"")
    except Malformed:
        return ()
    return tuple(Named(handle, index) for handle, index in listed)


def powers_of(
    who: Named, values: Iterable[HandleValue], groups: Groups, canonical: Canonical
) -> tuple[Power, frozenset[Named]]:
    """What `who` (canonical) may do by the HS_ADMIN values, and the names that may be groups and are not among `groups` yet:
    look them up and ask again. More than `MAX_DEPTH` deep or `MAX_MEMBERS` wide nothing is granted."""
    granted, unknown, seen_in_all = NO_POWER, set(), 0
    for admin in filter(None, map(admin_of, values)):
        level, seen = [admin.who], set[Named]()
        for _ in range(MAX_DEPTH + 1):
            below: list[Named] = []
            for spelled in level:
                name = _canonical(spelled, canonical)
                if name is None or name in seen or seen_in_all >= MAX_MEMBERS:
                    continue
                seen.add(name)
                seen_in_all += 1
                if name == who or (name.index == 0 and name.handle == who.handle):  # 0: whichever key of that handle
                    granted |= admin.powers
                elif name in groups:
                    below += groups[name]
                else:
                    unknown.add(name)
            level = below
    return granted, frozenset(unknown)


def judged_by(own: Sequence[HandleValue], of_prefix: Sequence[HandleValue]) -> Sequence[HandleValue]:
    """The values whose HS_ADMIN decide about a record that says `own`."""
    return own if any(value.type == ADMIN_TYPE for value in own) else of_prefix


def needed(old: Sequence[HandleValue], new: Sequence[HandleValue]) -> tuple[Power, tuple[int, ...]]:
    """What a change from `old` to `new` needs, and the indexes that are closed to it: administrators may not write them."""
    before, after = ({value.index: value for value in side} for side in (old, new))
    powers, closed = NO_POWER, []
    for index in sorted(before.keys() | after.keys()):
        was, now = before.get(index), after.get(index)
        if was is not None and now is not None and _same(was, now):
            continue
        powers |= _needed_for(was, now)
        if was is not None and not was.permissions & ADMIN_WRITE:
            closed.append(index)
    return powers, tuple(closed)


def octets_of(value: HandleValue) -> bytes | None:
    """The data as bytes; None where it is in the form of an object."""
    if not isinstance(value.data, str):
        return None
    try:
        if value.format == "base64":
            return base64.b64decode(value.data, validate=True)
        return bytes.fromhex(value.data) if value.format == "hex" else value.data.encode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError):
        return None


def _needed_for(was: HandleValue | None, now: HandleValue | None) -> Power:
    """A value that becomes an administrator, or is one no more, is removed and added: `MODIFY_ADMIN` alone makes none."""
    if was is not None and now is not None and (was.type == ADMIN_TYPE) == (now.type == ADMIN_TYPE):
        return Power.MODIFY_ADMIN if was.type == ADMIN_TYPE else Power.MODIFY_VALUE
    powers = NO_POWER
    if was is not None:
        powers |= Power.REMOVE_ADMIN if was.type == ADMIN_TYPE else Power.REMOVE_VALUE
    if now is not None:
        powers |= Power.ADD_ADMIN if now.type == ADMIN_TYPE else Power.ADD_VALUE
    return powers


def _same(one: HandleValue, other: HandleValue) -> bool:
    return pack([replace(one, timestamp=None)]) == pack([replace(other, timestamp=None)])


def _canonical(named: Named, canonical: Canonical) -> Named | None:
    key = canonical(named.handle)
    return None if key is None else Named(key, named.index)
