"""Follow what changed, in whichever order it was committed, without missing anything.

Serial numbers are not in commit order, so the position is a PostgreSQL snapshot: the next reading brings exactly the rows
of transactions that this snapshot did not see. A long transaction delays nobody, and nothing is brought twice.
The publishing on Redis is faster; this is what makes it true when a writer dies between its commit and its publishing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg

from core.database import STORE_FAILURES
from core.directory import Directory
from core.shared_cache import SharedCache
from core.sqlfiles import load_sql

log = logging.getLogger(__name__)
Changes = list[tuple[str, int]]
_SQL = load_sql("core", "feed.sql")
_PAGE = 5_000


class ChangeFeed:
    """One for each worker. Applies changes to the directory, to `on_changes` (the worker's memory) and to Redis."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        directory: Directory,
        cache: SharedCache,
        on_changes: Callable[[Changes], None],
        *,
        interval_seconds: float,
        cache_ttl_seconds: int,
    ) -> None:
        self._pool = pool
        self._directory = directory
        self._cache = cache
        self._on_changes = on_changes
        self._interval_seconds = interval_seconds
        self._cache_ttl_seconds = cache_ttl_seconds
        self._position = ""  # what this worker's memory has been told
        self._cache_position: str | None = None  # what Redis has been told, by this worker or another
        self._last_read = time.monotonic()
        self._failing = False

    @property
    def stale_seconds(self) -> float:
        """How long the database has not been heard of; 0 while all is well."""
        return time.monotonic() - self._last_read if self._failing else 0.0

    async def start(self) -> None:
        """Take the first position, load the directory, correct Redis. Raises as asyncpg does."""
        self._position = await self._pool.fetchval(_SQL["snapshot"])
        await self._directory.load()
        self._cache_position = await self._cache.read_position()
        await self._correct_cache()

    async def follow(self) -> None:
        """Read for ever, once an interval."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            try:
                await self.read()
            except STORE_FAILURES as lost:
                self._failed(lost)
            except asyncpg.PostgresError as wrong:
                self._failed(wrong)

    async def read(self) -> None:
        """Apply everything committed since the last reading."""
        in_step = self._cache.corrected and self._cache_position == self._position
        async with self._pool.acquire() as connection, _one_snapshot(connection):
            snapshot: str = await connection.fetchval(_SQL["snapshot"])
            await self._read_directory(connection)
            changed = False
            async for changes in _pages(connection, _SQL["changed_identifiers"], self._position):
                changed = True
                self._on_changes(changes)
                in_step = in_step and await self._cache.drop_older(changes)
        self._position = snapshot
        self._last_read = time.monotonic()
        if self._failing:
            self._failing = False
            log.info("PostgreSQL is back")
        if in_step:
            self._cache_position = snapshot
            if changed:
                await self._cache.write_position(snapshot)
        else:
            await self._correct_cache()

    async def _read_directory(self, connection: Any) -> None:
        since = self._position
        self._directory.apply_prefixes(await connection.fetch(_SQL["changed_prefixes"], since))
        self._directory.apply_templates(await connection.fetch(_SQL["changed_templates"], since))
        self._directory.forget_keys(row["key_id"] for row in await connection.fetch(_SQL["changed_keys"], since))

    async def _correct_cache(self) -> None:
        """Bring Redis up to this worker's position; until that is done nothing is read from it."""
        self._cache.corrected = False
        if not self._cache.available:
            return
        since = self._cache_position
        query, argument = (_SQL["changed_identifiers"], since) if since else (
            _SQL["recently_changed_identifiers"], self._cache_ttl_seconds
        )  # fmt: skip
        async with self._pool.acquire() as connection, _one_snapshot(connection):
            async for changes in _pages(connection, query, argument):
                if not await self._cache.drop_older(changes):
                    return
        if await self._cache.ping():
            self._cache_position = self._position
            await self._cache.write_position(self._position)
            self._cache.corrected = True

    def _failed(self, why: BaseException) -> None:
        if not self._failing:
            log.warning("PostgreSQL cannot be reached, answering from memory: %s", why or type(why).__name__)
        self._failing = True


def _one_snapshot(connection: Any) -> Any:
    return connection.transaction(isolation="repeatable_read", readonly=True)


async def _pages(connection: Any, query: str, argument: str | int) -> AsyncIterator[Changes]:
    """The rows of a feed query, a bounded page at a time."""
    cursor = await connection.cursor(query, argument)
    while rows := await cursor.fetch(_PAGE):
        yield [(row["key"], row["version"]) for row in rows]
