"""Which workers and caches hold which version of an identifier, asked of all of them over Redis.

A question is published to every worker; each answers on the channel of the one that asked. Waiting is bounded: what a
worker that is busy, or on a machine that is cut off, would have said is told as silence.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.access import Principal, require_owner
from core.database import store_errors
from core.directory import Directory
from core.identifier import Identifier
from core.record import record_from_row
from core.shared_cache import SharedCache
from core.sqlfiles import load_sql
from resolver.memory import Memory
from resolver.room import unknown

_SQL = load_sql("resolver", "lookup.sql")
_WAIT_SECONDS = 0.25
_MOST_OPEN = 64  # questions of one worker at a time: more wait for nobody and hear only themselves
_MOST_ANSWERS = 1_024


@dataclass(slots=True)
class _Open:
    """A question on its way, and what has come back."""

    heard: list[dict[str, Any]]
    expected: int | None
    enough: asyncio.Event


class Propagation:
    """One for each worker. `feed_age` is seconds since this worker read the change feed."""

    def __init__(
        self, pool: Any, cache: SharedCache, memory: Memory, feed_age: Callable[[], float], worker: int
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._memory = memory
        self._feed_age = feed_age
        self._worker = worker
        self._instance = secrets.token_hex(4)
        self._open: dict[str, _Open] = {}

    async def of(self, directory: Directory, principal: Principal, identifier: Identifier) -> dict[str, Any]:
        """Errors: `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `IdentifierUnknown`, `StoreUnavailable`."""
        prefix = require_owner(principal, await directory.fresh_owner(identifier), identifier.prefix)
        key = identifier.key(prefix.suffix_case_sensitive)
        with store_errors():
            rows = await self._pool.fetch(_SQL["find_many"], [key])
        if not rows:
            raise unknown(identifier)
        newest = int(rows[0]["version"])
        shared = await self._cache.version_of(key)
        workers, asked = await self._ask_all(key)
        held = [shared, *(one["version"] for one in workers)]
        return {
            "identifier": record_from_row(rows[0]).identifier,
            "postgresql": {"version": newest},
            "redis": {"version": shared, "available": self._cache.available and self._cache.corrected},
            "workers": sorted(workers, key=lambda one: (one["worker"], one["instance"])),
            "asked": asked,
            "silent": max(asked - len(workers), 0),
            "current": all(version is None or version >= newest for version in held) and asked <= len(workers),
        }

    def hear(self, message: dict[str, Any]) -> None:
        """A question of some worker, or an answer to one of ours: called for all that comes over the channel."""
        if message.get("to") is None:
            said = self._here(str(message["key"])) | {"to": message["from"], "question": message["question"]}
            self._cache.say_later(said)
        elif message["to"] == self._instance and (question := self._open.get(str(message["question"]))) is not None:
            if len(question.heard) < _MOST_ANSWERS:
                question.heard.append({name: part for name, part in message.items() if name not in ("to", "question")})
            if question.expected is not None and len(question.heard) >= question.expected:
                question.enough.set()

    async def _ask_all(self, key: str) -> tuple[list[dict[str, Any]], int]:
        """What workers said in time, and how many were asked. Without Redis only this one is."""
        if len(self._open) >= _MOST_OPEN:
            return [self._here(key)], 1
        number, question = secrets.token_hex(8), _Open([], None, asyncio.Event())
        self._open[number] = question
        try:
            asked = await self._cache.say({"from": self._instance, "question": number, "key": key})
            if not asked:
                return [self._here(key)], 1
            question.expected = asked
            if len(question.heard) < asked:
                try:
                    async with asyncio.timeout(_WAIT_SECONDS):
                        await question.enough.wait()
                except TimeoutError:
                    pass  # silence is an answer too
            return question.heard, asked
        finally:
            del self._open[number]

    def _here(self, key: str) -> dict[str, Any]:
        held = self._memory.peek(key)
        return {
            "worker": self._worker,
            "instance": self._instance,
            "version": held.record.version if held is not None else None,
            "floor": self._memory.floor(key),
            "feed_age_seconds": round(self._feed_age(), 3),
        }
