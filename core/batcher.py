"""Merge what many callers ask for at once into few round trips.

Nothing waits on a clock: the first caller flies in the same loop tick, and whoever comes while the flights are out shares
the next one. So an idle node answers one caller at once, and a busy one grows its batches by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from core.errors import StoreUnavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")
Told = Callable[[R | Exception], None]
_AT_ANY_SIZE = 2  # flights


class Batcher(Generic[T, R]):
    """`run(items)` gives one result for each item, in order. A result that is an exception is raised to that caller
    alone; what `run` itself raises, every caller of the batch gets.

    At most `max_flights` batches of at most `max_batch` items are out at a time, those beyond the second with at least half of
    that: small ones cost more than they bring. At most `max_waiting` items wait: beyond that callers are refused with
    `StoreUnavailable` instead of queueing without end.
    """

    def __init__(
        self,
        run: Callable[[list[T]], Awaitable[Sequence[R | Exception]]],
        *,
        max_batch: int,
        max_flights: int,
        max_waiting: int = 50_000,
    ) -> None:
        self._run = run
        self._max_batch = max_batch
        self._max_flights = max_flights
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[T, Told[R]]] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._scheduled = False

    def submit(self, item: T) -> asyncio.Future[R]:
        """The future result of `item`."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.add(item, partial(settle, future))
        return future

    def add(self, item: T, told: Told[R]) -> None:
        """The same for who needs no future: `told` is called with the result, or with the error."""
        if len(self._waiting) >= self._max_waiting:
            raise StoreUnavailable(
                f"More than {self._max_waiting} requests are waiting", f"等待处理的请求超过 {self._max_waiting} 个"
            )
        self._waiting.append((item, told))
        if not self._scheduled and self._may_fly():
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._launch)

    def _launch(self) -> None:
        self._scheduled = False
        while self._waiting and self._may_fly():
            size = min(self._max_batch, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            flight = asyncio.ensure_future(self._fly(batch))
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _may_fly(self) -> bool:
        out = len(self._flights)
        return out < self._max_flights and (out < _AT_ANY_SIZE or 2 * len(self._waiting) >= self._max_batch)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._launch()

    async def _fly(self, batch: list[tuple[T, Told[R]]]) -> None:
        try:
            results = await self._run([item for item, _ in batch])
        except BaseException as wrong:
            for _, told in batch:
                tell(told, wrong if isinstance(wrong, Exception) else StoreUnavailable())
            if not isinstance(wrong, Exception):
                raise
            return
        for (_, told), result in zip(batch, results, strict=True):
            tell(told, result)


def tell(told: Told[R], result: R | Exception) -> None:
    """One caller's fault is not the others'."""
    try:
        told(result)
    except Exception:  # whatever a caller does with it
        log.exception("a result could not be delivered")


def settle(future: asyncio.Future[R], result: R | Exception) -> None:
    """Give a future its result, or its error; nothing where nobody waits any more."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
