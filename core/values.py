"""Handle values: what an identifier says. Packing, comparing and rendering. Pure (reading them: core.value_intake).

A value has an index, a type, data in one of a few formats, a time to live, four permission bits and the time of its last
change (RFC 3651 §3.1; the JSON form is that of the Handle HTTP API). Packed, the values of a record are one compact JSON
array, `[[index, type, data, format, ttl, permissions, timestamp, expires_at, references], …]` ordered by index, where
trailing members that have their usual value are left out: the common value is `[2001,"MODEL","BAV99"]`.

A time to live is seconds, or absolute: the second at which it ends. It tells caches, not whether the value is there: one that
ended long ago is answered as it is. References name values of other records; the node keeps them and follows none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from core.identifier import shorten

MAX_VALUES = 1_000
MAX_TYPE_BYTES = 255
MAX_DATA_BYTES = 65_536
MAX_DATA_DEPTH = 32  # lists and objects within each other: what the answers are written with ends at about 250
MAX_PACKED_BYTES = 196_608  # leaves room for the Handle encoding in a message of 262,144 bytes
MAX_TTL_SECONDS = 2**31 - 1
MAX_EXPIRES_AT = 2**32 - 1
DEFAULT_TTL_SECONDS = 86_400
MAX_REFERENCES = 100
MAX_REFERENCE_BYTES = 2_048  # of a handle, as messages bound it

ADMIN_READ, ADMIN_WRITE, PUBLIC_READ, PUBLIC_WRITE = 8, 4, 2, 1
DEFAULT_PERMISSIONS = ADMIN_READ | ADMIN_WRITE | PUBLIC_READ
SECRET_PERMISSIONS = ADMIN_READ | ADMIN_WRITE
PARTNER_READ = 16  # ours alone, see core/visibility.py
_HANDLE_BITS = 15
VISIBILITIES = {
    "public": DEFAULT_PERMISSIONS,
    "partners": SECRET_PERMISSIONS | PARTNER_READ,
    "private": SECRET_PERMISSIONS,
}
SECRET_TYPES = frozenset(("HS_SECKEY",))

STRING_FORMATS = frozenset(("string", "base64", "hex"))
OBJECT_FORMATS = frozenset(("admin", "site", "key"))
LIST_FORMATS = frozenset(("vlist",))
FORMATS = STRING_FORMATS | OBJECT_FORMATS | LIST_FORMATS

Reference = tuple[str, int]  # handle, index


@dataclass(slots=True)  # not frozen: making frozen ones takes three times as long, and each registration makes several
class HandleValue:
    """One value, never changed once made. `data` is text, or JSON where `format` says so; `timestamp` is unix seconds, None = the
    record's own. `expires_at` is an absolute time to live, unix seconds; `ttl_seconds` is the usual one then and means nothing."""

    index: int
    type: str
    data: Any
    format: str = "string"
    ttl_seconds: int = DEFAULT_TTL_SECONDS
    permissions: int = DEFAULT_PERMISSIONS
    timestamp: int | None = None
    expires_at: int | None = None
    references: tuple[Reference, ...] = ()
    # Nothing was said of who sees it, so a template decides. Never stored.
    by_default: bool = field(default=False, compare=False)

    @property
    def public(self) -> bool:
        return bool(self.permissions & PUBLIC_READ)

    @property
    def for_partners(self) -> bool:
        return bool(self.permissions & PARTNER_READ)

    @property
    def visibility(self) -> str:
        return "public" if self.public else "partners" if self.for_partners else "private"

    @property
    def ttl(self) -> int | str:
        """As JSON has it: seconds, or the time at which an absolute one ends."""
        return self.ttl_seconds if self.expires_at is None else iso_time(self.expires_at)

    def packed(self) -> list[Any]:
        count = (
            9 if self.references
            else 8 if self.expires_at is not None
            else 7 if self.timestamp is not None
            else 6 if self.permissions != DEFAULT_PERMISSIONS
            else 5 if self.ttl_seconds != DEFAULT_TTL_SECONDS
            else 4 if self.format != "string"
            else 3
        )  # fmt: skip
        if count == 3:
            return [self.index, self.type, self.data]
        members = [self.index, self.type, self.data, self.format, self.ttl_seconds, self.permissions]
        return [*members, self.timestamp, self.expires_at, self.references][:count]


def pack(values: list[HandleValue]) -> bytes:
    """Values in order of index, as they are stored. Equal values give equal bytes."""
    return shrunk(orjson.dumps([value.packed() for value in values], option=orjson.OPT_SORT_KEYS))


