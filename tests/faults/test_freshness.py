"""What is written on one worker is seen on every other within a second, whatever becomes of the writer or of Redis.

Two worker processes, `a` that writes and `b` that reads, on one database and one Redis. `b` is asked over HTTP until it
answers the new version; a second later it must still do so: a version never goes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import redis.asyncio

from benchmarks.reading_doors import Doors, alias_of, value_of
from core.record import Record, Status, encode_record
from core.settings import Settings
from core.shared_cache import SharedCache
from tests.faults.own_servers import OwnServer, own_redis
from tests.harness import Answer, Api, Node, at, free_port, item, settings_for, take_aboard, text_value, worker_process

PROMISE_SECONDS = 1.0
ROUNDS = 20


@dataclass
class Pair:
    """Two workers: `a` is written to, `b` is asked; both with the owner's key."""

    node: Node
    a: Api
    b: Api
    redis: OwnServer

    def settings(self, **more: object) -> Settings:
        """Of one more worker on the same database and Redis."""
        base = self.node.settings
        database, shared = base.database_url.get_secret_value(), self.redis.url
        return settings_for(database, str(more.pop("redis_url", shared)), data_dir=base.data_dir, **more)

    async def register(self, suffix: str, text: str = "one") -> str:
        identifier = f"{self.node.prefix}/{suffix}"
        assert (await self.a.post("/api/v1/identifiers", item(identifier, text))).status == 201
        return identifier

    @contextlib.contextmanager
    def another(self, number: int, directory: Path, **more: object) -> Iterator[tuple[Api, subprocess.Popen[bytes]]]:
        """One more worker: its API with the owner's key, and its process."""
        settings = self.settings(**more)
        with worker_process(settings, number, directory) as process:
            yield Api(f"http://127.0.0.1:{settings.http_port}", self.a.session, self.a.key), process


@contextlib.asynccontextmanager
async def a_pair(database: str, directory: Path, session: aiohttp.ClientSession, **of_b: object) -> AsyncIterator[Pair]:
    async with own_redis() as server:
        first = settings_for(database, server.url, data_dir=directory)
        second = settings_for(database, server.url, data_dir=directory, **of_b)
        with worker_process(first, 0, directory), worker_process(second, 1, directory):
            node = await take_aboard(first, Api(f"http://127.0.0.1:{first.http_port}", session))
            b = Api(f"http://127.0.0.1:{second.http_port}", session, node.owner.key)
            yield Pair(node, node.owner, b, server)


