"""Carry the tally of a worker to the stored totals, once a second, each batch exactly once."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from core.database import store_errors
from core.errors import StoreUnavailable
from core.sqlfiles import load_sql
from core.telemetry import USAGE_LOST, USAGE_WAITING
from resolver.usage.noted import Noted, left_behind
from resolver.usage.tally import SECONDS_PER_MINUTE, Batch, Tally

log = logging.getLogger(__name__)
_SQL = load_sql("resolver", "usage.sql")
_TICK_SECONDS = 1.0
_HOUSEKEEPING_TICKS = 30
_DROPPED_AT_ONCE = 10_000


class Applier:
    """One for each worker. `directory` is where runs leave their notes; None keeps none (a worker that stands alone)."""

    def __init__(self, pool: Any, tally: Tally, *, slot: int, directory: Path | None, keep_minutes_days: int) -> None:
        self._pool = pool
        self._tally = tally
        self._slot = slot
        self._directory = directory
        self._keep_minutes_days = keep_minutes_days
        self._run = uuid4()
        self._begun = False
        self._walked: datetime | None = None  # hours before have no registrations by the minute any more
        self._noted: Noted | None = None
        if directory is not None:
            self._noted = Noted(directory, self._run)
            tally.answered = self._noted.answered
        self.tick()

    def tick(self) -> None:
        self._tally.minute = int(time.time()) // SECONDS_PER_MINUTE

    async def run(self) -> None:
        """For ever. While PostgreSQL is away the counts wait in memory."""
        ticks, due = 0, True
        while True:
            self.tick()
            due = due or ticks % _HOUSEKEEPING_TICKS == 0
            try:
                await self.apply()
                if due:
                    await self._report_losses()
                    await self._drop_old_minutes()
                    due = False
            except StoreUnavailable:
                pass  # the feed says so, once for all
            except asyncpg.PostgresError:
                log.exception("the tally of resolutions could not be stored; trying again")
            USAGE_WAITING.set(self._tally.waiting)
            ticks += 1
            await asyncio.sleep(_TICK_SECONDS)

    async def apply(self) -> None:
        """Store what is waiting. Raises `StoreUnavailable`; then the same batch is tried again under the same number."""
        while (batch := self._tally.seal()) is not None:
            with store_errors():
                await self._store(batch)
            self._tally.applied(batch.sequence)

    async def finish(self) -> None:
        """At the end of the worker: store the last, and leave nothing to report."""
        await self.apply()
        if self._begun:
            with store_errors():
                await self._pool.fetchval(_SQL["end_run"], self._run, 0, self._slot)
        if self._noted is not None:
            self._noted.forget()

    async def _store(self, batch: Batch) -> None:
        if not self._begun:
            await self._pool.execute(_SQL["begin_run"], self._run, self._slot)
            self._begun = True
        columns = [list(column) for column in zip(*batch.lines, strict=True)]
        await self._pool.fetch(
            _SQL["apply_batch"], self._run, batch.sequence, batch.resolutions, *columns, list(batch.lines.values())
        )

    async def _report_losses(self) -> None:
        """What killed workers of this machine had answered and not delivered."""
        if self._directory is None:
            return
        for left in left_behind(self._directory):
            with store_errors():
                lost = await self._pool.fetchval(_SQL["end_run"], left.run, left.answered, self._slot)
            left.path.unlink(missing_ok=True)
            if lost:
                USAGE_LOST.inc(lost)
                log.warning("%d resolutions of a worker that was killed are not counted", lost)

    async def _drop_old_minutes(self) -> None:
        before = (int(time.time()) // 86_400 - self._keep_minutes_days) * 86_400
        with store_errors():
            await self._pool.execute(_SQL["drop_minutes"], before, _DROPPED_AT_ONCE)
            await self._drop_registration_minutes(datetime.fromtimestamp(before, UTC))

    async def _drop_registration_minutes(self, before: datetime) -> None:
        """A day of hours at a time, from the oldest on: no index could name those that have minutes, for it would be changed
        with every registration."""
        if self._walked is None:
            self._walked = await self._pool.fetchval(_SQL["oldest_hour"])
        if self._walked is None or self._walked >= before:
            return
        until = min(self._walked + timedelta(days=1), before)
        dropped = await self._pool.fetchval(_SQL["drop_registration_minutes"], self._walked, until, _DROPPED_AT_ONCE)
        if dropped < _DROPPED_AT_ONCE:
            self._walked = until
