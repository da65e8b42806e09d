"""Requests per second, kept in Redis for all workers together: one script a loop tick decides on all that came in it.

Redis is disposable: where it is away, or slower than a few milliseconds, calls are let through (and the answer, a counter
and one line of the log say so); then the door stays shut for a moment, so that a lost Redis costs callers nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from core.batcher import Batcher
from core.errors import RateLimited, StoreUnavailable
from core.quota import Rate, Subject, rate_fields, retry_after
from core.shared_cache import REDIS_FAILURES
from core.telemetry import QUOTA_OPEN, QUOTA_REFUSED

log = logging.getLogger(__name__)
_SHUT_SECONDS = 0.5
_PER_CALL = 256
_FLIGHTS = 2
_CONNECT_SECONDS = 1.0
Owed = tuple[bool, tuple[int, ...]]  # whether it is let through, and what each of its subjects owes then

# What the answer of the request in hand says of its limits. Each request is a task, or begins by clearing this.
RATE_FIELDS: ContextVar[dict[str, str] | None] = ContextVar("rate_fields", default=None)

# KEYS: one for each subject. ARGV: the time in microseconds (0: that of Redis), then for each request how many subjects it
# has and for each of these its place among KEYS, its interval and its burst. `core.quota.spend` is the same in Python.
SPEND = """
local now = tonumber(ARGV[1])
if now == 0 then
  local clock = redis.call('TIME')
  now = clock[1] * 1000000 + clock[2]
end
local paid, changed, said, at = {}, {}, {}, 2
for place, text in ipairs(redis.call('MGET', unpack(KEYS))) do paid[place] = tonumber(text or 0) end
while at <= #ARGV do
  local subjects, good = tonumber(ARGV[at]), 1
  local answer = #said + 1
  said[answer] = 1
  for i = at + 1, at + 3 * subjects, 3 do
    local place, interval, burst = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    local owed = math.min(math.max(paid[place] - now, 0), burst * interval)
    if owed > (burst - 1) * interval then good = 0 end
    said[#said + 1] = owed
  end
  said[answer] = good
  if good == 1 then
    for i = 1, subjects do
      local place, interval = tonumber(ARGV[at + 3 * i - 2]), tonumber(ARGV[at + 3 * i - 1])
      said[answer + i] = said[answer + i] + interval
      paid[place], changed[place] = now + said[answer + i], true
    end
  end
  at = at + 1 + 3 * subjects
end
for place in pairs(changed) do
  redis.call('SET', KEYS[place], string.format('%.0f', paid[place]), 'PX', math.ceil((paid[place] - now) / 1000) + 1000)
end
return said
"""


class RateLimiter:
    """One for each worker. `timeout_seconds` is how long a call waits for Redis at most."""

    def __init__(self, url: str, node_id: str, *, timeout_seconds: float) -> None:
        pool = BlockingConnectionPool.from_url(
            url, max_connections=_FLIGHTS, timeout=_CONNECT_SECONDS, socket_timeout=_CONNECT_SECONDS,
            socket_connect_timeout=_CONNECT_SECONDS, retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._redis: Redis = Redis(connection_pool=pool)
        self._script = self._redis.register_script(SPEND)
        self._prefix = f"biaojie:{node_id}:rate:"
        self._timeout_seconds = timeout_seconds
        self._shut_until = 0.0
        self._lost = False
        self._asked: Batcher[tuple[Rate, ...], Owed | None] = Batcher(
            self._run, max_batch=_PER_CALL, max_flights=_FLIGHTS
        )

    async def admit(self, rates: tuple[Rate, ...]) -> None:
        """Charge one request to each subject, or to none where one has spent its own. Raises `RateLimited`."""
        try:
            said = None if time.monotonic() < self._shut_until else await self._asked.submit(rates)
        except StoreUnavailable:  # more are waiting than can be asked for
            said = None
        if said is None:
            QUOTA_OPEN.inc()
            RATE_FIELDS.set(rate_fields(rates, None))
            return
        let_through, owed = said
        RATE_FIELDS.set(rate_fields(rates, owed))
        if not let_through:
            QUOTA_REFUSED.labels("requests_per_second").inc()
            wait, rate = max(
                ((retry_after(debt, rate), rate) for debt, rate in zip(owed, rates, strict=True)), key=_wait
            )
            raise RateLimited(
                f"At most {rate.per_second} requests per second for this {rate.subject.kind}",
                "请求过于频繁，请稍后再试",
                headers={"Retry-After": str(max(wait, 1))},
                subject=rate.subject.kind,
                limit=rate.per_second,
            )

    async def close(self) -> None:
        await self._redis.aclose()

    async def _run(self, asked: list[tuple[Rate, ...]]) -> Sequence[Owed | None]:
        if time.monotonic() < self._shut_until:
            return [None] * len(asked)
        try:
            said = await self._in_time(asked)
        except REDIS_FAILURES as lost:
            self._shut_until = time.monotonic() + _SHUT_SECONDS
            if not self._lost:
                log.warning(
                    "Redis does not answer, requests are not limited meanwhile: %s", lost or type(lost).__name__
                )
            self._lost = True
            return [None] * len(asked)
        if self._lost:
            self._lost = False
            log.info("Redis is back, requests are limited again")
        return said

    async def warm(self) -> None:
        """Connect and hand over the script, so that the first caller does not wait for it. A lost Redis is no matter."""
        with suppress(*REDIS_FAILURES):
            await self._redis.script_load(SPEND)

    async def _in_time(self, asked: list[tuple[Rate, ...]]) -> list[Owed]:
        """A second, shorter wait: a worker that was busy itself meanwhile reads what has long come. Raises `TimeoutError`."""
        work = asyncio.ensure_future(self.spend(asked))
        try:
            for seconds in (self._timeout_seconds, self._timeout_seconds / 4):
                await asyncio.wait((work,), timeout=seconds)
                if work.done():
                    return work.result()
        finally:
            work.cancel()
        raise TimeoutError("too slow")

    async def spend(self, asked: Sequence[tuple[Rate, ...]], now: int = 0) -> list[Owed]:
        """The decisions on requests, in order. `now` in microseconds; 0: the clock of Redis. Raises as redis-py does."""
        places: dict[Subject, int] = {}
        arguments: list[Any] = [now]
        for rates in asked:
            arguments.append(len(rates))
            for rate in rates:
                place = places.setdefault(rate.subject, len(places) + 1)
                arguments += (place, rate.interval, rate.burst)
        keys = [f"{self._prefix}{subject.kind}:{subject.number}" for subject in places]
        said = iter(await self._script(keys=keys, args=arguments))
        return [(next(said) == 1, tuple(next(said) for _ in rates)) for rates in asked]


def _wait(found: tuple[int, Rate]) -> int:
    return found[0]
