"""Keeps standby data current and orders in step with time; one leader, in the process of the exchange."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sync.access.breaker import Breaker
from sync.access.transport import NotSent, OutcomeUnknown
from sync.leading import lead
from sync.takeover.orders import SQL, Orders
from sync.takeover.standby import Refused, Standby
from sync.takeover.states import State

log = logging.getLogger(__name__)
LOCK = 0x6269616F6B656570  # "biaokeep"
_TICK_SECONDS = 0.5


class Keeper:
    """`every`: at the latest; it goes out after each accepted deposit too, and where prefixes changed, `soon` after the last one,
    as each reads all identifiers. `every` 0: only when the top level takes over, or by command."""

    def __init__(
        self, pool: Any, orders: Orders, standby: Standby, every: timedelta, soon: timedelta = timedelta(minutes=15),
        clock: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        self._pool, self._orders, self._standby, self._every, self._soon = pool, orders, standby, every, soon
        self._clock = clock or (lambda: datetime.now(UTC))
        self._breaker = Breaker()

    async def run(self) -> None:
        """For ever."""
        try:
            await lead(self._pool, LOCK, self.tick, _TICK_SECONDS, "takeover")
        finally:
            await self.close()

    async def close(self) -> None:
        await self._standby.close()

    async def tick(self) -> None:
        """Raises as asyncpg does."""
        state = await self._orders.move_on()
        if state == State.RETURNING:
            await self._orders.take_back()
            return
        if await self._is_due(state) and self._breaker.allows(time.monotonic()):
            await self._send()

    async def _is_due(self, state: str | None) -> bool:
        """With an order in effect: once after registration froze, so that nothing is missing at the hand-back."""
        last = await self._pool.fetchrow(SQL["last_snapshot"])
        if state == State.ACTIVE:
            order = await self._pool.fetchrow(SQL["open_order"])
            return last is None or (order is not None and last["watermark"] < order["since"])
        if not self._every:
            return False
        if last is None or (age := self._clock() - last["watermark"]) >= self._every:
            return True
        since = await self._pool.fetchrow(SQL["changed_since"], last["snapshot_id"])
        return bool(since["deposited"] or (since["prefixed"] and age >= self._soon))

    async def _send(self) -> None:
        try:
            manifest = await self._standby.send()
        except (NotSent, OutcomeUnknown, Refused) as wrong:
            self._breaker.failed(time.monotonic(), random.random())  # noqa: S311
            log.warning("standby data cannot be sent: %s", wrong)
        else:
            self._breaker.succeeded()
            log.info("standby data %s: %d records", manifest["snapshotId"], manifest["records"])
