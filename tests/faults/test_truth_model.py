"""Random writes, and reads at every door of two workers, losses of Redis and pauses of PostgreSQL, against a dictionary.

The promises: a worker never tells an older version than it told before, whatever the door; a write is seen everywhere within 1 s (5 s where
something failed since); who asks for a version gets that one or a refusal; nothing is invented while PostgreSQL is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis.asyncio
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.faults.doors import DOORS, Door, Place, Told, alias_of, text_of
from tests.faults.own_servers import OwnServer, own_postgres, own_redis
from tests.harness import Answer, Api, at, settings_for, take_aboard, text_value, worker_process

NORMAL_SECONDS, AFTER_FAULT_SECONDS = 1.0, 5.0
NAMES, WORKERS = st.integers(0, 3), st.integers(0, 1)


@dataclass
class World:
    """What all runs of the machine share: two workers as processes on servers that may be hurt."""

    runner: asyncio.Runner
    stack: contextlib.AsyncExitStack
    prefix: str
    workers: list[Api]
    places: list[Place]
    postgres: OwnServer
    redis: OwnServer
    runs: int = 0

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)


@dataclass
class Entry:
    """What was acknowledged of one identifier; `told` by each worker is what it answered last."""

    version: int = 0
    withdrawn: bool = False
    at: float = 0.0
    told: list[int] = field(default_factory=lambda: [0, 0])


async def a_world(runner: asyncio.Runner, directory: Path) -> World:
    stack = contextlib.AsyncExitStack()
    postgres = await stack.enter_async_context(own_postgres())
    shared = await stack.enter_async_context(own_redis())
    session = await stack.enter_async_context(aiohttp.ClientSession())
    made = [settings_for(postgres.url, shared.url, data_dir=directory, database_timeout_seconds=0.4) for _ in range(2)]
    for number, one in enumerate(made):
        stack.enter_context(worker_process(one, number, directory))
    node = await take_aboard(made[0], Api(f"http://127.0.0.1:{made[0].http_port}", session))
    workers = [Api(f"http://127.0.0.1:{one.http_port}", session, node.owner.key) for one in made]
    places = [Place(api, settings.handle_port) for api, settings in zip(workers, made, strict=True)]
    return World(runner, stack, node.prefix, workers, places, postgres, shared)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with asyncio.Runner() as runner:
        made = runner.run(a_world(runner, tmp_path_factory.mktemp("truth")))
        yield made
        runner.run(made.stack.aclose())


class Truth(RuleBasedStateMachine):
    world: World

    @initialize()
    def begin(self) -> None:
        self.world.runs += 1
        self.entries = [Entry() for _ in range(4)]
        self.paused = self.redis_away = False
        self.fault_at = 0.0
        names = [self.name(number) for number in range(len(self.entries))]
        aliases = [{"identifier": alias_of(name), "values": [text_value(1, "HS_ALIAS", name)]} for name in names]
        assert self.call(0, "POST", "/api/v1/identifiers:batch", {"items": aliases}).status == 200

    def name(self, number: int) -> str:
        return f"{self.world.prefix}/run-{self.world.runs}-{number}"

    def call(self, worker: int, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        answer: Answer = self.world.do(self.world.workers[worker].call(method, path, body, headers=headers))
        return answer

    @precondition(lambda self: not self.paused)
    @rule(number=NAMES, worker=WORKERS, text=st.integers(0, 10**9), held=st.booleans())
    def write(self, number: int, worker: int, text: int, held: bool) -> None:
        """`held`: every door of both workers has just told what is undone now."""
        entry, path = self.entries[number], f"/api/v1/identifiers/{at(self.name(number))}"
        if entry.withdrawn:
            return
        if held:
            for reader in range(2):
                self.look(number, reader, DOORS)
        values = [text_value(1, "DESC", text_of(entry.version + 1, text))]
        if entry.version:
            answer = self.call(worker, "PUT", path, {"values": values})
        else:
            answer = self.call(
                worker, "POST", "/api/v1/identifiers", {"identifier": self.name(number), "values": values}
            )
        assert answer.status in (200, 201), answer.body
        assert answer.json["version"] == entry.version + 1
        entry.version, entry.at = answer.json["version"], time.monotonic()

    @precondition(lambda self: not self.paused)
    @rule(number=NAMES, worker=WORKERS)
    def withdraw(self, number: int, worker: int) -> None:
        entry, path = self.entries[number], f"/api/v1/identifiers/{at(self.name(number))}/withdraw"
        if not entry.version or entry.withdrawn:
            return
        answer = self.call(worker, "POST", path, {"reason": "scrapped"})
        assert answer.status == 200, answer.body
        entry.version, entry.withdrawn, entry.at = answer.json["version"], True, time.monotonic()

    def told(self, number: int, worker: int, door: Door) -> Told | None:
        told: Told | None = self.world.do(door(self.world.places[worker], self.name(number)))
        return told

    @rule(number=NAMES, worker=WORKERS, doors=st.permutations(DOORS))
    def read(self, number: int, worker: int, doors: list[Door]) -> None:
        """At every door in some order: each keeps answers of its own ready."""
        self.look(number, worker, doors)

    def look(self, number: int, worker: int, doors: Sequence[Door]) -> None:
        for door in doors:
            began = time.monotonic()
            self.judge(number, worker, self.told(number, worker, door), began)

    @precondition(lambda self: not self.paused)
    @rule(number=NAMES, worker=WORKERS)
    def read_what_i_wrote(self, number: int, worker: int) -> None:
        entry = self.entries[number]
        if entry.version:
            path = f"/api/handles/{at(self.name(number))}"
            answer = self.call(worker, "GET", path, **{"If-Version-At-Least": str(entry.version)})
            assert version_in(answer) == entry.version
            self.judge(number, worker, Told(entry.version, answer.status == 410), time.monotonic())

    def judge(self, number: int, worker: int, told: Told | None, began: float) -> None:
        """`told` None: the door said that the store is unavailable."""
        entry = self.entries[number]
        if told is None:
            assert self.paused or time.monotonic() - self.fault_at < AFTER_FAULT_SECONDS, "unavailable for too long"
            return
        assert entry.withdrawn or not told.withdrawn, "nobody withdrew it"
        version = entry.version if told.version is None else told.version  # withdrawn is the last there is
        assert version <= entry.version, "a version was told that nobody was promised"
        assert version >= entry.told[worker], "an older version came back"
        entry.told[worker] = version
        assert told.withdrawn == (entry.withdrawn and version == entry.version)
        failed = self.paused or self.redis_away or self.fault_at > entry.at
        if not self.paused and began - entry.at > (AFTER_FAULT_SECONDS if failed else NORMAL_SECONDS):
            assert version == entry.version, "an old version was told for too long"

    @precondition(lambda self: not self.redis_away)
    @rule(killed=st.booleans())
    def lose_redis(self, killed: bool) -> None:
        self.fault_at = time.monotonic()
        if killed:
            self.world.redis.kill()
            self.redis_away = True
        else:
            self.world.do(flush(self.world.redis.url))

    @precondition(lambda self: self.redis_away)
    @rule()
    def bring_redis_back(self) -> None:
        self.world.do(self.world.redis.start())
        self.redis_away, self.fault_at = False, time.monotonic()

    @precondition(lambda self: not self.paused)
    @rule()
    def pause_postgres(self) -> None:
        self.world.postgres.stop()
        self.paused, self.fault_at = True, time.monotonic()

    @precondition(lambda self: self.paused)
    @rule()
    def resume_postgres(self) -> None:
        self.world.postgres.resume()
        self.paused, self.fault_at = False, time.monotonic()
        self.world.do(writable(self.world.workers))

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.1]))
    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def teardown(self) -> None:
        """Whatever happened: within the promised time all workers tell what was acknowledged, and then at every door."""
        if self.paused:
            self.resume_postgres()
        if self.redis_away:
            self.bring_redis_back()
        end = time.monotonic() + AFTER_FAULT_SECONDS
        for number, entry in enumerate(self.entries):
            for worker in range(2):
                for door in DOORS:
                    while (told := self.told(number, worker, door)) is None or told.version not in (
                        None,
                        entry.version,
                    ):
                        assert time.monotonic() < end, f"{self.name(number)} at {door.__name__}: {told} for too long"
                        time.sleep(0.02)
                    self.judge(number, worker, told, time.monotonic())


async def flush(url: str) -> None:
    client = redis.asyncio.Redis.from_url(url)
    await client.flushall()
    await client.aclose()


async def writable(workers: list[Api]) -> None:
    """Until all have a connection to PostgreSQL again; a write before that would be refused."""
    end = time.monotonic() + AFTER_FAULT_SECONDS
    while not all([(await worker.get("/readyz")).status == 200 for worker in workers]):
        assert time.monotonic() < end, "a worker does not find PostgreSQL again"
        await asyncio.sleep(0.05)


def version_in(answer: Answer) -> int:
    assert answer.status in (200, 404, 410), (answer.status, answer.body)
    return int(answer.headers["ETag"].strip('"')) if answer.status != 404 else 0


def test_the_promises_hold_whatever_is_written_read_and_lost(world: World) -> None:
    Truth.world = world
    run_state_machine_as_test(
        Truth,
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(
                Phase.explicit,
                Phase.reuse,
                Phase.generate,
            ),  # a smaller example would cost seconds for each attempt
        ),
    )
