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
from contextlib import asynccontextmanager
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
_FRESH_SECONDS = 1.0  # the promise: what is older is called stale
_LONGEST_WRITE_SECONDS = 600  # from the beginning of a transaction, which dates its changes, to its commit


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
        self._pool = pool  # of its own: busy callers must not keep the feed waiting, nor be taken for a lost database
        self._directory = directory
        self._cache = cache
        self._on_changes = on_changes
        self._interval_seconds = interval_seconds
        self._cache_ttl_seconds = cache_ttl_seconds
        self._position = ""  # what this worker's memory has been told
        self._cache_position: str | None = None  # what Redis has been told by this worker
        self._last_read = time.monotonic()
        self._failing = False
        self._pausing: asyncio.Future[None] | None = None

    @property
    def lost(self) -> bool:
        """Whether PostgreSQL cannot be reached, or does not answer within the deadline."""
        return self._failing

    @property
    def age_seconds(self) -> float:
        """Since the last reading."""
        return time.monotonic() - self._last_read

    @property
    def stale_seconds(self) -> float:
        """How long the database has not been heard of; 0 while changes are seen as soon as they must be."""
        silence = time.monotonic() - self._last_read
        return silence if self._failing or silence > max(_FRESH_SECONDS, 2 * self._interval_seconds) else 0.0

    async def start(self) -> None:
        """Take the first position, load the directory, correct Redis. Raises as asyncpg does."""
        self._position = await self._pool.fetchval(_SQL["snapshot"])
        await self._directory.load()
        await self._correct_cache()
        self._last_read = time.monotonic()

    async def follow(self) -> None:
        """Read for ever, once an interval."""
        while True:
            await self._pause()
            try:
                await self.read()
            except STORE_FAILURES as lost:
                self._failed(lost)
            except asyncpg.PostgresError as wrong:
                self._failed(wrong)

    def wake(self) -> None:
        """Read at once: another worker says that it changed who owns what."""
        if self._pausing is not None and not self._pausing.done():
            self._pausing.set_result(None)

    async def _pause(self) -> None:
        """Until the next reading is due, or somebody wakes it."""
        loop = asyncio.get_running_loop()
        self._pausing = loop.create_future()
        due = loop.call_later(self._interval_seconds, self.wake)
        try:
            await self._pausing
        finally:
            due.cancel()

    async def read(self) -> None:
        """Apply everything committed since the last reading."""
        run = self._cache.run
        in_step = self._cache.corrected and self._cache_position == self._position
        async with self._one_snapshot() as connection:
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
        if in_step and run is not None:
            self._cache_position = snapshot
            if changed:
                await self._cache.write_position(run, snapshot)
        else:
            await self._correct_cache()

    async def _read_directory(self, connection: Any) -> None:
        since = self._position
        self._directory.apply_prefixes(await connection.fetch(_SQL["changed_prefixes"], since))
        self._directory.apply_templates(await connection.fetch(_SQL["changed_templates"], since))
        self._directory.apply_quotas(await connection.fetch(_SQL["changed_quotas"], since))
        self._directory.forget_keys(row["key_id"] for row in await connection.fetch(_SQL["changed_keys"], since))
        if await connection.fetchval(_SQL["grants_changed"], since):
            self._directory.forget_grants()

    async def _correct_cache(self) -> None:
        """Bring Redis up to this worker's position; until that is done nothing is read from it."""
        self._cache.set_corrected(None)
        if not (self._cache.available and await self._cache.ping()) or (run := self._cache.run) is None:
            return
        since = await self._cache.read_position(run)
        query, argument = (_SQL["changed_identifiers"], since) if since else (
            _SQL["recently_changed_identifiers"], self._cache_ttl_seconds + _LONGEST_WRITE_SECONDS
        )  # fmt: skip
        async with self._one_snapshot() as connection:
            async for changes in _pages(connection, query, argument):
                if not await self._cache.drop_older(changes):
                    return
        self._cache_position = self._position
        await self._cache.write_position(run, self._position)
        self._cache.set_corrected(run)

    @asynccontextmanager
    async def _one_snapshot(self) -> AsyncIterator[Any]:
        """A connection that sees one state of the database."""
        async with self._pool.acquire() as connection:
            try:
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    yield connection
            except STORE_FAILURES as lost:
                self._failed(lost)  # now: giving back a connection that hangs takes a while
                raise

    def _failed(self, why: BaseException) -> None:
        if not self._failing:
            log.warning("PostgreSQL cannot be reached, answering from memory: %s", why or type(why).__name__)
        self._failing = True


async def _pages(connection: Any, query: str, argument: str | int) -> AsyncIterator[Changes]:
    """The rows of a feed query, a bounded page at a time."""
    cursor = await connection.cursor(query, argument)
    while rows := await cursor.fetch(_PAGE):
        yield [(row["key"], row["version"]) for row in rows]
