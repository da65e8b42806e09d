"""Resolutions are counted once each, apart by what they are; the totals are what was asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from core.errors import StoreUnavailable
from node.usage_command import usage_lines
from resolver.usage.applying import Applier
from resolver.usage.noted import left_behind
from resolver.usage.tally import Tally
from tests.conftest import Servers
from tests.harness import Api, Node, at, item, settings_for, take_aboard, until, worker_here


async def totals(node: Node, api: Api | None = None, query: str = "by=hour") -> Any:
    answer = await (api or node.operator).get(f"/api/v1/usage?{query}")
    assert answer.status == 200, answer.body
    return answer.json


async def counted(node: Node, resolutions: int) -> Any:
    """The totals, once they have arrived."""

    async def arrived() -> bool:
        return bool((await totals(node))["resolutions"] >= resolutions)

    await until(arrived, 10)
    return await totals(node)


async def test_every_door_counts_each_answered_look_up_once(node: Node) -> None:
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/a"))
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/b"))
    await node.owner.post(f"/api/v1/identifiers/{at(f'{node.prefix}/b')}/withdraw", {"reason": "x"})
    known, gone, unknown = (at(f"{node.prefix}/{name}") for name in "abc")
    for _ in range(3):
        await node.anybody.get(f"/api/handles/{known}")
        await node.anybody.get(f"/{known}", headers={"Accept": "application/json"})
        await node.anybody.get(f"/{known}", headers={"Accept": "text/html"})
    await node.anybody.get(f"/api/handles/{known}?type=URL")
    await node.anybody.get(f"/api/handles/{known}", headers={"If-None-Match": '"1"'})
    await node.anybody.get(f"/api/handles/{gone}")
    await node.anybody.get(f"/{unknown}", headers={"Accept": "text/html"})
    await node.anybody.post("/api/v1/resolve", {"identifiers": [f"{node.prefix}/{name}" for name in "aabc"]})
    # Not resolutions: refused, not ours, malformed, the owner's own view, and the node's own pages.
    for path in ("/api/handles/99.1/x", f"/api/handles/{node.prefix}/%ff", "/healthz", f"/api/v1/identifiers/{known}"):
        await node.anybody.get(path)
    await node.anybody.post("/api/v1/resolve", {"identifiers": ["99.1/x", "no slash"]})
    said = await counted(node, 17)
    kinds = {(kind["door"], kind["outcome"]): kind["resolutions"] for kind in said["kinds"]}
    assert kinds == {
        ("handle-json", "found"): 5,
        ("handle-json", "withdrawn"): 1,
        ("negotiated", "found"): 6,
        ("negotiated", "unknown"): 1,
        ("batch", "found"): 2,
        ("batch", "withdrawn"): 1,
        ("batch", "unknown"): 1,
    }
    assert said["resolutions"] == 17 and said["registrations"] == 2
    assert said["lost"] == {"resolutions": 0, "runs": 0, "runs_of_unknown_loss": 0}
    year = said["award"][0]
    assert year["registrations"]["counted"] == 2 and not year["registrations"]["exceeded"]
    assert year["resolutions_a_day"]["counted"] == 0, "today is not over"


async def test_an_enterprise_sees_its_own_prefixes_only(node: Node) -> None:
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/a"))
    await node.anybody.get(f"/api/handles/{at(f'{node.prefix}/a')}")
    await counted(node, 1)
    assert (await totals(node, node.owner))["resolutions"] == 1
    assert (await totals(node, node.stranger))["resolutions"] == 0
    assert (await totals(node, node.owner))["award"] == []
    assert (await node.stranger.get(f"/api/v1/usage?prefix={node.prefix}")).json["slug"] == "prefix-not-yours"
    assert (await node.partner.get("/api/v1/usage")).status == 403
    assert (await node.anybody.get("/api/v1/usage")).status == 401


@pytest.mark.parametrize("by", ["minute", "hour", "day", "year"])
async def test_every_step_adds_up_to_the_same(node: Node, by: str) -> None:
    for _ in range(5):
        await node.anybody.get(f"/api/handles/{node.prefix}/nobody")
    await counted(node, 5)
    said = await totals(node, query=f"by={by}")
    assert said["resolutions"] == 5 == sum(row["resolutions"] for row in said["items"])
    assert said["registrations"] == 0 == said["registrations_without_minute"]


@pytest.mark.parametrize("by", ["minute", "hour", "day", "year"])
async def test_registrations_are_told_by_every_step(node: Node, database: str, by: str) -> None:
    """One by one and in batches, some of them again; and what older code or a restore counted is in no minute."""
    for number in range(3):
        for _ in range(2):
            await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{number}"))
    names = [f"{node.prefix}/{number}" for number in range(10)]
    await node.owner.post("/api/v1/identifiers:batch", {"items": [item(name) for name in names]})
    await node.stranger.post("/api/v1/identifiers", item(f"{node.stranger_prefix}/x"))
    said = await totals(node, query=f"by={by}")
    assert said["registrations"] == 11 == sum(row["registrations"] for row in said["items"])
    assert (await totals(node, node.owner, f"by={by}"))["registrations"] == 10
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            "INSERT INTO enterprise_count (enterprise_id, prefix, hour, slot, registered) "
            "VALUES (1, $1, date_trunc('hour', now()), -1, 5)",
            node.prefix,
        )
    finally:
        await connection.close()
    said = await totals(node, query=f"by={by}")
    told = (said["registrations"], said["registrations_without_minute"])
    assert told == ((11, 5) if by == "minute" else (16, 0))
    assert any("minute not known" in line for line in usage_lines(said)) is (by == "minute")
    year = said["award"][0]
    assert year["registrations"]["counted"] == 16
    assert year["registrations_a_day"] == {"days": year["resolutions_a_day"]["days"], "total": 0, "average": 0}


async def test_registrations_by_the_minute_are_kept_for_as_long_as_resolutions(database: str) -> None:
    """Those of long ago lose their minutes, a day of hours at a time; what was registered stays."""
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        await pool.execute(
            "INSERT INTO enterprise_count (enterprise_id, prefix, hour, slot, registered, minutes) "
            "SELECT 1, '88.1', date_trunc('hour', now()) - days * interval '1 day', 0, 60, array_fill(1, ARRAY[60], ARRAY[0]) "
            "FROM generate_series(0, 9) AS days"
        )
        applier = Applier(pool, Tally(), slot=0, directory=None, keep_minutes_days=4)
        for _ in range(8):
            await applier._drop_old_minutes()
        kept = await pool.fetch("SELECT registered, minutes IS NULL AS gone FROM enterprise_count ORDER BY hour")
        assert [row["registered"] for row in kept] == [60] * 10
        gone = [row["gone"] for row in kept]
        assert gone == sorted(gone, reverse=True) and 5 <= sum(gone) <= 6, "a day begins at midnight"


async def test_questions_that_make_no_sense_are_told(node: Node) -> None:
    for query in (
        "by=week",
        "from=yesterday",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "by=minute&from=2020-01-01",
    ):
        answer = await node.operator.get(f"/api/v1/usage?{query}")
        assert (answer.status, answer.json["slug"]) == (400, "parameter-invalid"), query


async def test_what_the_operator_marked_is_counted_apart(
    database: str, servers: Servers, session: Any, scratch: Path
) -> None:
    settings = settings_for(database, servers.redis_url, data_dir=scratch, probe_networks="127.0.0.0/8")
    async with worker_here(settings) as base_url:
        node = await take_aboard(settings, Api(base_url, session))
        for _ in range(4):
            await node.anybody.get(f"/api/handles/{node.prefix}/nobody")

        async def arrived() -> bool:
            return bool((await totals(node))["items"])

        await until(arrived, 10)
        said = await totals(node)
        assert said["resolutions"] == 0 and sum(row["probes"] for row in said["items"]) == 4


class Unlucky:
    """A pool whose answers get lost after the statement was committed."""

    def __init__(self, pool: Any, losses: int) -> None:
        self._pool, self._losses = pool, losses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    async def fetch(self, *arguments: Any) -> Any:
        found = await self._pool.fetch(*arguments)
        if self._losses:
            self._losses -= 1
            raise ConnectionResetError
        return found


async def test_a_batch_whose_answer_was_lost_counts_once(database: str) -> None:
    async with asyncpg.create_pool(database, min_size=1, max_size=2) as pool:
        tally = Tally()
        applier = Applier(Unlucky(pool, 2), tally, slot=0, directory=None, keep_minutes_days=1)
        tally.add("88.1", "handle-json", "found", count=7)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await applier.apply()
            tally.add("88.1", "handle-json", "found")
        await applier.apply()
        await applier.apply()
        assert tally.waiting == 0
        for table in ("usage_minute", "usage_day"):
            assert await pool.fetchval(f"SELECT sum(resolutions) FROM {table}") == 9
        assert await pool.fetchval("SELECT resolutions FROM usage_worker") == 9


async def test_what_a_killed_worker_had_answered_is_told(database: str, tmp_path: Path) -> None:
    code = (
        "import os, sys, asyncio, asyncpg; from pathlib import Path\n"
        "from resolver.usage.applying import Applier; from resolver.usage.tally import Tally\n"
        "async def work():\n"
        "    async with asyncpg.create_pool(sys.argv[1], min_size=1, max_size=1) as pool:\n"
        "        tally = Tally(); applier = Applier(pool, tally, slot=1, directory=Path(sys.argv[2]), keep_minutes_days=1)\n"
        "        tally.add('88.1', 'page', 'found', count=5); await applier.apply(); tally.add('88.1', 'page', 'found', count=3)\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(work())\n"
    )
    import sys

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, database, str(tmp_path))
    assert await process.wait() == -9
    (left,) = left_behind(tmp_path)
    assert left.answered == 8
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        heir = Applier(pool, Tally(), slot=2, directory=tmp_path, keep_minutes_days=1)
        await heir._report_losses()
        assert await pool.fetchval("SELECT lost FROM usage_worker WHERE slot = 1") == 3
        assert await pool.fetchval("SELECT sum(resolutions) FROM usage_minute") == 5
    assert not list(left_behind(tmp_path))


async def test_a_worker_that_stops_leaves_nothing_uncounted(
    database: str, servers: Servers, session: Any, scratch: Path
) -> None:
    settings = settings_for(database, servers.redis_url, data_dir=scratch)
    async with worker_here(settings) as base_url:
        node = await take_aboard(settings, Api(base_url, session))
        for _ in range(25):
            await node.anybody.get(f"/api/handles/{node.prefix}/nobody")
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        assert await pool.fetchval("SELECT sum(resolutions) FROM usage_minute") == 25
        assert await pool.fetchval("SELECT count(*) FROM usage_worker WHERE ended_at IS NOT NULL AND lost = 0") == 1
