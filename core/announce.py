"""After the commit: tell this worker at once, the others through Redis. Nobody waits for it, and losing it loses nothing.

The change feed brings whatever an announcement did not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from core.record import Record
from core.shared_cache import SharedCache

_WAITING = 50_000
_AT_ONCE = 1_024
_RANGE_FROM = 100  # records of one request


class Announcer:
    """One for each worker. `on_changes` hears of (key, version) before the writer is answered."""

    def __init__(self, cache: SharedCache, on_changes: Callable[[list[tuple[str, int]]], None]) -> None:
        self._cache = cache
        self._on_changes = on_changes
        self._waiting: deque[Record] = deque(maxlen=_WAITING)  # a lost Redis must not fill the memory
        self._ranges: deque[tuple[str, str]] = deque(maxlen=_WAITING)
        self._awake = asyncio.Event()

    def committed(self, records: Sequence[Record]) -> None:
        self._on_changes([(record.key, record.version) for record in records])
        self._waiting.extend(records)
        self._awake.set()

    def committed_batch(self, records: Sequence[Record]) -> None:
        """As `committed`, for new records of one request: many of them are told by their range, and go into Redis when
        they are first asked for."""
        if len(records) < _RANGE_FROM:
            self.committed(records)
            return
        self._on_changes([(record.key, record.version) for record in records])
        keys = [record.key for record in records]
        self._ranges.append((min(keys), max(keys)))
        self._awake.set()

    async def run(self) -> None:
        """Announce for ever."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            while self._ranges:
                await self._cache.announce_range(*self._ranges.popleft())
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                await self._cache.put_many(some)
                await self._cache.announce([(record.key, record.version) for record in some])
