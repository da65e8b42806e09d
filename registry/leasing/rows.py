"""The rows of `suffix_lease`. Knows SQL, no HTTP and no rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from core.sqlfiles import load_sql
from registry.leasing.ranges import Ranges, unflat

SQL = load_sql("registry", "leases.sql")


@dataclass(frozen=True, slots=True)
class Lease:
    """One row of `suffix_lease`. `prefix` is the key; `state` is open, closed or expired; `key_id` took it. What has
    `ended_at` has given back what was not used."""

    id: int
    prefix: str
    prefix_shown: str
    pattern: str
    day: date
    granted: Ranges
    used: Ranges
    template_id: int | None
    value: bytes
    label: str
    actor: int
    key_id: str
    until: datetime
    created_at: datetime
    reported_at: datetime | None
    ended_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class Locked:
    """What decides about a lease, until the transaction ends."""

    id: int
    prefix: str
    pattern: str
    granted: Ranges
    used: Ranges
    ended: bool


async def lock_lease(connection: Any, lease_id: int) -> Locked:
    """One that is there."""
    row = await connection.fetchrow(SQL["lock_lease"], lease_id)
    ranges = unflat(row["granted"]), unflat(row["used"])
    return Locked(lease_id, row["prefix"], row["pattern"], *ranges, row["ended_at"] is not None)


async def read_lease(pool: Any, lease_id: int) -> Lease | None:
    row = await pool.fetchrow(SQL["read_lease"], lease_id)
    return _lease(row) if row else None


async def page_of_leases(pool: Any, prefix: str, before: int, limit: int, state: str | None) -> list[Lease]:
    return [_lease(row) for row in await pool.fetch(SQL["page_of_leases"], prefix, before, limit, state)]


def _lease(row: Any) -> Lease:
    ranges = {name: unflat(row[name]) for name in ("granted", "used")}
    return Lease(**{name: row[name] for name in Lease.__dataclass_fields__ if name not in ranges} | ranges)
