"""Counts that an auditor can believe: under a mixed load on two workers every identifier is created exactly once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import aiohttp
import asyncpg

from tests.conftest import Servers
from tests.harness import Answer, Api, Node, item, settings_for, take_aboard, worker_here


async def test_audit_and_counters_follow_each_request(node: Node, database: str) -> None:
    prefix = node.prefix
    await node.owner.post("/api/v1/identifiers", item(f"{prefix}/one"))
    await node.owner.post("/api/v1/identifiers", item(f"{prefix}/one"))  # nothing new: no row
    await node.owner.post("/api/v1/identifiers", item(f"{prefix}/one", "other"))  # refused: no row
    items = [item(f"{prefix}/b{n}") for n in range(10)] + [item(f"{prefix}/one"), item("bad")]
    await node.owner.post("/api/v1/identifiers:batch", {"items": items}, headers={"X-Request-Id": "batch-7"})
    await node.owner.post("/api/v1/identifiers:batch", {"items": items})  # nothing new
    await node.owner.put(f"/api/v1/identifiers/{prefix}/one", {"values": item("", "second")["values"]})
    await node.owner.put(f"/api/v1/identifiers/{prefix}/one", {"values": item("", "second")["values"]})
    await node.owner.post(f"/api/v1/identifiers/{prefix}/one/withdraw", {"reason": "r"})
    await node.owner.post(f"/api/v1/identifiers/{prefix}/one/withdraw", {"reason": "r"})
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(
            "SELECT a.*, k.key_id FROM audit a JOIN api_key k ON k.id = a.actor WHERE k.role = 'enterprise' ORDER BY a.id"
        )
        assert [(row["action"], row["object"], row["identifiers"]) for row in rows] == [
            ("register", f"{prefix}/one", 1),
            ("register-batch", f"{prefix}/b0 … {prefix}/b9", 10),
            ("revise", f"{prefix}/one", 1),
            ("withdraw", f"{prefix}/one", 1),
        ]
        assert rows[1]["request_id"] == "batch-7" and {row["source"] for row in rows} == {"127.0.0.1"}
        assert {row["key_id"] for row in rows} == {(node.owner.key or "").split("_")[1]}
        counted = await connection.fetch("SELECT prefix, sum(registered)::int AS n FROM enterprise_count GROUP BY 1")
        assert {row["prefix"]: row["n"] for row in counted} == {prefix: 11}, "changes are not registrations"
    finally:
        await connection.close()


async def test_the_audit_cannot_be_rewritten(node: Node, database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        for statement in ("UPDATE audit SET action = 'x'", "DELETE FROM audit"):
            try:
                await connection.execute(statement)
            except asyncpg.RaiseError as refused:
                assert "append-only" in str(refused)
            else:
                raise AssertionError(statement)
    finally:
        await connection.close()


async def test_a_mixed_load_on_two_workers_creates_everything_exactly_once(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    chance = random.Random(7)
    one, two = (settings_for(database, servers.redis_url, data_dir=scratch, group_commit_rows=16) for _ in range(2))
    async with worker_here(one, 0) as first, worker_here(two, 1) as second:
        node = await take_aboard(one, Api(first, session))
        workers = [Api(first, session, node.owner.key), Api(second, session, node.owner.key)]
        names = [f"{node.prefix}/{kind}{n}" for n in range(120) for kind in ("Part-", "中/")]
        singles = [chance.choice(names) for _ in range(600)]
        batches = [[chance.choice(names) for _ in range(40)] for _ in range(30)]

        async def single(name: str) -> tuple[str, Answer]:
            spelt = name.lower() if chance.random() < 0.3 else name
            text = "other" if chance.random() < 0.1 else "real"
            return name, await chance.choice(workers).post("/api/v1/identifiers", item(spelt, text))

        async def batch(some: list[str]) -> list[tuple[str, str]]:
            items = [item(name, "other" if chance.random() < 0.1 else "real") for name in some]
            answer = await chance.choice(workers).post("/api/v1/identifiers:batch", {"items": items})
            assert answer.status == 200, answer.body
            return [(name, one["verdict"]) for name, one in zip(some, answer.json["items"], strict=True)]

        work = [single(name) for name in singles] + [batch(some) for some in batches]
        chance.shuffle(work)
        results = await asyncio.gather(*work)
        created: Counter[str] = Counter()
        for result in results:
            if isinstance(result, tuple):
                assert result[1].status in (200, 201, 409), result[1].body
                created[result[0]] += result[1].status == 201
            else:
                assert {verdict for _, verdict in result} <= {"created", "unchanged", "conflict"}
                created.update(name for name, verdict in result if verdict == "created")
        asked = {*singles, *(name for some in batches for name in some)}
        assert {name: created[name] for name in asked} == dict.fromkeys(asked, 1)
        connection = await asyncpg.connect(database)
        rows = await connection.fetchval("SELECT count(*) FROM identifier")
        counted = await connection.fetchval("SELECT sum(registered)::int FROM enterprise_count")
        by_minute = await connection.fetchval("SELECT sum(n)::int FROM enterprise_count, unnest(minutes) AS n")
        audited = await connection.fetchval("SELECT sum(identifiers)::int FROM audit")
        versions = await connection.fetchval("SELECT max(version) FROM identifier")
        await connection.close()
        assert rows == counted == by_minute == audited == len(asked)
        assert versions == 1, "nothing that was there was changed"
        many = await workers[1].post("/api/v1/resolve", {"identifiers": sorted(asked)})
        assert {answer["status"] for answer in many.json["items"]} == {"found"}


async def test_counts_are_told_by_enterprise_hour_and_day(node: Node, database: str) -> None:
    for number in range(3):
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{number}"))
    await node.stranger.post("/api/v1/identifiers", item(f"{node.stranger_prefix}/x"))
    own = (await node.owner.get("/api/v1/counts")).json
    assert (own["registered"], [one["registered"] for one in own["items"]]) == (3, [3])
    everybody = (await node.operator.get("/api/v1/counts?by=day")).json
    assert everybody["registered"] == 4 and len(everybody["items"]) == 2
    assert all("T16:00:00" in one["since"] for one in everybody["items"]), "a day of Beijing begins at 16:00 UTC"
    one = (await node.operator.get(f"/api/v1/counts?enterprise={own['items'][0]['enterprise_id']}")).json
    assert one["registered"] == 3
    assert (await node.operator.get(f"/api/v1/counts?prefix={node.stranger_prefix}")).json["registered"] == 1
    assert (await node.owner.get(f"/api/v1/counts?prefix={node.stranger_prefix}")).json["registered"] == 0
    refused = await node.stranger.get(f"/api/v1/counts?enterprise={own['items'][0]['enterprise_id']}")
    assert refused.status == 403
    for query in ("by=year", "from=2020-01-01&to=2026-01-01", "from=2026-01-02&to=2026-01-01", "enterprise=x"):
        assert (await node.operator.get(f"/api/v1/counts?{query}")).status == 400, query


async def test_a_prefix_that_changes_hands_counts_for_each_owner_what_was_theirs(node: Node, database: str) -> None:
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/1"))
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("UPDATE prefix SET enterprise_id = 2 WHERE prefix = $1", node.prefix)
    finally:
        await connection.close()
    for number in (2, 3):
        await node.operator.post("/api/v1/identifiers", item(f"{node.prefix}/{number}"))
    counts = [(await node.operator.get(f"/api/v1/counts?enterprise={n}")).json["registered"] for n in (1, 2)]
    assert counts == [1, 2], "within one hour"


async def test_what_older_code_counts_is_counted_for_its_enterprise(node: Node, database: str) -> None:
    """While a node is being upgraded its workers of before still write the table of before."""
    statement = """INSERT INTO registration_count (prefix, hour, slot, registered)
        VALUES ($1, date_trunc('hour', now()), 7, $2) ON CONFLICT (prefix, hour, slot)
        DO UPDATE SET registered = registration_count.registered + excluded.registered"""
    connection = await asyncpg.connect(database)
    try:
        for number in (2, 5):
            await connection.execute(statement, node.prefix, number)
    finally:
        await connection.close()
    assert (await node.operator.get("/api/v1/counts?enterprise=1")).json["registered"] == 7
