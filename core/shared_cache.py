"""The door to Redis: records shared between workers and machines, and the channel that announces changes.

Redis is disposable. Every call has a deadline; after a failure the door stays shut for a moment, so that a lost Redis
costs callers nothing; whatever it held is found again in PostgreSQL. Versions only go up: a script inside Redis compares
before it writes. Keys begin with the id of the database they came from.

A Redis that was restarted from its disk, or a replica that took over, holds what was true some time ago, and a client may
never notice that it was away. Every new connection therefore asks which process answers (`run_id`), before its first
command; one that the feed has not corrected is not read from.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar, cast

import orjson
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.utils import str_if_bytes

from core.record import VERSION_DIGITS, Record, encode_record

log = logging.getLogger(__name__)
T = TypeVar("T")
REDIS_FAILURES: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)
_SHUT_SECONDS = 0.5
_PER_CALL = 256
_FLOOR_SECONDS = 30  # longer than a record that was read may be on its way here
_NO_RUN = "unknown"

# KEYS: record keys. ARGV: seconds to live, then one encoded record for each key. A lower version never replaces a higher.
_PUT = f"""
for i, key in ipairs(KEYS) do
  local new = ARGV[i + 1]
  if not redis.call('SET', key, new, 'NX', 'EX', ARGV[1]) then
    local held = redis.call('GETRANGE', key, 0, {VERSION_DIGITS - 1})
    if held == '' or tonumber(held) <= tonumber(string.sub(new, 1, {VERSION_DIGITS})) then
      redis.call('SET', key, new, 'EX', ARGV[1])
    end
  end
end
"""
# KEYS: record keys. ARGV: for each the version that is now current. What is older gives way to the bare version, so that
# an older record which somebody has just read and is about to put here is refused.
_DROP_OLDER = f"""
for i, key in ipairs(KEYS) do
  local held = redis.call('GETRANGE', key, 0, {VERSION_DIGITS - 1})
  if held == '' or tonumber(held) < tonumber(ARGV[i]) then
    redis.call('SET', key, ARGV[i], 'EX', {_FLOOR_SECONDS})
  end
