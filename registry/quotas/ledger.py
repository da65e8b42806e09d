"""The rows of `quota_use` and `quota_lease`. Knows SQL, no HTTP and no rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.quota import Allowance, Kind, Subject
from core.sqlfiles import load_sql

SQL = load_sql("registry", "quotas.sql")
MOST_UNITS = 10_000  # of one block, where a caller does not need more at once
_CORRECTED_AT_ONCE = 20
_LOCK = 0x6269616F71756F74  # "biaoquot"


@dataclass(frozen=True, slots=True)
class Lent:
    """A block. `number` None: nothing was left; then `total_is_spent` says of which limit. `seconds_left` of the day."""

    units: int
    number: int | None
    total_is_spent: bool
    seconds_left: float


async def take(source: Any, wanted: Allowance, units: int, lease_seconds: float, *, most: int = MOST_UNITS) -> Lent:
    """At least `units` where there is room for them, and up to `most`; else all the room. `source` is a pool, or a connection without a
    transaction: nobody else waits for what it does meanwhile. Raises as asyncpg does."""
    subject = (wanted.subject.kind.value, wanted.subject.number)
    while True:
        row = await source.fetchrow(SQL["take"], *subject, wanted.per_day, wanted.total, units, most, lease_seconds)
        if row is not None:
            return Lent(**row)
        await source.execute(SQL["open_account"], *subject)


async def give_back(source: Any, number: int, units: int) -> None:
    """Of the lease with this number. Without effect once it has expired: then the counters have been asked."""
    await source.execute(SQL["give_back"], number, units)


async def correct(connection: Any, subject: Subject) -> None:
    """In the caller's transaction: what was taken, by the stored counters (of a key there are none)."""
    held = await connection.fetchval(SQL["lock_account"], subject.kind.value, subject.number)
    if held is not None and subject.kind is Kind.ENTERPRISE:
        await connection.execute(SQL["correct"], subject.number)


async def settle_expired(pool: Any) -> int:
    """Correct whoever had a lease that has expired, by one worker at a time; gives how many subjects."""
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return 0
        rows = await connection.fetch(SQL["expired"], _CORRECTED_AT_ONCE)
        for row in rows:
            await correct(connection, Subject(Kind(row["kind"]), row["id"]))
            await connection.execute(SQL["drop_expired"], row["kind"], row["id"])
        return len(rows)
