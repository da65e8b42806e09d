"""Keeps standby data current and orders in step with time; one leader, in the process of the exchange."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from core.telemetry import STANDBY_AGE_SECONDS, publish
from sync.access.breaker import Breaker
from sync.access.transport import NotSent, OutcomeUnknown
from sync.leading import lead
from sync.takeover.comparing import Compared, Comparison
from sync.takeover.flow import Flow
from sync.takeover.handing_back import HandingBack
from sync.takeover.orders import Orders
from sync.takeover.standby import SQL, Refused, Standby
from sync.takeover.states import State
from sync.takeover.telling import NoBase

log = logging.getLogger(__name__)
LOCK = 0x6269616F6B656570  # "biaokeep"
_TICK_SECONDS = 0.5
_MOST_SETS = 2  # in one go: after the first it may turn out that another is needed
_AWAY = (NotSent, OutcomeUnknown, Refused)


class Keeper:
    """Changes flow once in `every`; 0: only while the top level answers in this node's place, or by command. A whole set goes out
    where changes cannot follow the last one, and where a comparison, after each accepted deposit, finds a difference."""

    def __init__(
        self, pool: Any, orders: Orders, handing_back: HandingBack, standby: Standby, flow: Flow, comparison: Comparison,
        every: timedelta, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._pool, self._orders, self._handing_back = pool, orders, handing_back
        self._standby, self._flow, self._comparison = standby, flow, comparison
        self._every, self._clock = every.total_seconds(), clock
        self._breaker, self._due = Breaker(), 0.0
        self.closing: list[Callable[[], Awaitable[None]]] = [standby.close]  # what lets go of connections

    async def run(self) -> None:
        """For ever."""
        try:
            await lead(self._pool, LOCK, self.tick, _TICK_SECONDS, "takeover")
        finally:
            await self.close()

    async def close(self) -> None:
        for close in self.closing:
            await close()

    async def tick(self) -> None:
        """Raises as asyncpg does."""
        state = await self._orders.move_on()
        if not self._breaker.allows(time.monotonic()):
            return
        if state == State.RETURNING:
            await self._tried(self._take_back)
        elif self._clock() >= self._due and (self._every or state == State.ACTIVE):
            self._due = self._clock() + (self._every or _TICK_SECONDS)
            await self._tried(self._keep_current)
            await self._measure()

    async def _tried(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except _AWAY as wrong:
            self._breaker.failed(time.monotonic(), random.random())  # noqa: S311
            log.warning("standby data cannot be sent: %s", wrong)
        else:
            self._breaker.succeeded()

    async def _take_back(self) -> None:
        """What waits is told first, so that only true differences are found."""
        await self._keep_current()
        found = await self._handing_back.take_back(self._comparison.of)
        if found is not None and found.different:
            await self._lose(found)

    async def _keep_current(self) -> None:
        """A whole set where one is needed, then what has changed. Raises as both do."""
        for _ in range(_MOST_SETS):
            if (why := await self._flow.base_needed()) is not None:
                await self._send(why)
            if not isinstance(outcome := await self._flow.round(), NoBase):
                break
        if outcome is not None:
            self._due = 0.0
            raise Refused(f"changes are not taken: {outcome}")
        await self._compare()

    async def _send(self, why: str) -> None:
        """Changes go on to flow onto the set before, where there is one. Nothing is read for a top level that is away."""
        await self._comparison.reach()
        sending = asyncio.create_task(self._standby.send())
        try:
            while not (await asyncio.wait({sending}, timeout=self._every or None))[0]:
                with contextlib.suppress(*_AWAY):
                    await self._flow.round()
            manifest = await sending
        finally:
            sending.cancel()
        log.info("standby data %s (%s): %d records", manifest["snapshotId"], why, manifest["records"])

    async def _compare(self) -> None:
        """Once after each accepted deposit; where anything differs, a whole set goes out."""
        base = await self._pool.fetchrow(SQL["last_snapshot"])
        if base is None or not await self._pool.fetchval(SQL["to_be_compared"], base["snapshot_id"]):
            return
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            found = await self._comparison.of(connection)
        if found.different:
            await self._lose(found)
        else:
            await self._pool.execute(SQL["snapshot_compared"], base["snapshot_id"])

    async def _lose(self, found: Compared) -> None:
        log.error("standby data differ at the top level: %d, such as %s", found.different, found.told[:3])
        await self._flow.lose(f"{found.different} differ at the top level", False)
        self._due = 0.0

    async def _measure(self) -> None:
        age = await self._pool.fetchval(SQL["age_seconds"])
        if age is not None:
            STANDBY_AGE_SECONDS.set(age)
            publish("biaojie_peering_")
