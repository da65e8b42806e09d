"""Redis goes away in the middle of work and comes back: slower meanwhile, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.faults.own_servers import OwnServer, own_redis
from tests.harness import Answer, Api, Node, at, item, settings_for, take_aboard, text_value, until, worker_process

REDIS_TIMEOUT_SECONDS = 0.25
SLOWEST_SECONDS = 1.5  # one Redis deadline, one trip to PostgreSQL, and a machine busy with other tests
PROMISE_SECONDS = 1.0
RECOVERY_SECONDS = 3.0


@dataclass
class Stage:
    node: Node
    workers: list[Api]  # with the owner's key
    redis: OwnServer


@pytest.fixture
async def stage(database: str, tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[Stage]:
    """Two workers that keep nothing in their own memory: every read asks Redis while there is one."""
    async with own_redis() as redis:
        settings = [
            settings_for(
                database, redis.url, data_dir=tmp_path, memory_cache_bytes=0,
                redis_timeout_seconds=REDIS_TIMEOUT_SECONDS,
            )
            for _ in range(2)
        ]  # fmt: skip
        with worker_process(settings[0], 0, tmp_path), worker_process(settings[1], 1, tmp_path):
            bases = [f"http://127.0.0.1:{one.http_port}" for one in settings]
            node = await take_aboard(settings[0], Api(bases[0], session))
            yield Stage(node, [Api(base, session, node.owner.key) for base in bases], redis)


@dataclass
class Load:
    """Readers and writers that check every answer. `told[identifier]` is what was acknowledged: (version, when)."""

    stage: Stage
    told: dict[str, tuple[int, float]] = field(default_factory=dict)
    reads: int = 0
    writes: int = 0
    slowest: float = 0.0
    over: bool = False

    async def ask(self, api: Api, method: str, path: str, body: object = None) -> Answer:
        began = time.monotonic()
        answer = await api.call(method, path, body)
        self.slowest = max(self.slowest, time.monotonic() - began)
        assert answer.status < 500, (answer.status, answer.body)
        return answer

    async def write(self, lane: int) -> None:
        """Register, revise three times, withdraw, and so on; only this lane changes these identifiers."""
        number = 0
        while not self.over:
            identifier = f"{self.stage.node.prefix}/redis-{lane}-{number}"
            api, path = self.stage.workers[number % 2], f"/api/v1/identifiers/{at(identifier)}"
            made = await self.ask(api, "POST", "/api/v1/identifiers", item(identifier, "1"))
            assert made.status == 201, made.body
            self.told[identifier] = (1, time.monotonic())
            for version in (2, 3, 4):
                body = {"values": [text_value(1, "DESC", str(version))]}
                answer = await self.ask(api, "PUT", path, body)
                assert (answer.status, answer.json["version"]) == (200, version)
                self.told[identifier] = (version, time.monotonic())
            if number % 3 == 0:
                assert (await self.ask(api, "POST", f"{path}/withdraw", {"reason": "5"})).status == 200
                self.told[identifier] = (5, time.monotonic())
            number += 1
            self.writes += 4

    async def read(self, lane: int) -> None:
        """Whatever was acknowledged more than a second ago is answered, in that version or a later one."""
        choice, api = random.Random(lane), self.stage.workers[lane % 2]
        while not self.over:
            if not self.told:
                await asyncio.sleep(0.01)
                continue
            identifier = choice.choice(list(self.told))
            version, when = self.told[identifier]
            settled = time.monotonic() - when > PROMISE_SECONDS
            answer = await self.ask(api, "GET", f"/api/handles/{at(identifier)}")
            self.check(identifier, answer, version if settled else 0)
            self.reads += 1

    def check(self, identifier: str, answer: Answer, least: int) -> None:
        assert answer.status in (200, 410, 404), answer.body
        assert answer.status != 404 or least == 0, f"{identifier} is registered and was not found"
        if answer.status == 404:
            return
        version = int(answer.headers["ETag"].strip('"'))
        assert version >= least, f"{identifier}: version {version}, {least} was acknowledged over a second ago"
        assert (answer.status == 410) == (version == 5)
        if answer.status == 200:
            assert answer.json["values"][0]["data"]["value"] == str(version)

    async def check_all(self) -> None:
        """Every write is there, on both workers, in exactly the version that was acknowledged last."""
        for api in self.stage.workers:
            for identifier, (version, _) in self.told.items():
                answer = await api.get(f"/api/handles/{at(identifier)}")
                self.check(identifier, answer, version)
                assert int(answer.headers["ETag"].strip('"')) == version


@contextlib.asynccontextmanager
async def loading(stage: Stage) -> AsyncIterator[Load]:
    load = Load(stage)
    lanes = [asyncio.create_task(load.write(lane)) for lane in range(4)]
    lanes += [asyncio.create_task(load.read(lane)) for lane in range(8)]

    async def well_on() -> bool:
        return load.reads > 300 and load.writes > 100

    try:
        await until(well_on, 20)
        yield load
        load.over = True
        await asyncio.gather(*lanes)
    finally:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


async def says(api: Api, redis_is_up: bool) -> bool:
    """Whether the worker says of Redis what is so, in /readyz and in its metrics; ready it is in either case."""
    ready = await api.get("/readyz")
    assert ready.status == 200, "without Redis a node is slower, not unready"
    gauge = b"biaojie_redis_up 1.0" in (await api.get("/metrics")).body
    return ready.json["checks"]["redis"]["ok"] is gauge is redis_is_up


async def sampled(api: Api, name: str) -> float:
    lines = (await api.get("/metrics")).body.decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


async def through_a_loss(stage: Stage, load: Load, lose: str) -> float:
    """Lose Redis for a while and get it back; seconds until both workers have it again and read from it."""
    stage.redis.kill() if lose == "kill" else stage.redis.stop()
    for api in stage.workers:
        await until(lambda api=api: says(api, False), RECOVERY_SECONDS)  # type: ignore[misc]
    reads, writes = load.reads, load.writes

    async def still_working() -> bool:
        return load.reads > reads + 300 and load.writes > writes + 50

    await until(still_working, 20)
    if lose == "kill":
        await stage.redis.start()
    else:
        stage.redis.resume()
    back = time.monotonic()
    for api in stage.workers:
        await until(lambda api=api: says(api, True), RECOVERY_SECONDS)  # type: ignore[misc]
        before = await sampled(api, 'biaojie_lookups_total{tier="redis"}')

        async def read_from(api: Api = api, before: float = before) -> bool:
            return await sampled(api, 'biaojie_lookups_total{tier="redis"}') > before

        await until(read_from, RECOVERY_SECONDS)
    return time.monotonic() - back


@pytest.mark.parametrize("lose", ["kill", "stop"])
async def test_losing_redis_slows_the_node_and_loses_nothing(stage: Stage, lose: str) -> None:
    async with loading(stage) as load:
        usual, load.slowest = load.slowest, 0.0
        seconds = [await through_a_loss(stage, load, lose) for _ in range(2)]
    await load.check_all()
    print(
        f"\nRedis lost twice ({lose}): {load.reads} reads and {load.writes} writes, all right; slowest {load.slowest:.2f} s"
        f" (before: {usual:.2f} s); read from again {max(seconds):.2f} s after it was back"
    )
    assert load.slowest < SLOWEST_SECONDS


async def test_worker_starts_and_serves_without_redis_and_uses_it_once_it_is_there(
    stage: Stage, tmp_path: Path
) -> None:
    identifier = f"{stage.node.prefix}/before"
    assert (await stage.workers[0].post("/api/v1/identifiers", item(identifier))).status == 201
    stage.redis.kill()
    settings = settings_for(
        stage.node.settings.database_url.get_secret_value(), stage.redis.url, data_dir=tmp_path, memory_cache_bytes=0
    )
    with worker_process(settings, 2, tmp_path):
        api = Api(f"http://127.0.0.1:{settings.http_port}", stage.workers[0].session, stage.node.owner.key)
        assert (await api.get(f"/api/handles/{at(identifier)}")).status == 200
        assert (await api.post("/api/v1/identifiers", item(f"{stage.node.prefix}/without"))).status == 201
        await until(lambda: says(api, False), RECOVERY_SECONDS)
        await stage.redis.start()
        await until(lambda: says(api, True), RECOVERY_SECONDS)

        async def read_from_redis() -> bool:
            await api.get(f"/api/handles/{at(identifier)}")
            return await sampled(api, 'biaojie_lookups_total{tier="redis"}') > 0

        await until(read_from_redis, RECOVERY_SECONDS)
