"""Numbers of a sequence: taken by whoever mints or leases, given back by leases. Each is given out once until it comes back.

Everything here runs in the transaction of its caller, and locks leases first, in order of their ids, then the sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from core.sqlfiles import load_sql
from registry.leasing.ranges import Ranges, flat, ranges_of, size, take, unflat, without
from registry.leasing.rows import SQL, Locked

_SEQUENCES = load_sql("registry", "minting.sql")


async def take_numbers(connection: Any, prefix: str, pattern: str, count: int, grace: timedelta) -> Ranges:
    """`count` numbers that nobody has: returned ones first. Leases whose `grace` is over give theirs back before."""
    overdue = await connection.fetch(SQL["overdue_leases"], prefix, pattern, grace.total_seconds())
    await _end(connection, prefix, pattern, overdue, "expired")
    held = await connection.fetchrow(_SEQUENCES["lock_sequence"], prefix, pattern)
    taken, left = take(unflat(held["returned"]), count)
    if missing := count - size(taken):
        taken = ranges_of((*taken, (held["last"] + 1, held["last"] + missing)))
    await connection.execute(_SEQUENCES["move_sequence"], prefix, pattern, held["last"] + missing, flat(left))
    return taken


async def end_lease(connection: Any, lease: Locked, used: Ranges) -> None:
    """A locked lease ends: what was not used goes back."""
    await connection.execute(SQL["end_lease"], lease.id, "closed")
    await give_back(connection, lease.prefix, lease.pattern, without(lease.granted, used))


async def end_leases(connection: Any, prefix: str) -> int:
    """All leases of a prefix end; how many there were."""
    rows = await connection.fetch(SQL["open_of_prefix"], prefix)
    for pattern in sorted({row["pattern"] for row in rows}):
        await _end(connection, prefix, pattern, [row for row in rows if row["pattern"] == pattern], "closed")
    return len(rows)


async def give_back(connection: Any, prefix: str, pattern: str, unused: Ranges) -> None:
    held = await connection.fetchrow(_SEQUENCES["lock_sequence"], prefix, pattern)
    returned = ranges_of((*unflat(held["returned"]), *unused))
    await connection.execute(_SEQUENCES["move_sequence"], prefix, pattern, held["last"], flat(returned))


async def _end(connection: Any, prefix: str, pattern: str, leases: Sequence[Any], state: str) -> None:
    unused: list[tuple[int, int]] = []
    for lease in leases:
        unused += without(unflat(lease["granted"]), unflat(lease["used"]))
        await connection.execute(SQL["end_lease"], lease["id"], state)
    if unused:
        await give_back(connection, prefix, pattern, ranges_of(unused))
