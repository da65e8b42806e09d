"""PostgreSQL goes away and comes back: what is cached stays readable and says that it is stale, nothing is invented,
nothing acknowledged is lost, and nobody has to help.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest

from tests.faults.own_servers import OwnServer, own_postgres, own_redis
from tests.harness import (
    Answer,
    Api,
    Node,
    at,
    free_port,
    item,
    settings_for,
    take_aboard,
    text_value,
    until,
    worker_process,
)

DEADLINE_SECONDS = 1.0
# What a caller may have to wait: one statement's deadline, and turns of the event loop on a busy machine.
ANSWER_SECONDS = DEADLINE_SECONDS + 0.7
RECOVERY_SECONDS = 5.0


@dataclass
class Stage:
    node: Node
    postgres: OwnServer
    cached: str
    shared: str  # in Redis, not in the memory of the worker that is asked
    withdrawn: str
    known_missing: str


@pytest.fixture
async def stage(tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[Stage]:
    """Two workers; the second is asked, the first has put a record into Redis that the second has never read."""
    async with own_postgres() as postgres, own_redis() as redis:
        settings = [
            settings_for(
                postgres.url,
                redis.url,
                data_dir=tmp_path,
                database_timeout_seconds=DEADLINE_SECONDS,
                workers=1,
                public_cache_seconds=600,
            )
            for _ in range(2)
        ]
        with worker_process(settings[0], 0, tmp_path), worker_process(settings[1], 1, tmp_path):
            first, second = (Api(f"http://127.0.0.1:{one.http_port}", session) for one in settings)
            node = await take_aboard(settings[1], second)
            names = [f"{node.prefix}/{name}" for name in ("cached", "shared", "withdrawn", "missing")]
            for name in names[:3]:
                assert (await node.owner.post("/api/v1/identifiers", item(name))).status == 201
            assert (
                await node.owner.post(f"/api/v1/identifiers/{at(names[2])}/withdraw", {"reason": "r"})
            ).status == 200
            for name in names[:3]:
                await resolve(first, name)
            for name in (names[0], names[2]):
                await resolve(second, name)
            yield Stage(node, postgres, *names)


async def resolve(api: Api, identifier: str) -> Answer:
    return await api.get(f"/api/handles/{at(identifier)}")


async def timed(call: Awaitable[Answer]) -> tuple[Answer, float]:
    began = time.monotonic()
    return await call, time.monotonic() - began


def is_stale(answer: Answer) -> bool:
    """And, though the setting lets caches outside keep answers, none may keep this one."""
    labelled = "Biaojie-Stale-Seconds" in answer.headers and answer.headers.get("Warning", "").startswith("110 ")
    return labelled and answer.headers["Cache-Control"] == "no-cache"


@dataclass
class Load:
    """Registers and resolves without pause and keeps account of what it was told."""

    api: Api
    prefix: str
    acknowledged: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    slowest: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, lane: int) -> None:
        number = 0
        while not self.over.is_set():
            identifier = f"{self.prefix}/load-{lane}-{number}"
            answer, seconds = await timed(self.api.post("/api/v1/identifiers", item(identifier, f"{lane}.{number}")))
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            self.slowest = max(self.slowest, seconds)
            if answer.status in (200, 201):
                self.acknowledged.append(identifier)
                number += 1
            else:
                check_refusal(answer)
                await asyncio.sleep(0.05)

    async def check(self) -> None:
        """Every acknowledged registration is there, with what was sent, and fresh."""
        for start in range(0, len(self.acknowledged), 1_000):
            asked = self.acknowledged[start : start + 1_000]
            answer = await self.api.post("/api/v1/resolve", {"identifiers": asked})
            assert answer.status == 200
            for identifier, found in zip(asked, answer.json["items"], strict=True):
                _, lane, number = identifier.rsplit("-", 2)
                assert found["status"] == "found", found
                assert found["values"][0]["data"]["value"] == f"{lane}.{number}"


def check_refusal(answer: Answer) -> None:
    assert answer.status == 503, (answer.status, answer.body)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert int(answer.headers["Retry-After"]) >= 1
    said = answer.json
    assert (said["slug"], said["status"], said["retryable"]) == ("store-unavailable", 503, True)
    assert said["zh"]["remedy"]
    assert said["en"]["remedy"]


async def while_away(stage: Stage) -> None:
    """What must hold from the moment the loss is noticed."""
    node, reader = stage.node, stage.node.anybody

    async def noticed() -> bool:
        return is_stale(await resolve(reader, stage.cached)) and (await reader.get("/readyz")).status == 503

    print(f"\nPostgreSQL away: labelled stale after {await until(noticed, 2 * DEADLINE_SECONDS + 1):.2f} s")
    for identifier, status in ((stage.cached, 200), (stage.withdrawn, 410), (stage.shared, 200)):
        answer, seconds = await timed(resolve(reader, identifier))
        assert answer.status == status, (identifier, answer.body)
        assert is_stale(answer), identifier
        assert seconds < 0.5
    page = await reader.get("/" + at(stage.cached), headers={"Accept": "text/html"})
    assert page.status == 200
    assert is_stale(page)
    assert is_stale(await reader.get("/" + at(stage.cached), headers={"Accept": "application/json"}))
    for unknown in (stage.known_missing, f"{node.prefix}/never-asked", f"{node.settings.node_prefix}.777/x"):
        answer, seconds = await timed(resolve(reader, unknown))
        check_refusal(answer)
        assert seconds < ANSWER_SECONDS, f"{unknown}: {seconds:.2f} s"
    batch, seconds = await timed(
        reader.post("/api/v1/resolve", {"identifiers": [stage.cached, stage.known_missing, stage.withdrawn]})
    )
    assert [one["status"] for one in batch.json["items"]] == ["found", "unavailable", "withdrawn"]
    assert is_stale(batch)
    assert seconds < ANSWER_SECONDS
    lines = await reader.call(
        "POST", "/api/v1/resolve", raw=stage.cached.encode(), headers={"Content-Type": "application/x-ndjson"}
    )
    found, last = map(orjson.loads, lines.body.splitlines())
    assert (found["status"], last["summary"]["lines"]) == ("found", 1) and last["summary"]["stale"] >= 1
    assert is_stale(lines)
    ready, healthy = await reader.get("/readyz"), await reader.get("/healthz")
    assert (ready.status, healthy.status) == (503, 200)
    assert (ready.json["checks"]["postgresql"]["ok"], ready.json["checks"]["redis"]["ok"]) == (False, True)

    async def measured() -> bool:
        return b"biaojie_postgresql_up 0.0" in (await reader.get("/metrics")).body

    await until(measured, 2.0)


async def refused_in_time(stage: Stage) -> None:
    """Every kind of write, all at once and many of them: each is refused within the deadline."""
    owner, operator, prefix = stage.node.owner, stage.node.operator, stage.node.prefix
    values: dict[str, Any] = {"values": [text_value(1, "DESC", "new")]}
    calls = [owner.post("/api/v1/identifiers", item(f"{prefix}/away-{number}")) for number in range(100)]
    calls += [owner.put(f"/api/v1/identifiers/{at(stage.cached)}", values) for _ in range(20)]
    calls += [owner.post(f"/api/v1/identifiers/{at(stage.cached)}/withdraw", {"reason": "r"}) for _ in range(5)]
    calls += [owner.post("/api/v1/identifiers:batch", {"items": [item(f"{prefix}/away-b")]}) for _ in range(5)]
    calls += [
        operator.post("/api/v1/enterprises", {"name": "late"}),
        operator.post("/api/v1/keys", {"role": "partner"}),
    ]
    calls += [owner.get(f"/api/v1/identifiers/{at(stage.cached)}"), owner.get(f"/api/v1/identifiers?prefix={prefix}")]
    answers = await asyncio.gather(*map(timed, calls))
    for answer, _ in answers:
        check_refusal(answer)
    slowest = max(seconds for _, seconds in answers)
    print(f"PostgreSQL away: slowest of {len(calls)} refusals {slowest:.2f} s")
    assert slowest < ANSWER_SECONDS


async def all_well(stage: Stage, load: Load, since: float) -> None:
    """Within a few seconds everything works by itself; then nothing is stale and nothing is missing."""
    reader, owner = stage.node.anybody, stage.node.owner

    async def ready() -> bool:
        return (await reader.get("/readyz")).status == 200

    await until(ready, RECOVERY_SECONDS)
    seconds = time.monotonic() - since
    written = len(load.acknowledged)

    async def written_again() -> bool:
        return len(load.acknowledged) > written

    await until(written_again, 2.0)
    load.over.set()
    print(f"PostgreSQL back: ready after {seconds:.2f} s, writing after {time.monotonic() - since:.2f} s")
    for identifier, status in ((stage.cached, 200), (stage.shared, 200), (stage.withdrawn, 410)):
        answer = await resolve(reader, identifier)
        assert answer.status == status
        assert not is_stale(answer)
        assert "Warning" not in answer.headers
    assert (await resolve(reader, stage.known_missing)).status == 404
    revised = await owner.put(f"/api/v1/identifiers/{at(stage.cached)}", {"values": [text_value(1, "DESC", "after")]})
    assert revised.status == 200, revised.body
    assert revised.json["version"] == 2
    assert (await resolve(reader, stage.cached)).json["values"][0]["data"]["value"] == "after"

    async def measured() -> bool:
        return b"biaojie_postgresql_up 1.0" in (await reader.get("/metrics")).body

    await until(measured, 2.0)


async def test_postgres_killed_leaves_cached_readable_and_recovers_by_itself(stage: Stage) -> None:
    async with loading(stage) as load:
        await killed(stage, load)
    await load.check()
    print(f"registrations: {load.statuses}, slowest {load.slowest:.2f} s")
    assert set(load.statuses) <= {200, 201, 503}


async def killed(stage: Stage, load: Load) -> None:
    assert (await resolve(stage.node.anybody, stage.known_missing)).status == 404
    stage.postgres.kill()
    await while_away(stage)
    await refused_in_time(stage)
    await stage.postgres.start()
    await all_well(stage, load, time.monotonic())


async def test_postgres_that_hangs_is_given_up_at_the_deadline_and_recovers_by_itself(stage: Stage) -> None:
    async with loading(stage) as load:
        stage.postgres.stop()
        try:
            await while_away(stage)
            await refused_in_time(stage)
        finally:
            stage.postgres.resume()
        await all_well(stage, load, time.monotonic())
    await load.check()
    print(f"registrations: {load.statuses}, slowest {load.slowest:.2f} s")
    assert set(load.statuses) <= {200, 201, 503}
    assert load.slowest < ANSWER_SECONDS + DEADLINE_SECONDS


async def test_worker_cut_off_alone_does_not_pass_an_old_version_for_a_fresh_one(stage: Stage, tmp_path: Path) -> None:
    """It loses PostgreSQL and has no Redis, while another worker goes on writing. With the usual long deadline, so that
    the label cannot wait for a statement to be given up."""
    node, url = stage.node, stage.postgres.url
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    settings = settings_for(url, nowhere, data_dir=tmp_path, database_timeout_seconds=5.0)
    observer = await asyncpg.connect(url)
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'biaojie'"
    others = {row["pid"] for row in await observer.fetch(query)}
    with worker_process(settings, 2, tmp_path):
        alone = Api(f"http://127.0.0.1:{settings.http_port}", node.anybody.session)
        assert (await resolve(alone, stage.cached)).headers["ETag"] == '"1"'
        its_own = {row["pid"] for row in await observer.fetch(query)} - others
        await observer.close()
        for pid in its_own:
            os.kill(pid, signal.SIGSTOP)
        try:
            revised = await node.owner.put(
                f"/api/v1/identifiers/{at(stage.cached)}", {"values": [text_value(1, "DESC", "after")]}
            )
            assert revised.json["version"] == 2
            since = time.monotonic()

            async def labelled() -> bool:
                return is_stale(await resolve(alone, stage.cached))

            await until(labelled, 1.2)
            print(f"\nworker cut off alone: its old version is labelled after {time.monotonic() - since:.2f} s")
        finally:
            for pid in its_own:
                os.kill(pid, signal.SIGCONT)

        async def fresh_again() -> bool:
            answer = await resolve(alone, stage.cached)
            return answer.headers["ETag"] == '"2"' and not is_stale(answer)

        await until(fresh_again, RECOVERY_SECONDS)


@contextlib.asynccontextmanager
async def loading(stage: Stage) -> AsyncIterator[Load]:
    """Eight lanes of registrations from here to the end, a hundred of them done."""
    load = Load(stage.node.owner, stage.node.prefix)
    lanes = [asyncio.create_task(load.run(lane)) for lane in range(8)]

    async def well_on() -> bool:
        return len(load.acknowledged) >= 100

    try:
        await until(well_on, 10)
        yield load
        load.over.set()
        await asyncio.gather(*lanes)
    finally:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
