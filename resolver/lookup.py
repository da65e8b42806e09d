"""One verb: find a record. Memory, then Redis, then PostgreSQL; one flight a key, one trip a loop tick.

Every door reads through here. What is found may be a withdrawn record: that is an answer, never an absence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, cast

import asyncpg

from core.batcher import Batcher, Told, settle, tell
from core.database import store_errors
from core.errors import StoreUnavailable
from core.exchange import Answer
from core.feed import ChangeFeed
from core.record import Record, decode_record, record_from_row
from core.shared_cache import SharedCache
from core.sqlfiles import load_sql
from core.telemetry import LOOKUPS
from resolver.memory import Entry, Memory

_SQL = load_sql("resolver", "lookup.sql")
_MEMORY_SECONDS = (
    3_600.0  # as Redis by default: the feed keeps both true, this bounds what an unknown fault of it could do
)
_BACKFILLS = 8
_ABSENT = LookupError()  # the shared cache does not say
_FROM_MEMORY = LOOKUPS.labels("memory")
_FROM_CACHE = LOOKUPS.labels("redis")
_FROM_STORE = LOOKUPS.labels("postgresql")
_UNKNOWN = LOOKUPS.labels("unknown")


class Lookup:
    """One for each worker."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        cache: SharedCache,
        feed: ChangeFeed,
        memory: Memory,
        *,
        negative_seconds: float,
        stale_limit_seconds: float,
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._feed = feed
        self._memory = memory
        self._negative_seconds = negative_seconds
        self._stale_limit_seconds = stale_limit_seconds
        self._flights: dict[str, list[Told[Entry | None]]] = {}
        self._from_cache: Batcher[str, Entry | None] = Batcher(self._read_cache, max_batch=512, max_flights=2)
        self._from_store: Batcher[str, Entry | None] = Batcher(self._read_store, max_batch=256, max_flights=4)
        self._backfills: set[asyncio.Task[None]] = set()

    @property
    def stale_seconds(self) -> float:
        """How old an answer may be because PostgreSQL is not heard of; 0 while all is well."""
        return self._feed.stale_seconds

    def held(self, key: str) -> Entry | None:
        """The record as this worker's memory has it, None where that does not answer. Raises `StoreUnavailable`."""
        stale = self._feed.stale_seconds
        if stale > self._stale_limit_seconds:
            raise StoreUnavailable(
                f"PostgreSQL has not been reached for {stale:.0f} s; older answers are not given",
                f"数据库已 {stale:.0f} 秒无法访问，不再提供更旧的结果",
            )
        return self._fresh(self._memory.get(key), stale)

    def oldest_kept(self, now: float) -> float:
        """When (monotonic seconds) an entry must have been stored to be answered from at `now`."""
        return now - _MEMORY_SECONDS

    @property
    def memory(self) -> Memory:
        return self._memory

    def wire_until(self, entry: Entry) -> float:
        """Until when (monotonic seconds) a ready answer made from the entry may be given."""
        return entry.stored_at + _MEMORY_SECONDS

    def count_ready(self, count: int) -> None:
        """So many answers were given from memory by `memory.lines` or `memory.wires`."""
        _FROM_MEMORY.inc(count)

    def count_missing(self) -> None:
        """An answer was given because of `is_missing`."""
        _UNKNOWN.inc()

    def _fresh(self, entry: Entry | None, stale: float) -> Entry | None:
        if entry is not None and (stale or time.monotonic() - entry.stored_at < _MEMORY_SECONDS):
            _FROM_MEMORY.inc()
            return entry
        return None

    async def find(self, key: str) -> Entry | None:
        """The record with this canonical key, None when there is none. Raises `StoreUnavailable`."""
        if (entry := self.held(key)) is not None:
            return entry
        if self.is_missing(key):
            self.count_missing()
            return None
        found: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()
        self.find_soon(key, partial(settle, found))
        return await found

    def is_missing(self, key: str) -> bool:
        """Whether memory knows, at this moment, that there is no such record."""
        return not self._feed.stale_seconds and self._memory.is_missing(key, time.monotonic())

    def find_soon(self, key: str, told: Told[Entry | None]) -> None:
        """What memory does not hold: `told` is called with the record, None where there is none, or `StoreUnavailable`."""
        waiting = self._flights.get(key)
        if waiting is not None:
            waiting.append(told)
            return
        self._from_cache.add(key, partial(self._landed, key))
        self._flights[key] = [told]

    async def find_newer(self, key: str, at_least: int) -> Entry | None:
        """As `find`, passing over tiers whose version is below `at_least`; 0 passes over all but PostgreSQL.

        What comes back may still be older: then there is no newer one. Raises `StoreUnavailable`.
        """
        entry = self.held(key) if at_least else None
        if entry is not None and entry.record.version >= at_least:
            return entry
        return await self._from_store.submit(key)

    async def find_many(self, keys: Sequence[str]) -> list[Entry | Exception | None]:
        """One result for each key, in order; a key that could not be read gets its own `StoreUnavailable`."""
        found: dict[str, Entry | Exception | None] = {}
        away: dict[str, None] = {}  # in order, each once
        for key in keys:
            try:
                entry = self.held(key)
            except StoreUnavailable as gone:
                found[key] = gone
                continue
            if entry is not None or self.is_missing(key):
                found[key] = entry
            else:
                away[key] = None
        if away:
            await self._find_away(list(away), found)
        return [found[key] for key in keys]

    async def find_many_newer(self, keys: Sequence[str], at_least: int) -> list[Entry | Exception | None]:
        """As `find_newer` of each, in order and in common trips; a key that could not be read gets its own problem."""
        found = await asyncio.gather(*(self.find_newer(key, at_least) for key in keys), return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException) and not isinstance(one, Exception):
                raise one
        return cast("list[Entry | Exception | None]", found)

    async def _find_away(self, keys: list[str], found: dict[str, Entry | Exception | None]) -> None:
        """Add to `found` what memory does not hold."""
        all_told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        left = len(keys)

        def told(key: str, result: Entry | Exception | None) -> None:
            nonlocal left
            found[key] = result
            left -= 1
            if not left and not all_told.done():
                all_told.set_result(None)

        for key in keys:
            try:
                self.find_soon(key, partial(told, key))
            except StoreUnavailable as full:
                told(key, full)
        await all_told

    def count_answer(self, entry: Entry, answer: Answer) -> None:
        self._memory.count_answer(entry, answer)

    def _landed(self, key: str, result: Entry | Exception | None) -> None:
        """From the shared cache; what it has not is asked of the store."""
        if result is _ABSENT:
            try:
                self._from_store.add(key, partial(self._told_all, key))
                return
            except StoreUnavailable as full:
                result = full
        self._told_all(key, result)

    def _told_all(self, key: str, result: Entry | Exception | None) -> None:
        for told in self._flights.pop(key, ()):
            tell(told, result)

    async def _read_cache(self, keys: list[str]) -> list[Entry | Exception | None]:
        stored = await self._cache.get_many(keys)
        now = time.monotonic()
        found = [self._from_octets(key, octets, now) for key, octets in zip(keys, stored, strict=True)]
        _FROM_CACHE.inc(len(found) - found.count(_ABSENT))
        return found

    def _from_octets(self, key: str, octets: bytes | None, now: float) -> Entry | Exception | None:
        record = _decoded(octets) if octets is not None else None
        if record is None or record.key != key or record.version < self._memory.floor(key):
            return _ABSENT
        return self._memory.put(record, now, "redis")

    async def _read_store(self, keys: list[str]) -> list[Entry | None]:
        asked_at = time.monotonic()
        with store_errors():
            rows = await self._pool.fetch(_SQL["find_many"], keys)
        records = {record.key: record for record in map(record_from_row, rows)}
        now = time.monotonic()
        self._backfill([record for record in records.values() if record.version >= self._memory.floor(record.key)])
        for key in keys:
            if key not in records:
                self._memory.put_missing(key, asked_at + self._negative_seconds)
        _FROM_STORE.inc(len(records))
        _UNKNOWN.inc(len(keys) - len(records))
        return [self._memory.put(records[key], now) if key in records else None for key in keys]

    def _backfill(self, records: list[Record]) -> None:
        """Share what was read; nobody waits for it, and when Redis is slow some is simply not shared."""
        if records and len(self._backfills) < _BACKFILLS:
            self._in_background(self._cache.put_many(records))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._backfills.add(task)
        task.add_done_callback(self._backfills.discard)


def _decoded(octets: bytes) -> Record | None:
    """None for what no version of ours wrote, or another one did: PostgreSQL knows better."""
    try:
        return decode_record(octets)
    except (ValueError, TypeError):
        return None
