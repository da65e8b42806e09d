"""Commit registrations within what their callers may register. What exists already needs no allowance."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from core.access import Principal
from core.database import store_errors
from core.errors import Problem, QuotaExhausted, StoreUnavailable
from core.quota import Allowance
from registry.quotas.allowances import Grant
from registry.room import Registry
from registry.store import Inserted, NewIdentifier, Origin, PrefixMoved, find_record, records_of

First = Callable[[Any], Awaitable[None]] | None  # what begins the transaction


async def commit_one(registry: Registry, principal: Principal, new: NewIdentifier, origin: Origin) -> Inserted:
    """As `Committer.one`. Raises `QuotaExhausted` too, `PrefixMoved`."""
    if not (limits := registry.allowances.of(principal, new.prefix)):
        return await registry.committer.one(new, origin)
    grant = await registry.allowances.take(limits, 1)
    if not grant.units:
        with store_errors():
            standing = await find_record(registry.pool, new.key)
        if standing is None:
            raise grant.refuse(1)
        return Inserted(False, standing)
    with _given_back(registry, [grant]):
        inserted = await registry.committer.one(new, origin)
    if not inserted.created:
        registry.allowances.give_back(grant, 1)
    return inserted


async def commit_batch(
    registry: Registry, principal: Principal, new: Sequence[NewIdentifier], origin: Origin, first: First = None
) -> list[Inserted | QuotaExhausted]:
    """As `Committer.batch`, in one transaction; what fits is registered in order, the rest is refused one by one. With `first`
    there is a transaction whatever fits."""
    groups: dict[tuple[Allowance, ...], list[NewIdentifier]] = {}
    for row in new:
        groups.setdefault(registry.allowances.of(principal, row.prefix), []).append(row)
    if list(groups) == [()]:
        return list(await registry.committer.batch(new, origin, first))
    refused: dict[str, QuotaExhausted] = {}
    grants = []
    for limits, rows in groups.items():
        if limits:
            keys = list(dict.fromkeys(row.key for row in rows))
            grant = await registry.allowances.take(limits, len(keys))
            grants.append((grant, set(keys)))
            if grant.units < len(keys):
                with store_errors():
                    standing = {record.key for record in await records_of(registry.pool, keys)}
                beyond = [key for key in keys if key not in standing][grant.units :]
                if beyond:
                    refused |= dict.fromkeys(beyond, grant.refuse(len(beyond)))
    wanted = [row for row in new if row.key not in refused]
    with _given_back(registry, [grant for grant, _ in grants]):
        inserted = iter(await registry.committer.batch(wanted, origin, first) if wanted or first else [])
    results = [refused.get(row.key) or next(inserted) for row in new]
    created = {one.record.key for one in results if isinstance(one, Inserted) and one.created}
    for grant, keys_of in grants:
        registry.allowances.give_back(grant, grant.units - len(created & keys_of))
    return results


@contextmanager
def _given_back(registry: Registry, grants: Sequence[Grant]) -> Iterator[None]:
    """Where the transaction was refused. Where the store was lost nobody knows what became of it: that expires."""
    try:
        yield
    except (Problem, PrefixMoved) as refused:
        if not isinstance(refused, StoreUnavailable):
            for grant in grants:
                registry.allowances.give_back(grant, grant.units)
        raise


class Unit:
    """Allowance for one identifier that the caller's own transaction may create."""

    def __init__(self, grant: Grant | None) -> None:
        self._grant = grant
        self.spent = False

    def spend(self) -> None:
        """Before the row is written. Raises `QuotaExhausted`."""
        if self._grant is not None and not self._grant.units:
            raise self._grant.refuse(1)
        self.spent = True


@asynccontextmanager
async def one_unit(registry: Registry, principal: Principal, prefix_key: str) -> AsyncIterator[Unit]:
    """Taken before the transaction begins; given back where it was not spent, or the transaction was refused."""
    limits = registry.allowances.of(principal, prefix_key)
    grant = await registry.allowances.take(limits, 1) if limits else None
    unit = Unit(grant)
    try:
        yield unit
    except Problem as refused:
        unit.spent = unit.spent and isinstance(refused, StoreUnavailable)  # then nobody knows what became of it
        raise
    finally:
        if grant is not None and grant.units and not unit.spent:
            registry.allowances.give_back(grant, 1)
