"""Where an administrator stands: the record that is meant, and what its HS_ADMIN values let them do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.access import Prefix, Principal, require_owner
from core.database import store_errors
from core.errors import AdministratorNotAllowed, IdentifierMalformed, StoreUnavailable
from core.handle.administration import PREFIX_RECORDS
from core.handle.authority import ALL_POWERS, MAX_DEPTH, NO_POWER, Groups, Named, Power, group_of, judged_by, powers_of
from core.identifier import Identifier
from core.record import Record
from core.values import HandleValue
from registry.handle.names import (
    described_prefix,
    is_prefix_record,
    key_of,
    not_responsible,
    parse_name,
    record_key,
)
from registry.ownership import readable, require_own
from registry.room import Registry
from registry.store import records_of

_MOST_GROUPS = 200  # records read at once for one decision


@dataclass(frozen=True, slots=True)
class Standing:
    """`record` is what is there, withdrawn or not; `powers` are over it, or over what could be there, `over_prefix` those that
    the prefix record gives."""

    identifier: Identifier
    key: str
    prefix: Prefix
    record: Record | None
    powers: Power
    over_prefix: Power

    @property
    def owner_id(self) -> int:
        owner = self.record.owner_id if self.record is not None else None
        return self.prefix.enterprise_id if owner is None else owner

    def require(self, powers: Power) -> None:
        """Raises `AdministratorNotAllowed`, in the same words whether there is a record or not."""
        if not self.powers or powers & ~self.powers:
            raise not_allowed(self.identifier)


def not_allowed(identifier: object) -> AdministratorNotAllowed:
    return AdministratorNotAllowed(
        f"The administrator may not do that to {identifier}", f"该管理员无权对 {identifier} 执行此操作"
    )


async def find_prefix(registry: Registry, identifier: Identifier) -> Prefix:
    """The prefix that a name lies under, or that its record is of. Raises `NotResponsible`, `StoreUnavailable`."""
    if is_prefix_record(identifier):
        found = await registry.directory.fresh_prefix(described_prefix(identifier))
    else:
        found = await registry.directory.fresh_owner(identifier)
    if found is None:
        raise not_responsible(str(identifier))
    return found


async def stand(registry: Registry, who: Named, identifier: Identifier) -> Standing:
    """Where `who` (canonical) stands. Raises `NotResponsible`, `StoreUnavailable`."""
    prefix = await find_prefix(registry, identifier)
    key, of_prefix_key = key_of(identifier, prefix), record_key(prefix)
    found = {record.key: record for record in await read_records(registry, {key, of_prefix_key})}
    record, of_prefix = found.get(key), found.get(of_prefix_key)
    if of_prefix is None and is_prefix_record(identifier):
        of_prefix = await _record_above(registry, prefix)
    prefix_values = of_prefix.values if of_prefix is not None else []
    over_prefix = await powers_in(registry, who, prefix_values)
    if record is None:
        return Standing(identifier, key, prefix, None, over_prefix, over_prefix)
    # What was transferred away by itself is not for the administrators of the prefix.
    follows = record.owner_id is None or record.owner_id == prefix.enterprise_id
    judges = judged_by(record.values, prefix_values if follows else [])
    powers = over_prefix if judges is prefix_values else await powers_in(registry, who, judges)
    return Standing(identifier, key, prefix, record, powers, over_prefix)


async def _record_above(registry: Registry, prefix: Prefix) -> Record | None:
    """Where a prefix has no record yet, that of the nearest prefix above it of the same enterprise says who may make one."""
    above = prefix.key.rpartition(".")[0]
    while above:
        held = registry.directory.prefix(above)
        if held is not None and held.enterprise_id == prefix.enterprise_id:
            return next(iter(await read_records(registry, [record_key(held)])), None)
        above = above.rpartition(".")[0]
    return None


async def stand_by_key(registry: Registry, principal: Principal, identifier: Identifier) -> Standing:
    """The same for who has a key: all or nothing, by the rules of the other doors. Raises `PrefixNotYours`, `RoleNotEnough`,
    `ScopeNotEnough`, `NotResponsible`, `StoreUnavailable`."""
    prefix = await find_prefix(registry, identifier)
    if is_prefix_record(identifier):
        require_owner(principal, prefix, prefix.shown)
    else:
        await readable(registry, principal, identifier)
    key = key_of(identifier, prefix)
    record = next(iter(await read_records(registry, [key])), None)
    if not is_prefix_record(identifier):
        require_own(principal, prefix, record)
    return Standing(identifier, key, prefix, record, ALL_POWERS, ALL_POWERS)


async def powers_in(registry: Registry, who: Named, values: Iterable[HandleValue]) -> Power:
    """What HS_ADMIN values give `who`, through groups too. Raises `StoreUnavailable`."""
    judges, groups = list(values), dict[Named, tuple[Named, ...]]()

    def canonical(handle: str) -> str | None:
        return canonical_name(registry, handle)

    for _ in range(MAX_DEPTH + 1):
        powers, unknown = powers_of(who, judges, groups, canonical)
        if not unknown:
            return powers
        groups |= await _members(registry, unknown)
    return powers_of(who, judges, groups, canonical)[0] if groups else NO_POWER


def canonical_name(registry: Registry, handle: str) -> str | None:
    """None for what is no name."""
    try:
        identifier = parse_name(handle)
    except IdentifierMalformed:
        return None
    return key_of(identifier, None if is_prefix_record(identifier) else registry.directory.owner(identifier))


async def read_records(registry: Registry, keys: Iterable[str]) -> list[Record]:
    """Those that are there. A prefix record counts while its prefix is of the enterprise that it was made for: administrators
    do not come along when a prefix is given away. Raises `StoreUnavailable`."""
    with store_errors():
        records = await records_of(registry.pool, sorted(keys))
    return [record for record in records if not _left_behind(registry, record)]


def _left_behind(registry: Registry, record: Record) -> bool:
    root, _, named = record.key.partition("/")
    prefix = registry.directory.prefix(named) if root == PREFIX_RECORDS else None
    return root == PREFIX_RECORDS and (prefix is None or record.owner_id != prefix.enterprise_id)


async def _members(registry: Registry, names: frozenset[Named]) -> dict[Named, tuple[Named, ...]]:
    asked = sorted(names, key=lambda name: (name.handle, name.index))[:_MOST_GROUPS]
    records = {record.key: record for record in await read_records(registry, {name.handle for name in asked})}
    found: Groups = {name: _group_at(records.get(name.handle), name.index) for name in asked}
    return {name: tuple(found.get(name, ())) for name in names}


def _group_at(record: Record | None, index: int) -> tuple[Named, ...]:
    if record is None or record.withdrawn:
        return ()
    return next((group_of(value) for value in record.values if value.index == index), ())


def changing_too_fast() -> StoreUnavailable:
    return StoreUnavailable("The record is changing too fast", "该标识变动过于频繁")