@pytest.fixture
async def pair(database: str, tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[Pair]:
    async with a_pair(database, tmp_path, session) as made:
        yield made


@pytest.fixture
async def pair_reading_redis(database: str, tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[Pair]:
    async with a_pair(database, tmp_path, session, memory_cache_bytes=0) as made:
        yield made


async def held_in_redis(server: OwnServer, *identifiers: str) -> None:
    """Wait until the records are there; without them a test would show nothing."""
    client = redis.asyncio.Redis.from_url(server.url)
    end = time.monotonic() + 5
    for identifier in identifiers:
        while not [key async for key in client.scan_iter(f"*:i:{identifier.upper()}")]:
            assert time.monotonic() < end, f"{identifier} does not get into Redis"
            await asyncio.sleep(0.01)
    await client.aclose()


async def resolve(api: Api, identifier: str) -> Answer:
    return await api.get(f"/api/handles/{at(identifier)}")


def version_in(answer: Answer) -> int:
    """0 for an identifier that is not there; a withdrawn one has a version too."""
    assert answer.status in (200, 404, 410), answer.body
    return int(answer.headers["ETag"].strip('"')) if answer.status != 404 else 0


async def seen(api: Api, identifier: str, version: int, since: float) -> float:
    """Seconds from `since` until `api` answers `version`."""
    while version_in(await resolve(api, identifier)) < version:
        assert time.monotonic() - since < PROMISE_SECONDS, f"{identifier}: not seen within {PROMISE_SECONDS} s"
        await asyncio.sleep(0.002)
    return time.monotonic() - since


async def never_back(api: Api, identifier: str, version: int, seconds: float = PROMISE_SECONDS) -> None:
    """For as long as `seconds`, `api` answers no older version."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert version_in(await resolve(api, identifier)) >= version, "an older version came back"
        await asyncio.sleep(0.002)


async def revise(api: Api, identifier: str, text: str) -> int:
    answer = await api.put(f"/api/v1/identifiers/{at(identifier)}", {"values": [text_value(1, "DESC", text)]})
    assert answer.status == 200, answer.body
    return int(answer.json["version"])


async def withdraw(api: Api, identifier: str) -> int:
    answer = await api.post(f"/api/v1/identifiers/{at(identifier)}/withdraw", {"reason": "scrapped"})
    assert answer.status == 200, answer.body
    return int(answer.json["version"])


async def test_write_on_one_worker_is_seen_on_the_other_within_a_second(pair: Pair) -> None:
    delays: dict[str, list[float]] = {"register": [], "revise": [], "withdraw": []}
    for number in range(ROUNDS):
        identifier = f"{pair.node.prefix}/round-{number}"
        assert (await resolve(pair.b, identifier)).status == 404  # and now `b` remembers that it is not there
        made = await pair.a.post("/api/v1/identifiers", item(identifier, "one"))
        assert made.status == 201
        delays["register"].append(await seen(pair.b, identifier, 1, time.monotonic()))
        version = await revise(pair.a, identifier, "two")
        delays["revise"].append(await seen(pair.b, identifier, version, time.monotonic()))
        assert (await resolve(pair.b, identifier)).json["values"][0]["data"]["value"] == "two"
        version = await withdraw(pair.a, identifier)
        delays["withdraw"].append(await seen(pair.b, identifier, version, time.monotonic()))
        assert (await resolve(pair.b, identifier)).status == 410
    for name, seconds in delays.items():
        print(
            f"\nfreshness, {name}: p50 {sorted(seconds)[ROUNDS // 2] * 1000:.1f} ms, p100 {max(seconds) * 1000:.1f} ms"
        )


async def test_many_readers_on_the_other_worker_never_see_a_version_go_back(pair: Pair) -> None:
    """Revisions as fast as they go, sixteen readers on both workers: what one reader sees only ever goes up."""
    identifier = await pair.register("busy")
    over = asyncio.Event()

    async def read(api: Api) -> int:
        last = looked = 0
        while not over.is_set():
            version = version_in(await resolve(api, identifier))
            assert version >= last, f"version {version} after {last}"
            last, looked = version, looked + 1
        return looked

    readers = [asyncio.create_task(read(api)) for api in (pair.a, pair.b) * 8]
    for number in range(100):
        version = await revise(pair.a if number % 2 else pair.b, identifier, f"text {number}")
    over.set()
    assert min(await asyncio.gather(*readers)) > 0
    assert version == 101


Change = Callable[[Api, str], Awaitable[int]]


async def revise_once(api: Api, identifier: str) -> int:
    return await revise(api, identifier, "changed by one who died")


@pytest.mark.parametrize("change", [revise_once, withdraw])
async def test_writer_that_dies_between_commit_and_publish_is_seen_all_the_same(
    pair: Pair, tmp_path: Path, change: Change
) -> None:
    """The writer's Redis is nowhere, so it cannot have published; it is killed with its answer on the wire."""
    in_memory, in_redis, unknown = (
        await pair.register("in-memory"),
        await pair.register("in-redis"),
        f"{pair.node.prefix}/new",
    )
    for _ in range(2):
        assert (await resolve(pair.b, in_memory)).status == 200
    await held_in_redis(pair.redis, in_redis)
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with pair.another(2, tmp_path, redis_url=nowhere) as (writer, process):
        assert (await resolve(pair.b, unknown)).status == 404
        versions = await asyncio.gather(change(writer, in_memory), change(writer, in_redis))
        assert (await writer.post("/api/v1/identifiers", item(unknown))).status == 201
        process.kill()
        died = time.monotonic()
        process.wait()
    delays = await asyncio.gather(
        seen(pair.b, in_memory, versions[0], died),
        seen(pair.b, in_redis, versions[1], died),
        seen(pair.b, unknown, 1, died),
    )
    print(f"\nfreshness, writer killed after commit: p100 {max(delays) * 1000:.0f} ms")
    with pair.another(3, tmp_path) as (late, _):
        assert version_in(await resolve(late, in_memory)) == versions[0]
        assert version_in(await resolve(late, in_redis)) == versions[1]


async def test_last_worker_dies_before_it_publishes_and_the_next_one_serves_the_new_version(
    database: str, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """Nobody is left to correct Redis, which holds the old version: the worker started afterwards must."""
    async with own_redis() as server:
        settings = settings_for(database, server.url, data_dir=tmp_path)
        with worker_process(settings, 0, tmp_path):
            node = await take_aboard(settings, Api(f"http://127.0.0.1:{settings.http_port}", session))
            identifier = f"{node.prefix}/alone"
            assert (await node.owner.post("/api/v1/identifiers", item(identifier))).status == 201
            await held_in_redis(server, identifier)
        nowhere = settings_for(database, f"redis://127.0.0.1:{free_port()}/0", data_dir=tmp_path)
        with worker_process(nowhere, 1, tmp_path):
            version = await revise(
                Api(f"http://127.0.0.1:{nowhere.http_port}", session, node.owner.key), identifier, "b"
            )
        settings = settings_for(database, server.url, data_dir=tmp_path)
        with worker_process(settings, 2, tmp_path):
            late = Api(f"http://127.0.0.1:{settings.http_port}", session)
            await never_back(late, identifier, version, 0.5)


async def test_redis_stopped_while_changes_happened_does_not_serve_the_old_version_afterwards(
    pair_reading_redis: Pair, tmp_path: Path
) -> None:
    pair = pair_reading_redis
    identifier, gone = await pair.register("frozen"), await pair.register("frozen-withdrawn")
    for name in (identifier, gone):
        assert (await resolve(pair.b, name)).status == 200
    pair.redis.stop()
    try:
        version, withdrawn = await revise(pair.a, identifier, "two"), await withdraw(pair.a, gone)
        delay = await seen(pair.b, identifier, version, time.monotonic())
        await seen(pair.b, gone, withdrawn, time.monotonic())
        print(f"\nfreshness, Redis stopped: {delay * 1000:.0f} ms")
    finally:
        pair.redis.resume()
    await asyncio.gather(never_back(pair.b, identifier, version), never_back(pair.b, gone, withdrawn))
    with pair.another(2, tmp_path, memory_cache_bytes=0) as (late, _):
        await asyncio.gather(never_back(late, identifier, version, 0.5), never_back(late, gone, withdrawn, 0.5))


async def test_redis_that_comes_back_with_an_old_copy_of_its_data_is_not_believed(
    pair_reading_redis: Pair, tmp_path: Path
) -> None:
    """A Redis with persistence, or a replica that takes over, holds what was true when it was last saved. Nobody need
    have noticed that it was away."""
    pair = pair_reading_redis
    quiet, busy = await pair.register("saved-quiet"), await pair.register("saved-busy")
    assert [(await resolve(pair.b, name)).status for name in (quiet, busy)] == [200, 200]
    await held_in_redis(pair.redis, quiet, busy)
    client = redis.asyncio.Redis.from_url(pair.redis.url)
    await client.save()
    await client.aclose()
    version = await revise(pair.a, quiet, "two")
    await seen(pair.b, quiet, version, time.monotonic())
    # Started after the change, so that it never heard of it: only Redis could mislead it.
    with pair.another(2, tmp_path, memory_cache_bytes=0) as (reader, _):
        pair.redis.kill()
        await pair.redis.start()
        await never_back(reader, quiet, version)
        pair.redis.kill()
        other = await revise(pair.a, busy, "two")
        await pair.redis.start()
        await seen(reader, busy, other, time.monotonic())
        with pair.another(3, tmp_path, memory_cache_bytes=0) as (late, _):
            await asyncio.gather(*(never_back(who, busy, other, 0.5) for who in (reader, late)))
            await never_back(late, quiet, version, 0.2)


async def test_redis_that_comes_back_empty_is_filled_again(pair_reading_redis: Pair) -> None:
    pair = pair_reading_redis
    identifier = await pair.register("emptied")
    await resolve(pair.b, identifier)
    pair.redis.kill()
    version = await revise(pair.a, identifier, "two")
    await pair.redis.start()
    await seen(pair.b, identifier, version, time.monotonic())
    asking = asyncio.create_task(never_back(pair.b, identifier, version))
    await held_in_redis(pair.redis, identifier)
    await asking


async def test_older_record_that_was_on_its_way_to_redis_is_refused_once_the_change_is_known() -> None:
    """Read before the change, put after the feed has dropped it: nobody would correct it for an hour."""
    moment = datetime.now(UTC)
    old = Record("88.118.8/LATE", "88.118.8/late", b"[]", 1, Status.ACTIVE, None, None, moment, moment)
    async with own_redis() as server:
        cache = SharedCache(server.url, "a-node", ttl_seconds=3600, timeout_seconds=1)
        assert await cache.ping()
        cache.set_corrected(cache.run)
        await cache.put_many([old])
        assert await cache.get_many([old.key]) == [encode_record(old)]
        for _ in range(2):
            assert await cache.drop_older([(old.key, 2)])
            await cache.put_many([old])
            assert await cache.get_many([old.key]) == [None]
        new = replace(old, version=2)
        await cache.put_many([new])
        assert await cache.drop_older([(old.key, 2)])
        assert await cache.get_many([old.key]) == [encode_record(new)]
        await cache.close()


async def test_a_prefix_that_is_given_is_known_to_the_other_worker_before_its_feed_tells(
    database: str, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with a_pair(database, tmp_path, session, feed_interval_milliseconds=5_000) as pair:
        foreign = "/api/handles/20.500.12345/nobody"
        assert (await pair.b.with_key(None).get(foreign)).json["slug"] == "not-responsible"
        wish = {"enterprise_id": 1, "prefix": "20.500.12345"}
        assert (await pair.node.operator.post("/api/v1/prefixes", wish)).status == 201
        since = time.monotonic()
        while (await pair.b.with_key(None).get(foreign)).status != 404:
            assert time.monotonic() - since < PROMISE_SECONDS, "nobody told the other worker"
            await asyncio.sleep(0.002)


async def test_every_door_of_the_benchmark_tells_the_version_that_is_there(node: Node) -> None:
    identifier, alias = f"{node.prefix}/read", f"{node.prefix}/read-alias"
    for name, value in ((identifier, value_of(1)), (alias, alias_of(identifier))):
        assert (await node.owner.post("/api/v1/identifiers", {"identifier": name, "values": [value]})).status == 201
    doors = Doors(node.anybody.base_url, node.settings.handle_port, identifier, alias)
    async with contextlib.AsyncExitStack() as stack:
        readers = {door: (await stack.enter_async_context(doors.open(door, 1)))[0] for door in doors.openings}
        for version in (1, 2, 3):
            assert {door: await read() for door, read in readers.items()} == dict.fromkeys(readers, version)
            changed = await node.owner.put(f"/api/v1/identifiers/{at(identifier)}", {"values": [value_of(version + 1)]})
            assert changed.status == 200
