"""When and from where each key was last used: noted in memory by every call, written once a tick."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any

import asyncpg

from core.database import store_errors
from core.errors import StoreUnavailable
from core.sqlfiles import load_sql

_SQL = load_sql("core", "key_use.sql")
_TICK_SECONDS = 30.0
_AT_ONCE = 1_000


class KeyUse:
    """One for each worker. A worker that is killed forgets half a minute of it; the keys in use take 200 bytes each."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._noted: dict[int, tuple[datetime, str | None]] = {}

    def note(self, key: int, now: datetime, source: str | None) -> None:
        """`key` is `api_key.id`."""
        self._noted[key] = (now, source)

    async def write(self) -> None:
        """Write what was noted until now; an older time never replaces a newer one. Raises `StoreUnavailable`, and then
        what was not written stays noted."""
        left, self._noted = list(self._noted.items()), {}
        try:
            while left:
                await self._write_some(left[:_AT_ONCE])
                left = left[_AT_ONCE:]
        finally:
            self._noted = dict(left) | self._noted  # used again meanwhile is newer

    async def _write_some(self, some: list[tuple[int, tuple[datetime, str | None]]]) -> None:
        keys = [key for key, _ in some]
        times, sources = [at for _, (at, _) in some], [source for _, (_, source) in some]
        with store_errors():
            await self._pool.execute(_SQL["note_uses"], keys, times, sources)

    async def run(self) -> None:
        """Write once a tick, for ever."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            await self.write_if_possible()

    async def write_if_possible(self) -> None:
        """What cannot be written stays noted for the next tick."""
        with suppress(StoreUnavailable):
            await self.write()