def shrunk(written: bytes) -> bytes:
    """The same bytes in as much memory as they need. What orjson 3.13 writes keeps its whole buffer, 8 KiB and more, for
    as long as it lives: dear for anything that is kept or queued."""
    return bytes(memoryview(written))


def unpack(packed: bytes) -> list[HandleValue]:
    return [HandleValue(*members) if len(members) < 9 else _referring(members) for members in orjson.loads(packed)]


def _referring(members: list[Any]) -> HandleValue:
    members[8] = tuple(map(tuple, members[8]))
    return HandleValue(*members)


def without_timestamps(packed: bytes) -> bytes:
    """The content alone: what decides whether two registrations say the same."""
    return pack([replace(value, timestamp=None) for value in unpack(packed)])


def keep_timestamps(new: list[HandleValue], old: list[HandleValue], now: int) -> list[HandleValue]:
    """`new` with the time of last change of each value: as it was where nothing changed, else `now` (unix seconds)."""
    before = {value.index: value for value in old}

    def dated(value: HandleValue) -> HandleValue:
        was = before.get(value.index)
        return was if was is not None and _same(was, value) else replace(value, timestamp=now)

    return [dated(value) for value in new]


def _same(one: HandleValue, other: HandleValue) -> bool:
    """By the bytes that would be stored: to Python 1, 1.0 and true are equal, to a reader of JSON they are not."""
    return pack([replace(one, timestamp=None)]) == pack([replace(other, timestamp=None)])


def render(value: HandleValue, default_timestamp: int) -> dict[str, Any]:
    """The Handle HTTP JSON form (`../tests/conformance`); permissions only when unusual."""
    shown: dict[str, Any] = {
        "index": value.index,
        "type": value.type,
        "data": {"format": value.format, "value": value.data},
        "ttl": value.ttl_seconds if value.expires_at is None else iso_time(value.expires_at),  # `ttl`, without a call
        "timestamp": iso_time(value.timestamp or default_timestamp),
    }
    if value.permissions != DEFAULT_PERMISSIONS:
        shown["permissions"] = f"{value.permissions & _HANDLE_BITS:04b}"
    if value.references:
        shown["references"] = references_json(value.references)
    return shown


def is_referable(handle: str) -> bool:
    """Whether a reference may name it: it need not be of a form that can be registered here."""
    return bool(handle) and handle.isprintable() and len(handle.encode()) <= MAX_REFERENCE_BYTES


def references_json(references: Sequence[Reference]) -> list[dict[str, Any]]:
    return [{"handle": handle, "index": index} for handle, index in references]


def public_rendered(packed: bytes, default_timestamp: int) -> list[dict[str, Any]]:
    """`render` of all public values."""
    usual_time = iso_time(default_timestamp)
    shown: list[dict[str, Any]] = []
    for members in orjson.loads(packed):
        if len(members) == 3:
            index, type_, data = members
            shown.append(
                {
                    "index": index,
                    "type": type_,
                    "data": {"format": "string", "value": data},
                    "ttl": DEFAULT_TTL_SECONDS,
                    "timestamp": usual_time,
                }
            )
        elif (value := HandleValue(*members) if len(members) < 9 else _referring(members)).permissions & PUBLIC_READ:
            shown.append(render(value, default_timestamp))
    return shown


@lru_cache(maxsize=4096)  # values of one record, and records of one second, share it
def iso_time(unix_seconds: int) -> str:
    """`2026-01-31T10:00:00Z`, as Handle clients expect it."""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def difference(old: list[HandleValue], new: list[HandleValue]) -> list[dict[str, Any]]:
    """What tells two contents apart, by index: `added`, `removed` or `changed` with both sides. Secrets stay hidden."""
    before, after = ({value.index: value for value in side} for side in (old, new))
    found: list[dict[str, Any]] = []
    for index in sorted(before.keys() | after.keys()):
        was, now = before.get(index), after.get(index)
        if was is not None and now is not None and _same(was, now):
            continue
        kind = "added" if was is None else "removed" if now is None else "changed"
        found.append({"index": index, "kind": kind, "registered": _side(was), "sent": _side(now)})
    return found


def _side(value: HandleValue | None) -> dict[str, Any] | None:
    if value is None:
        return None
    hidden = value.type in SECRET_TYPES
    said: dict[str, Any] = {
        "type": value.type,
        "format": value.format,
        "value": "••••••" if hidden else _brief(value.data),
    }
    if value.ttl != DEFAULT_TTL_SECONDS:
        said["ttl"] = value.ttl
    if value.references:
        said["references"] = references_json(value.references)
    return said


def _brief(data: Any) -> Any:
    return data if not isinstance(data, str) or len(data) <= 200 else shorten(data, 200)
