"""What is known for a while and then forgotten: challenges and sessions, shared between workers through Redis.

Redis is disposable: where it does not answer, a worker keeps tickets itself, so that the same connection goes on and others are
asked to begin anew. Memory is bounded; the oldest give way. Nothing here is a secret that opens more than its own session.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Any, TypeVar, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from core.shared_cache import REDIS_FAILURES

T = TypeVar("T")
KEPT_HERE = 10_000
_CONNECTIONS = 16
_SHUT_SECONDS = 0.5


class Tickets:
    """One for each worker and `kind`. `timeout_seconds` is the deadline of one call to Redis."""

    def __init__(self, url: str, node_id: str, kind: str, *, timeout_seconds: float) -> None:
        pool = BlockingConnectionPool.from_url(
            url, max_connections=_CONNECTIONS, timeout=timeout_seconds, socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds, retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._redis: Redis = Redis(connection_pool=pool)
        self._prefix = f"biaojie:{node_id}:{kind}:"
        self._here: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._shut_until = 0.0

    async def put(self, name: str, content: bytes, seconds: int) -> None:
        """Keep `content` under a name for so long."""
        if await self._attempt(self._redis.set(self._prefix + name, content, ex=seconds)) is None:
            self._here[name] = content, time.monotonic() + seconds
            while len(self._here) > KEPT_HERE:
                self._here.popitem(last=False)
        else:
            self._here.pop(name, None)

    async def get(self, name: str) -> bytes | None:
        held = self._held(name)
        return held if held is not None else await self._found(self._redis.get(self._prefix + name))

    async def take(self, name: str) -> bytes | None:
        """As `get`, and it is there no more: of many that ask at once one gets it."""
        held = self._held(name)
        self._here.pop(name, None)
        there = await self._found(self._redis.getdel(self._prefix + name))  # also where a slow Redis got it after all
        return held if held is not None else there

    async def close(self) -> None:
        await self._redis.aclose()

    def _held(self, name: str) -> bytes | None:
        content, until = self._here.get(name, (None, 0.0))
        return content if until > time.monotonic() else None

    async def _found(self, call: Any) -> bytes | None:
        return cast("bytes | None", await self._attempt(call))

    async def _attempt(self, call: Awaitable[T]) -> T | None:
        """None where Redis is lost; after a failure it is left alone for a moment."""
        if time.monotonic() < self._shut_until:
            getattr(call, "close", lambda: None)()
            return None
        try:
            return await call
        except REDIS_FAILURES:
            self._shut_until = time.monotonic() + _SHUT_SECONDS
            return None
