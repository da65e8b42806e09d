"""Standby changes against a simple model: whatever is lost, late or double, the top level holds in the end what is held here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from sync.access.transport import NotSent, OutcomeUnknown
from sync.operations.shapes import MEDIA_TYPE
from sync.takeover.flow import rewind
from sync.takeover.standby import Refused
from tests.conftest import Servers
from tests.harness import at, item, text_value
from tests.takeover_stage import Stage, compared, held_here, held_there, older, settled, staged


@pytest.fixture
async def stage(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with staged(database, servers, session, tmp_path) as found:
        yield found


_FAULTS = ("vanish", "lose_answer", "http_error", "garbage", "bad_signature", "reject")


class Changes(RuleBasedStateMachine):
    """Lost, late, double and overtaking documents, refusals, rewinding, whole sets and a box that forgets: once it is calm the top
    level holds what is held here. `stage` and `loop` are those of the test."""

    stage: Stage
    loop: asyncio.AbstractEventLoop
    count = 0

    def done(self, work: Coroutine[Any, Any, Any]) -> None:
        async def tried() -> None:
            with suppress(NotSent, OutcomeUnknown, Refused):
                await work

        asyncio.run_coroutine_threadsafe(tried(), self.loop).result(60)

    @rule()
    def register(self) -> None:
        Changes.count += 1
        node = self.stage.peered.node
        self.done(node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/STEP-{self.count}")))

    @rule()
    def revise(self) -> None:
        Changes.count += 1
        node, values = self.stage.peered.node, {"values": [text_value(1, "DESC", f"step {self.count}")]}
        self.done(node.owner.call("PUT", f"/api/v1/identifiers/{at(node.prefix + '/A')}", values))

    @rule(verb=st.sampled_from(("suspend", "resume")))
    def suspend(self, verb: str) -> None:
        node = self.stage.peered.node
        body = {"reason": "x"} if verb == "suspend" else None
        self.done(node.operator.post(f"/api/v1/prefixes/{node.stranger_prefix}:{verb}", body))

    @rule(fault=st.sampled_from(_FAULTS), turns=st.integers(1, 3))
    def dial(self, fault: str, turns: int) -> None:
        self.done(self._turned(fault, turns))

    async def _turned(self, fault: str, turns: int) -> None:
        self.stage.box.turn(**{fault: turns})

    @rule(order=st.sampled_from(("ASC", "DESC")))
    def late_or_early(self, order: str) -> None:
        """An attempt that overtakes others, or is overtaken."""
        self.done(self._put(order))

    async def _put(self, order: str) -> None:
        query = f"SELECT number, content FROM standby_change ORDER BY number {order} LIMIT 1"
        if (row := await self.stage.peered.pool.fetchrow(query)) is not None:
            path = f"{self.stage.peered.node.settings.node_prefix}/changes/{row['number']}"
            await self.stage.keeper._flow._put(path, bytes(row["content"]), MEDIA_TYPE)

    @rule()
    def send(self) -> None:
        self.done(self.stage.keeper._keep_current())

    @rule()
    def send_again(self) -> None:
        self.done(rewind(self.stage.peered.pool, 1))

    @rule()
    def send_whole(self) -> None:
        self.done(self.stage.keeper._send("on wish"))

    @rule()
    def forget(self) -> None:
        self.done(older(self.stage))

    def teardown(self) -> None:
        asyncio.run_coroutine_threadsafe(self._calm(), self.loop).result(60)

    async def _calm(self) -> None:
        self.stage.box.turn(**self.stage.box.calm)
        await settled(self.stage.keeper)
        again = "UPDATE standby_change SET acknowledged_at = acknowledged_at - interval '1 hour'"
        await self.stage.peered.pool.execute(again)
        await settled(self.stage.keeper)  # a box that forgot is found out after a while
        there, here = held_there(self.stage), await held_here(self.stage.peered.pool)
        assert there == here
        assert (await compared(self.stage)).different == 0


async def test_every_change_arrives_under_every_dial(stage: Stage) -> None:
    Changes.stage, Changes.loop = stage, asyncio.get_running_loop()
    bounds = settings(
        max_examples=20, stateful_step_count=25, deadline=None, database=None,
        phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    await asyncio.to_thread(run_state_machine_as_test, Changes, settings=bounds)
