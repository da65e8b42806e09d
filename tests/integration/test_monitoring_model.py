"""Statistics as a state machine: whatever is counted, sealed, sent, lost, late, twice or out of order, and whoever is started
anew, what the top level holds is what was sealed, and once it is calm its totals are what was counted.

The steps are those of the real sender with real PostgreSQL and of the box with its own store. Hypothesis works in a thread of
its own and waits for each step in the loop of the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sync.monitoring.statistics import go_on, rewind
from sync.toplevel.app import open_store
from sync.toplevel.desk import Desk
from sync.toplevel.dials import FAULTS
from tests.monitoring_stage import HOUR, KINDS, START, Stage, monitoring_here

_PATIENCE_SECONDS, _SLOW_MILLISECONDS = 0.05, 80  # of a sender that gives up before the box has begun
_FRESH = """
TRUNCATE statistics_document, statistics_live, usage_minute, enterprise_count;
UPDATE monitoring_state SET settled_until = NULL, stopped = NULL, last_error = NULL
"""
_times = st.integers(1, 3)


@pytest.fixture
async def stage(database: str, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Stage]:
    async with monitoring_here(database, tmp_path, session) as found:
        yield found


class Statistics(RuleBasedStateMachine):
    """`stage` and `loop` are those of the test."""

    stage: Stage
    loop: asyncio.AbstractEventLoop

    def done(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    @initialize()
    def begin(self) -> None:
        self.frozen: list[bytes] = []
        self.done(self._begun())

    async def _begun(self) -> None:
        stage = self.stage
        stage.now[0], stage.expected = START, {}
        stage.box.turn(**stage.box.calm, slow_milliseconds=0, clock_skew_seconds=0)
        await stage.pool.execute(_FRESH)
        stage.box.desk.store._database.execute("DELETE FROM statistics")
        await stage.restart()
        await stage.tick()

    @rule(
        hours_ago=st.integers(0, 6),
        prefix=st.integers(0, 2),
        registered=st.integers(0, 50),
        kind=st.sampled_from(KINDS),
    )
    def counted(self, hours_ago: int, prefix: int, registered: int, kind: tuple[str, str]) -> None:
        """Now, or late: into an hour that may be sealed and told already."""
        at = max(self.stage.now[0] - hours_ago * HOUR, START)
        self.done(self.stage.count(at, f"88.118.{prefix}", registered, {kind: 7}))

    @rule(hours=st.integers(1, 5))
    def passed(self, hours: int) -> None:
        self.stage.now[0] += hours * HOUR

    @rule()
    def ticked(self) -> None:
        self.done(self.stage.tick())

    @rule(fault=st.sampled_from(FAULTS), times=_times)
    def turned(self, fault: str, times: int) -> None:
        self.done(self._in_loop(lambda: self.stage.box.turn(**{fault: times})))

    @rule()
    def slow(self) -> None:
        """The sender gives up first; what it sent arrives all the same, some time later."""
        self.done(self._slow())

    async def _slow(self) -> None:
        self.stage.box.turn(slow_milliseconds=_SLOW_MILLISECONDS)
        await self.stage.restart(peering_timeout_seconds=_PATIENCE_SECONDS)
        await self.stage.tick()
        self.stage.box.turn(slow_milliseconds=0)
        await self.stage.restart()

    @rule(seconds=st.sampled_from((-86_400, -400, -100, 100, 400, 86_400)))
    def skewed(self, seconds: int) -> None:
        """The box's clock is wrong: signatures may be refused, and then a person is waited for."""
        self.done(self._skewed(seconds))

    async def _skewed(self, seconds: int) -> None:
        self.stage.box.turn(clock_skew_seconds=seconds)
        await self.stage.tick()
        self.stage.box.turn(clock_skew_seconds=0)

    @rule(part=st.floats(0, 1))
    @precondition(lambda self: self.frozen)
    def straggled(self, part: float) -> None:
        """An attempt that was thought lost arrives, in any order, again or for the first time."""
        number = min(int(part * len(self.frozen)), len(self.frozen) - 1)
        self.done(self._straggled(self.frozen[number]))

    async def _straggled(self, content: bytes) -> None:
        self.stage.box.turn(**self.stage.box.calm)
        status, said = await self.stage.monitor._post_statistics(content)
        assert (status, orjson.loads(said)["result"]) in ((200, "accepted"), (200, "duplicate"), (409, "gap"))

    @rule(turns=st.integers(0, 400))
    def killed(self, turns: int) -> None:
        """In the midst of whatever it does; another takes its place."""
        self.done(self._killed(turns))

    async def _killed(self, turns: int) -> None:
        ticking = asyncio.ensure_future(self.stage.tick())
        for _ in range(turns):
            await asyncio.sleep(0)
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        await self.stage.restart()

    @rule()
    def box_started_anew(self) -> None:
        self.done(self._in_loop(self._box_anew))

    def _box_anew(self) -> None:
        desk, directory = self.stage.box.desk, Path(self.stage.settings.data_dir) / "toplevel"
        desk.store.close()
        desk.store = open_store(directory)
        desk.dials = Desk(desk.store).dials

    @rule(lost=_times)
    def box_from_a_backup(self, lost: int) -> None:
        """What it had acknowledged last is gone; it says so by what it expects."""
        statement = "DELETE FROM statistics WHERE seq > (SELECT max(seq) FROM statistics) - ?"
        self.done(self._in_loop(lambda: self.stage.box.desk.store._database.execute(statement, (lost,))))

    @rule(part=st.floats(0, 1))
    def rewound(self, part: float) -> None:
        self.done(self._rewound(int(part * len(self.frozen)) + 1))

    async def _rewound(self, number: int) -> None:
        async with self.stage.pool.acquire() as connection:
            await rewind(connection, number)

    @rule()
    def seen_to(self) -> None:
        """A person: `biaojie sync send`."""
        self.done(go_on(self.stage.pool))

    @invariant()
    def the_box_holds_what_was_sealed(self) -> None:
        if hasattr(self, "frozen"):
            self.done(self._agrees())

    async def _agrees(self) -> None:
        rows = await self.stage.pool.fetch("SELECT seq, content FROM statistics_document ORDER BY seq")
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1)), "a number was left out"
        sealed = [bytes(row["content"]) for row in rows]
        assert sealed[: len(self.frozen)] == self.frozen, "what was sealed has changed"
        self.frozen = sealed
        held = self.stage.box.desk.store._database.execute(
            "SELECT seq, content FROM statistics ORDER BY seq"
        ).fetchall()
        assert [row["seq"] for row in held] == list(range(1, len(held) + 1)), "a gap at the top level"
        there = [orjson.loads(row["content"]) for row in held]
        assert there == [orjson.loads(one) for one in sealed[: len(there)]], "the top level holds something else"

    def teardown(self) -> None:
        if hasattr(self, "frozen"):
            self.done(self._calm())

    async def _calm(self) -> None:
        """The dials are at rest, a person has looked, an hour has passed: everything is there, once."""
        self.stage.box.turn(**self.stage.box.calm)
        await go_on(self.stage.pool)
        self.stage.now[0] += HOUR
        await self.stage.until_there()
        await self.stage.require_exact()
        await self._agrees()

    async def _in_loop(self, work: Any) -> None:
        work()


async def test_statistics_are_exact_under_every_dial(stage: Stage) -> None:
    Statistics.stage, Statistics.loop = stage, asyncio.get_running_loop()
    bounds = settings(
        max_examples=20, stateful_step_count=30, deadline=None, database=None,
        phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    await asyncio.to_thread(run_state_machine_as_test, Statistics, settings=bounds)
