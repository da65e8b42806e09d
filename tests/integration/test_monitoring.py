"""Statistics reach the top level exactly once, whatever is lost on the way; hours pass as data, not as time."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import orjson
import pytest

from core.sqlfiles import load_sql
from sync.monitoring.statistics import SQL, rewind
from sync.toplevel.monitor_doors import seen
from tests.certificates import authority
from tests.conformance.peering.test_operations import require_schema
from tests.monitoring_stage import HOUR, KINDS, START, Stage, monitoring_here


@pytest.fixture
async def stage(database: str, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Stage]:
    async with monitoring_here(database, tmp_path, session) as found:
        yield found


async def test_a_day_that_the_top_level_was_away_is_told_to_the_last_unit(stage: Stage) -> None:
    await stage.tick()
    stage.box.turn(vanish=-1)
    chance = random.Random(7)
    for hour in range(24):
        at = START + hour * HOUR
        if hour % 5:  # some hours are empty: they are told too
            for number in range(20):
                answered = {kind: chance.randrange(1, 5000) for kind in KINDS}
                await stage.count(at + timedelta(minutes=number), f"88.118.{number}", chance.randrange(900), answered)
        stage.now[0] = at + HOUR
        await stage.tick()
    assert stage.told()["hours"] == 1 and len(await stage.pool.fetch(SQL["unsent"], 100)) == 24
    stage.box.turn(vanish=0)
    began = time.monotonic()
    await stage.until_there()
    assert time.monotonic() - began < 60
    assert stage.told()["hours"] == 25
    await stage.require_exact()
    for row in await stage.pool.fetch("SELECT content FROM statistics_document"):
        require_schema("ops-statistics", orjson.loads(row["content"]))


async def test_an_hour_that_grew_after_it_was_sealed_is_corrected_and_what_was_frozen_stays(stage: Stage) -> None:
    await stage.count(START, "88.118.1", 10, {("handle-json", "found"): 5})
    for _ in range(3):
        stage.now[0] += HOUR
        await stage.tick()
    before = await stage.pool.fetch("SELECT seq, content FROM statistics_document ORDER BY seq")
    await stage.count(START, "88.118.1", 3, {("handle-tcp", "found"): 2})
    stage.now[0] += HOUR
    await stage.until_there()
    after = await stage.pool.fetch("SELECT seq, content, corrects FROM statistics_document ORDER BY seq")
    assert [(row["seq"], row["content"]) for row in after[: len(before)]] == [tuple(row) for row in before]
    told = [orjson.loads(row["content"]) for row in after if row["corrects"]]
    assert told and all(one["reason"] for one in told)
    # the hour itself, and the live identifiers of every hour after it
    live = {one["from"]: row["liveAtEnd"] for one in told for row in one["rows"]}
    assert set(live.values()) == {13} and told[0]["rows"][0]["byTransport"] == {"http": 5, "tcp": 2, "udp": 0}
    await stage.require_exact()
    for one in told:
        require_schema("ops-statistics", one)


async def test_live_identifiers_are_carried_on_and_never_counted(stage: Stage, database: str) -> None:
    """What was there before the first hour, what came, what was withdrawn and restored."""
    await stage.count(START - timedelta(days=400), "88.118.1", 100, {})
    stage.expected.clear()
    await stage.pool.execute("INSERT INTO api_key (key_id, secret_digest, role) VALUES ('k', 'x', 'operator')")

    async def change(at: datetime, version: int, kind: str, old: int) -> None:
        await stage.pool.execute(
            "INSERT INTO identifier_change (at, version, actor, kind, key, old_status, old_value) "
            "VALUES ($1, $2, 1, $3, '88.118.1/A', $4, '')",
            at, version, kind, old,
        )  # fmt: skip

    await change(START - timedelta(days=300), 2, "withdraw", 1)
    await stage.tick()
    await change(START, 3, "restore", 2)
    await change(START, 4, "revise", 1)
    await change(START + HOUR, 5, "withdraw", 1)
    stage.now[0] += 2 * HOUR
    await stage.until_there()
    rows = [
        orjson.loads(row["content"])["rows"][0]
        for row in await stage.pool.fetch("SELECT content FROM statistics_document ORDER BY seq")
    ]
    assert [row["liveAtEnd"] for row in rows] == [99, 100, 99]
    assert [(row["updated"], row["deleted"]) for row in rows] == [(0, 0), (2, 0), (0, 1)]
    stage.now[0] += timedelta(hours=60)  # beyond what is looked at again: the base has moved on with it
    await stage.until_there()
    last = await stage.pool.fetchval("SELECT content FROM statistics_document ORDER BY seq DESC LIMIT 1")
    assert orjson.loads(last)["rows"][0]["liveAtEnd"] == 99
    assert not await stage.pool.fetchval("SELECT count(*) FROM statistics_document WHERE corrects IS NOT NULL")


async def test_a_rewind_sends_again_and_counts_nothing_twice(stage: Stage) -> None:
    await stage.tick()
    await stage.count(START, "88.118.1", 4, {("gs1", "found"): 9})
    stage.now[0] += 5 * HOUR
    await stage.until_there()
    async with stage.pool.acquire() as connection:
        assert await rewind(connection, 2) == 5
    await stage.until_there()
    await stage.require_exact()


async def test_a_node_that_was_restored_goes_on_where_the_lost_one_ended(stage: Stage) -> None:
    """Its database is another: no counters, no documents, no number; the hour of the restoration is the first it tells of."""
    await stage.count(START, "88.118.1", 4, {("gs1", "found"): 9})
    stage.now[0] += 3 * HOUR
    await stage.until_there()
    before = stage.told()
    for table in ("statistics_document", "statistics_live", "enterprise_count", "usage_minute"):
        await stage.pool.execute(f"TRUNCATE {table} CASCADE")
    restored = load_sql("sync", "restore.sql")
    await stage.pool.execute(restored["restore_live"])
    await stage.pool.execute(restored["restored_now"])
    await stage.pool.execute("UPDATE monitoring_state SET settled_until = $1", stage.now[0].replace(minute=0))
    stage.monitor._sealer._due = None
    await stage.count(stage.now[0], "88.118.1", 2, {})
    stage.now[0] += 2 * HOUR
    await stage.tick()
    assert not await stage.pool.fetchval("SELECT max(seq) FROM statistics_document")  # not before it knows its place
    assert await stage.monitor.beat()
    await stage.until_there()
    rows = await stage.pool.fetch("SELECT seq, hour FROM statistics_document ORDER BY seq")
    assert rows[0]["seq"] == before["hours"] + 1
    told = stage.told()
    assert (told["registered"], told["resolved"]) == (before["registered"] + 2, before["resolved"])
    assert told["hours"] == before["hours"] + len(rows)  # no hour twice
    assert await stage.monitor.beat()  # and never once more
    assert (await stage.pool.fetchrow(SQL["sequence"]))["last"] == rows[-1]["seq"]


async def test_what_the_top_level_lost_is_sent_again(stage: Stage) -> None:
    await stage.tick()
    await stage.count(START, "88.118.1", 4, {("gs1", "found"): 9})
    stage.now[0] += 5 * HOUR
    await stage.until_there()
    stage.box.desk.store._database.execute("DELETE FROM statistics WHERE seq > 2")
    assert await stage.monitor.beat()  # the heartbeat's answer says what is expected
    await stage.until_there()
    await stage.require_exact()
    stage.box.desk.store._database.execute("DELETE FROM statistics WHERE seq > 3")
    stage.now[0] += HOUR  # or the next document finds the gap
    await stage.until_there()
    await stage.require_exact()


async def test_another_content_under_a_number_stops_everything_until_somebody_has_seen_it(stage: Stage) -> None:
    await stage.tick()
    digest = f"sha-256:{'1' * 64}"
    stage.box.desk.store._database.execute("UPDATE statistics SET content_digest = ?", (digest,))
    async with stage.pool.acquire() as connection:
        await rewind(connection, 1)
    stage.now[0] += 2 * HOUR
    await stage.tick()
    state = await stage.pool.fetchrow(SQL["read_state"])
    assert "conflict" in state["stopped"]
    stage.box.desk.store._database.execute("DELETE FROM statistics")
    await stage.tick()
    assert len(await stage.pool.fetch(SQL["unsent"], 10)) == 3  # still stopped
    await stage.pool.execute(SQL["go_on"])
    await stage.until_there()
    await stage.require_exact()


async def test_a_heartbeat_says_how_the_node_is_and_silence_is_noticed(stage: Stage, tmp_path: Path) -> None:
    account = stage.box.desk.store.one("account_of_client", client="sln-demo")
    assert seen(stage.box.desk, account)["silent"]
    assert await stage.monitor.beat()
    found = seen(stage.box.desk, account)
    assert not found["silent"] and found["heartbeat"]["state"] == "degraded"  # nobody answers at its port
    require_schema("ops-heartbeat", found["heartbeat"])
    assert (await stage.pool.fetchrow(SQL["read_state"]))["last_heartbeat_at"] is not None
    await stage.pool.execute(  # a minute may pass before it is asked for
        "INSERT INTO usage_minute SELECT date_trunc('minute', now(), 'UTC') - make_interval(mins => ago), '88.118', 'handle-udp', "
        "'found', false, 0, 6000 FROM generate_series(1, 2) ago"
    )
    await stage.restart(peering_certificate=authority(tmp_path, "ours").issue("sln-demo"), handle_port=2641)
    assert await stage.monitor.beat() and await stage.monitor.beat()  # the pace is that between two
    said = seen(stage.box.desk, account)["heartbeat"]
    require_schema("ops-heartbeat", said)
    assert said["certificateNotAfter"] > "2026"
    rates = {one["transport"]: one.get("ratePerSecond") for one in said["services"]}
    assert (rates["tcp"], rates["udp"]) == (0, 100)
    stage.box.turn(clock_skew_seconds=200)
    assert seen(stage.box.desk, account)["silent"]
    assert await stage.monitor.beat()
    offset = (await stage.pool.fetchrow(SQL["read_state"]))["clock_offset_milliseconds"]
    assert offset > 10_000_000 or offset < -1_000  # the test's clock stands still in another month
    for fault in ("vanish", "lose_answer", "garbage", "bad_signature"):
        stage.box.turn(clock_skew_seconds=0, **{fault: 1})
        assert not await stage.monitor.beat(), fault
