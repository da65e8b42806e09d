"""Statistics reach the top level exactly once, whatever is lost on the way; hours pass as data, not as time."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.database import open_pool
from node.operations import monitor_of
from sync.monitoring.monitor import Monitor
from sync.monitoring.statistics import SQL, rewind
from sync.toplevel.collector import totals
from sync.toplevel.monitor_doors import seen
from tests.conformance.peering.test_operations import require_schema
from tests.top_level_box import Box, box_here

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 1, 0, 15, tzinfo=UTC)
FAULTS = ("vanish", "lose_answer", "bad_signature", "http_error", "garbage")
KINDS = (("handle-json", "found"), ("handle-tcp", "unknown"), ("handle-udp", "withdrawn"), ("gs1", "referred"))


@dataclass(slots=True)
class Stage:
    """A store, a box, and monitoring whose clock the test moves."""

    box: Box
    pool: Any
    monitor: Monitor
    now: list[datetime]
    expected: dict[str, int] = field(default_factory=dict)

    async def count(self, at: datetime, prefix: str, registered: int, answered: dict[tuple[str, str], int]) -> None:
        """What workers would have stored."""
        await self.pool.execute(
            "INSERT INTO enterprise_count AS c (enterprise_id, prefix, hour, slot, registered) VALUES (1, $1, $2, 0, $3) "
            "ON CONFLICT (enterprise_id, hour, prefix, slot) DO UPDATE SET registered = c.registered + excluded.registered",
            prefix, at.replace(minute=0, second=0), registered,
        )  # fmt: skip
        for (door, outcome), number in answered.items():
            await self.pool.execute(
                "INSERT INTO usage_minute AS m VALUES ($1, $2, $3, $4, false, 0, $5) ON CONFLICT (minute, prefix, door, "
                "outcome, probe, slot) DO UPDATE SET resolutions = m.resolutions + excluded.resolutions",
                at.replace(second=0), prefix, door, outcome, number,
            )  # fmt: skip
            name = {"found": "resolved", "referred": "referred"}.get(outcome, "notFound")
            self.expected[name] = self.expected.get(name, 0) + number
        self.expected["registered"] = self.expected.get("registered", 0) + registered

    async def tick(self) -> None:
        """As if the pauses between attempts were over."""
        await self.pool.execute("UPDATE monitoring_state SET changed_at = clock_timestamp()")
        await self.monitor.tick()

    def told(self) -> dict[str, int]:
        return totals(self.box.desk, self.box.desk.store.one("account_of_client", client="sln-demo")["app_id"])

    async def until_there(self) -> None:
        for _ in range(30):
            await self.tick()
            if not await self.pool.fetch(SQL["unsent"], 1):
                return
        raise AssertionError(dict(await self.pool.fetchrow(SQL["read_state"])))

    async def require_exact(self) -> None:
        told = self.told()
        assert {name: told[name] for name in self.expected} == self.expected
        rows = await self.pool.fetch("SELECT seq, content FROM statistics_document ORDER BY seq")
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        held = self.box.desk.store.all("statistics_in_force", app_id=self.app_id, most=10_000)
        hours = [row["hour"] for row in held]
        assert hours == sorted(set(hours)) and len(hours) == told["hours"]
        assert (await self.pool.fetchval("SELECT count(DISTINCT hour) FROM statistics_document")) == told["hours"]

    @property
    def app_id(self) -> str:
        return str(self.box.desk.store.one("account_of_client", client="sln-demo")["app_id"])


@pytest.fixture
async def stage(database: str, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Stage]:
    async with box_here(tmp_path, session) as box:
        pool = await open_pool(database, connections=4, timeout_seconds=5)
        await pool.execute("INSERT INTO enterprise (name) VALUES ('甲')")
        now = [START]
        monitor = monitor_of(
            box.settings.model_copy(update={"http_port": 1, "heartbeat_seconds": 3600.0}), pool, lambda: now[0]
        )
        assert monitor is not None
        staged = Stage(box, pool, monitor, now)
        yield staged
        await monitor.close()
        await pool.close()


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


async def test_a_heartbeat_says_how_the_node_is_and_silence_is_noticed(stage: Stage) -> None:
    account = stage.box.desk.store.one("account_of_client", client="sln-demo")
    assert seen(stage.box.desk, account)["silent"]
    assert await stage.monitor.beat()
    found = seen(stage.box.desk, account)
    assert not found["silent"] and found["heartbeat"]["state"] == "degraded"  # nobody answers at its port
    require_schema("ops-heartbeat", found["heartbeat"])
    assert (await stage.pool.fetchrow(SQL["read_state"]))["last_heartbeat_at"] is not None
    stage.box.turn(clock_skew_seconds=200)
    assert seen(stage.box.desk, account)["silent"]
    assert await stage.monitor.beat()
    offset = (await stage.pool.fetchrow(SQL["read_state"]))["clock_offset_milliseconds"]
    assert offset > 10_000_000 or offset < -1_000  # the test's clock stands still in another month
    for fault in ("vanish", "lose_answer", "garbage", "bad_signature"):
        stage.box.turn(clock_skew_seconds=0, **{fault: 1})
        assert not await stage.monitor.beat(), fault


Step = tuple[int, dict[str, int], bool]
steps = st.lists(
    st.tuples(
        st.integers(0, 4), st.dictionaries(st.sampled_from(FAULTS), st.integers(1, 3), max_size=3), st.booleans()
    ),
    min_size=1, max_size=4,
)  # fmt: skip


async def test_statistics_are_exact_under_every_dial(stage: Stage) -> None:
    """One long history: hours pass, counts come (some late), the other end fails in every way; then it is calm, and the
    totals are equal."""
    history: list[list[Step]] = []
    chance = random.Random(11)

    @settings(
        max_examples=12, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(steps)
    def collect(found: list[Step]) -> None:
        history.append(found)

    collect()
    for found in history:
        for passed, faults, late in found:
            at = stage.now[0] - (3 * HOUR if late and stage.now[0] > START + 4 * HOUR else timedelta())
            await stage.count(at, f"88.118.{chance.randrange(3)}", chance.randrange(50), {chance.choice(KINDS): 7})
            stage.now[0] += passed * HOUR
            stage.box.turn(**stage.box.calm) if not faults else stage.box.turn(**faults)
            await stage.tick()
        stage.now[0] += HOUR
        stage.box.turn(**stage.box.calm)
        await stage.until_there()
        await stage.require_exact()
