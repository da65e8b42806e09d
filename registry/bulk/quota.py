"""What a job may create: allowance is taken for each chunk, when it is known how many of its rows are new.

On a connection of its own, outside of the chunk's transaction: nobody who registers meanwhile waits for the chunk. What a
killed runner had taken expires, and the counters tell what became of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from core.errors import QuotaExhausted
from core.quota import Allowance
from core.quota_book import Defaults, QuotaBook
from core.sqlfiles import load_sql
from core.telemetry import QUOTA_REFUSED
from registry.bulk.jobs import Job
from registry.quotas.allowances import exhausted
from registry.quotas.ledger import SQL, give_back, take

_DIRECTORY = load_sql("core", "directory.sql")
_LEASE_SECONDS = 700.0  # longer than a chunk's last statement may take


@dataclass(slots=True)
class Spending:
    """Of one chunk. Without limits it grants everything."""

    ledger: Any = None
    limits: tuple[Allowance, ...] = ()
    short: QuotaExhausted | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # the lanes share the connection
    _taken: list[tuple[int, int]] = field(default_factory=list)

    async def take(self, wanted: int) -> int:
        """How many may be created, of so many; `short` says why, where it is fewer. Raises as asyncpg does."""
        granted = wanted
        async with self.lock:
            for limit in self.limits:
                lent = await take(self.ledger, limit, granted, _LEASE_SECONDS, most=granted)
                if lent.number is not None:
                    self._taken.append((lent.number, lent.units))
                if lent.units < granted:
                    granted, self.short = lent.units, exhausted(limit, lent.total_is_spent, lent.seconds_left)
        await self._keep(granted)
        return granted

    async def give_back(self) -> None:
        """All of it: the chunk was not committed."""
        await self._keep(0)

    def refuse(self, rows: int) -> QuotaExhausted:
        """The refusal of so many rows, counted."""
        assert self.short is not None
        QUOTA_REFUSED.labels(str(self.short.extra["limit"])).inc(rows)
        return self.short

    async def _keep(self, units: int) -> None:
        async with self.lock:
            for place, (number, held) in enumerate(self._taken):
                if held > units:
                    self._taken[place] = (number, units)
                    await give_back(self.ledger, number, held - units)


class JobQuotas:
    """One for the runner. `connection` is used for nothing else."""

    def __init__(self, connection: Any, defaults: Defaults) -> None:
        self._connection = connection
        self._defaults = defaults
        self._lock = asyncio.Lock()

    async def spending(self, job: Job) -> Spending:
        return Spending(self._connection, await self._limits(job), lock=self._lock)

    async def room(self, job: Job) -> int | None:
        """How many the job may create as things stand; None: without limit."""
        rooms = []
        for limit in await self._limits(job):
            subject = (limit.subject.kind.value, limit.subject.number)
            async with self._lock:
                await self._connection.execute(SQL["open_account"], *subject)
                rooms.append(await self._connection.fetchval(SQL["room"], *subject, limit.per_day, limit.total))
        return min(rooms, default=None)

    async def _limits(self, job: Job) -> tuple[Allowance, ...]:
        """Read anew: a change of a quota acts on the chunks that follow."""
        book = QuotaBook(self._defaults)
        async with self._lock:
            prefix = await self._connection.fetchrow(_DIRECTORY["one_prefix"], job.prefix)
            book.apply(await self._connection.fetch(_DIRECTORY["some_quotas"], prefix["enterprise_id"], job.actor))
        return book.allowances(job.actor, prefix["enterprise_id"])