end
"""


class SharedCache:
    """One for each worker. `ttl_seconds` is how long a record stays; `timeout_seconds` the deadline of one call."""

    def __init__(self, url: str, node_id: str, *, ttl_seconds: int, timeout_seconds: float) -> None:
        pool = BlockingConnectionPool.from_url(
            url, max_connections=16, timeout=timeout_seconds, socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds, retry=Retry(NoBackoff(), 0), redis_connect_func=self._greet,
        )  # fmt: skip
        self._redis: Redis = Redis(connection_pool=pool)
        # A subscriber waits for as long as nothing happens, so its connection has no read deadline.
        self._listener: Redis = Redis.from_url(url, socket_connect_timeout=timeout_seconds)
        self._put_script = self._redis.register_script(_PUT)
        self._drop_script = self._redis.register_script(_DROP_OLDER)
        self._scripts: dict[str, Any] = {}  # of `evaluate`, as many as the code has
        self._prefix = f"biaojie:{node_id}:i:".encode()
        self._position = f"biaojie:{node_id}:feed-position"
        self._once = f"biaojie:{node_id}:once:"
        self._channel = f"biaojie:{node_id}:changes"
        self._ranges_channel = f"biaojie:{node_id}:ranges"
        self._talk_channel = f"biaojie:{node_id}:talk"
        self._saying: set[asyncio.Task[int]] = set()
        self._ttl_seconds = ttl_seconds
        self._timeout_seconds = timeout_seconds
        self._shut_until = 0.0
        self._lost = False
        self._corrected_run: str | None = None
        self.run: str | None = None  # the process of Redis that answered last

    @property
    def available(self) -> bool:
        """Whether a call is worth trying now."""
        return time.monotonic() >= self._shut_until

    @property
    def lost(self) -> bool:
        """Whether the last call failed."""
        return self._lost

    @property
    def corrected(self) -> bool:
        """Whether every change so far has been applied here: before that a held record may be too old."""
        return self._corrected_run is not None and self._corrected_run == self.run

    def set_corrected(self, run: str | None) -> None:
        """For the feed: this process of Redis (None: none) has been told of every change."""
        self._corrected_run = run

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """One encoded record or None for each key; all None when Redis is lost or not yet corrected."""
        if not self.corrected:
            return [None] * len(keys)
        found = await self._attempt(self._redis.mget([self._prefix + key.encode() for key in keys]))
        if found is None or not self.corrected:  # another Redis may have answered than the one that was corrected
            return [None] * len(keys)
        held = cast(list[bytes | None], found)
        return [octets if octets and len(octets) > VERSION_DIGITS else None for octets in held]

    async def put_many(self, records: Iterable[Record]) -> None:
        waiting = iter(records)
        while self.available and (some := list(islice(waiting, _PER_CALL))):
            keys = [self._prefix + record.key.encode() for record in some]
            arguments = [str(self._ttl_seconds).encode(), *(encode_record(record) for record in some)]
            await self._attempt(self._run_script(self._put_script, keys, arguments))

    async def drop_older(self, changes: Iterable[tuple[str, int]]) -> bool:
        """Forget what is older than (key, version), and refuse it for a while; False when Redis did not take all of it."""
        waiting = iter(changes)
        done = True
        while some := list(islice(waiting, _PER_CALL)):
            keys = [self._prefix + key.encode() for key, _ in some]
            versions = [b"%0*d" % (VERSION_DIGITS, version) for _, version in some]
            result = await self._attempt(self._run_script(self._drop_script, keys, versions), ok=True)
            done = done and result is not None
        return done

    async def put_once(self, name: str, octets: bytes, seconds: int) -> bool:
        """Leave something for whoever takes it first; False where it could not be left, or the name is in use."""
        return bool(await self._attempt(self._redis.set(self._once + name, octets, ex=seconds, nx=True)))

    async def take_once(self, name: str) -> bytes | None:
        """What was left under the name, for this caller alone; None where there is nothing or Redis is lost."""
        found = await self._attempt(self._redis.getdel(self._once + name))
        return cast("bytes | None", found)

    async def evaluate(self, script: str, name: str, *arguments: bytes | int) -> Any:
        """What a Lua script makes of what lies under one name (`KEYS[1]`), at once; None where Redis is lost. A script says
        something in every case, so that nothing means that."""
        held = self._scripts.get(script)
        if held is None:
            held = self._scripts[script] = self._redis.register_script(script)
        return await self._attempt(self._run_script(held, [self._once + name], arguments))

    async def version_of(self, key: str) -> int | None:
        """The version of the record held here, None where there is none to be read."""
        octets = (await self.get_many([key]))[0]
        return int(octets[:VERSION_DIGITS]) if octets else None

    async def say(self, message: dict[str, Any]) -> int:
        """Say something to all workers, this one too; how many it was sent to, 0 where Redis is lost."""
        return int(await self._attempt(self._redis.publish(self._talk_channel, orjson.dumps(message))) or 0)

    def say_later(self, message: dict[str, Any]) -> None:
        """The same for who does not wait for it; nothing more is said while much is on its way."""
        if len(self._saying) < _PER_CALL:
            task = asyncio.ensure_future(self.say(message))
            self._saying.add(task)
            task.add_done_callback(self._saying.discard)

    async def announce(self, changes: Sequence[tuple[str, int]]) -> None:
        """Tell every worker which (key, version) is now current."""
        for start in range(0, len(changes), _PER_CALL):
            message = orjson.dumps(changes[start : start + _PER_CALL])
            await self._attempt(self._redis.publish(self._channel, message))

    async def announce_range(self, first: str, last: str) -> None:
        """Tell every worker that many identifiers between two keys are registered now: none is to be held for unknown."""
        await self._attempt(self._redis.publish(self._ranges_channel, orjson.dumps([first, last])))

    async def listen(
        self,
        on_changes: Callable[[list[tuple[str, int]]], None],
        on_range: Callable[[str, str], None] = lambda first, last: None,
        on_talk: Callable[[dict[str, Any]], None] = lambda message: None,
    ) -> None:
        """Hand over every announcement, for ever; reconnects by itself. What is missed meanwhile, the feed brings."""
        while True:
            try:
                async with self._listener.pubsub() as subscription:
                    await subscription.subscribe(self._channel, self._ranges_channel, self._talk_channel)
                    async for message in subscription.listen():
                        if message["type"] != "message":
                            continue
                        if message["channel"] == self._ranges_channel.encode():
                            on_range(*orjson.loads(message["data"]))
                        elif message["channel"] == self._talk_channel.encode():
                            on_talk(orjson.loads(message["data"]))
                        else:
                            on_changes([(key, version) for key, version in orjson.loads(message["data"])])
            except REDIS_FAILURES as lost:
                log.debug("announcements interrupted: %s", lost)
            except (
                ValueError,
                TypeError,
                KeyError,
            ) as foreign:  # not one of ours; the feed brings what it may have been
                log.warning("an announcement cannot be read: %s", foreign)
            await asyncio.sleep(_SHUT_SECONDS)

    async def read_position(self, run: str) -> str | None:
        """Up to which snapshot of the feed this process of Redis has been corrected; None when that is not known."""
        found = await self._attempt(self._redis.get(self._position))
        of_run, _, snapshot = cast(bytes, found).decode().partition(" ") if found else ("", "", "")
        return snapshot if of_run == run else None

    async def write_position(self, run: str, snapshot: str) -> None:
        await self._attempt(self._redis.set(self._position, f"{run} {snapshot}"))

    async def ping(self) -> bool:
        return bool(await self._attempt(cast(Awaitable[Any], self._redis.ping()), even_if_shut=True))

    async def close(self) -> None:
        await self._redis.aclose()
        await self._listener.aclose()

    async def _greet(self, connection: Any) -> None:
        """On every new connection, before its first command: which process of Redis is this?"""
        await connection.on_connect()
        await connection.send_command("INFO", "server", check_health=False)
        try:
            facts = str_if_bytes(await connection.read_response())
        except ResponseError:  # INFO may be forbidden
            facts = ""
        named = re.search(r"run_id:(\w+)", facts)
        self.run = named[1] if named else _NO_RUN

    async def _run_script(self, script: Any, keys: Sequence[Any], arguments: Sequence[Any]) -> Any:
        """Calling a script of redis-py asks each time whether its client is a pipeline, which takes longer than the call."""
        try:
            return await self._redis.evalsha(script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await script(keys=keys, args=arguments)

    async def _attempt(self, call: Awaitable[T], *, ok: Any = None, even_if_shut: bool = False) -> T | Any | None:
        """The result of `call` (or `ok` where it has none), None when Redis is lost or was a moment ago."""
        if not (even_if_shut or self.available):
            if asyncio.iscoroutine(call):
                call.close()
            return None
        try:
            async with asyncio.timeout(self._timeout_seconds):  # wait_for of Python 3.11 can swallow a cancellation
                result = await call
        except REDIS_FAILURES as lost:
            if not self._lost:
                log.warning(
                    "Redis cannot be reached, reading from PostgreSQL meanwhile: %s", lost or type(lost).__name__
                )
            self._lost = True
            self._shut_until = time.monotonic() + _SHUT_SECONDS
            return None
        if self._lost:
            self._lost = False
            log.info("Redis is back")
        return ok if result is None else result
