"""Peering under every fault of the box: nothing lost, nothing twice, whatever is lost on the way and whoever dies."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.sealing import Vault
from node.peering import peer_of, top_level_of
from registry.applications.courier import LOCK, Courier
from sync.access.inbox import Inbox
from sync.access.outbox import SQL
from sync.access.transport import Heard
from tests.applicant import PERSONAL, Application, credit_code
from tests.conftest import Servers
from tests.harness import until
from tests.top_level_box import Peered, peered_here

_numbers = itertools.count(1)
FAULTS = ("vanish", "lose_answer", "duplicate", "reorder", "bad_signature", "http_error", "garbage", "forget", "reject")


class _NoDirectory:
    async def prefixes_changed(self, _: Any) -> None:
        return None


@dataclass(slots=True)
class Stage:
    """A peered node whose courier and exchange move only when the test says so."""

    peered: Peered
    courier: Courier
    connection: Any

    async def turn(self) -> None:
        await self.courier._serve(self.connection)
        await self.peered.pool.execute(SQL["send_now"])
        await self.peered.pool.execute(SQL["poll_now"])
        await self.peered.pool.execute(SQL["everything_due"])
        await self.connection.execute("UPDATE top_level_task SET due_at = now() WHERE state = 'queued'")
        await self.peered.peer.tick()
        self.peered.box.desk.clerk()

    async def until(self, application: Application, *states: str) -> str:
        for _ in range(60):
            if (state := await application.state()) in states:
                return state
            await self.turn()
        raise AssertionError(f"still {state}: {await self.commands()}")

    async def commands(self) -> list[Any]:
        found = await self.connection.fetch(
            "SELECT kind, about, state, attempts, code, last_error FROM peering_command ORDER BY id"
        )
        return [tuple(row) for row in found]

    async def apply(self) -> Application:
        number = next(_numbers)
        return await self.peered.applied(
            name=f"企业 {number}", credit_code=credit_code(number), prefix=f"88.118.{1000 + number}"
        )

    def done_above(self, about: str, verb: str = "create") -> int:
        """How often the box did it."""
        rows = self.peered.box.desk.store.all("newest_log", most=10_000)
        return sum(row["verb"] == verb and row["about"] == about and row["code"] in (1000, 1001) for row in rows)


async def _staged(peered: Peered, database: str) -> AsyncIterator[Stage]:
    connection = await asyncpg.connect(database)
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)  # the node's courier keeps still
    vault = Vault(peered.node.settings.personal_data_keys)
    adapter = top_level_of(peered.node.settings, peered.pool, vault)
    yield Stage(peered, Courier(peered.pool, _NoDirectory(), vault, adapter), connection)  # type: ignore[arg-type]
    await connection.close()


@pytest.fixture
async def stage(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with peered_here(database, servers, tmp_path, session) as peered:
        async for staged in _staged(peered, database):
            yield staged


@pytest.fixture
async def tcp_stage(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with peered_here(database, servers, tmp_path, session, peering_url="tcp") as peered:
        async for staged in _staged(peered, database):
            yield staged


async def _provision(stage: Stage, faults: dict[str, int], decision: str, wishes: list[str]) -> None:
    """One enterprise and its prefix, with these faults on the way, decided so, then moved so by the top level."""
    box = stage.peered.box
    box.turn(**box.calm, audit=decision, pending_code=1000 + faults.get("forget", 0) % 2)
    application = await stage.apply()
    seen = (await stage.peered.node.operator.get(application.path)).json
    box.turn(**faults)
    expected = "active" if decision == "approve" else "rejected"
    assert await stage.until(application, "active", "rejected") == expected
    about, state = seen["prefix"], expected
    leads = {("active", "suspend"): "suspended", ("suspended", "resume"): "active"}
    for wish in wishes:
        after = leads.get((state, wish))
        if after is None:
            continue
        box.turn(**faults)
        box.desk.audit(about, wish, "")
        assert await stage.until(application, after) == after
        state = after
    box.turn(**box.calm)
    for _ in range(3):
        await stage.turn()
    assert await application.state() == state
    assert stage.done_above(about) == 1, await stage.commands()
    code = await stage.connection.fetchval("SELECT credit_code FROM application WHERE id = $1", application.number)
    assert stage.done_above(code) == 1
    moves = [one["move"] for one in (await application.applicant.get(application.path)).json["history"]]
    assert moves.count("accept") + moves.count("refuse") == 1
    assert (
        box.desk.store.value(
            "count_waiting", app_id=box.desk.store.one("account_of_client", client="sln-demo")["app_id"]
        )
        == 0
    )
    assert await stage.connection.fetchval("SELECT count(*) FROM peering_order WHERE applied_at IS NULL") == 0
    assert await stage.connection.fetchval("SELECT count(*) FROM peering_command WHERE sealed IS NOT NULL") == 0


def _plans(most: int) -> list[Any]:
    plans: list[Any] = []

    @settings(max_examples=most, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(
        st.dictionaries(st.sampled_from(FAULTS), st.integers(1, 3), max_size=4),
        st.sampled_from(("approve", "approve", "reject")),
        st.lists(st.sampled_from(("suspend", "resume")), max_size=4),
    )
    def planned(faults: dict[str, int], decision: str, wishes: list[str]) -> None:
        plans.append((faults, decision, wishes))

    planned()
    return plans


async def test_provisioning_under_any_faults_happens_exactly_once(stage: Stage) -> None:
    plans = [({fault: 2}, "approve", ["suspend"]) for fault in FAULTS] + _plans(6)
    for faults, decision, wishes in plans:
        await _provision(stage, faults, decision, wishes)


async def test_the_same_over_tcp(tcp_stage: Stage) -> None:
    for faults in ({}, {"lose_answer": 2}, {"vanish": 2}, {"garbage": 2}, {"reorder": 1, "duplicate": 1}):
        await _provision(tcp_stage, faults, "approve", ["suspend"])


async def test_an_enterprise_that_is_there_is_asked_for_and_a_second_prefix_needs_no_second_enterprise(
    stage: Stage,
) -> None:
    store = stage.peered.box.desk.store
    account = store.one("account_of_client", client="sln-demo")
    code = credit_code(500)
    with store.transaction():
        held = store.value(
            "create_enterprise", app_id=account["app_id"], credit_code=code, name="早已登记", content="{}"
        )
    application = await stage.peered.applied(name="早已登记", credit_code=code, prefix="88.118.501")
    await stage.until(application, "active")
    reference = await stage.connection.fetchval(
        "SELECT top_level_reference FROM enterprise WHERE credit_code = $1", code
    )
    assert reference == f"{held:08d}"
    again = await stage.peered.applied(name="早已登记", credit_code=code, prefix="88.118.502")
    await stage.until(again, "active")
    kinds = [row[0] for row in await stage.commands() if row[0] != "nothing"]
    assert kinds == ["enterprise-create", "enterprise-check", "prefix-create", "prefix-create"]


async def test_a_prefix_that_another_has_is_refused_and_one_that_we_may_have_made_is_waited_for(stage: Stage) -> None:
    box = stage.peered.box
    box.turn(audit="hold")
    first, second = await stage.apply(), await stage.apply()
    prefix = (await stage.peered.node.operator.get(first.path)).json["prefix"]
    account = box.desk.store.one("account_of_client", client="sln-demo")
    with box.desk.store.transaction():
        number = box.desk.store.value(
            "create_enterprise", app_id=account["app_id"], credit_code=credit_code(900), name="x", content="{}"
        )
        box.desk.store.run(
            "put_prefix", prefix=prefix, shown=prefix, app_id=account["app_id"], enterprise=number, state=1, cl_trid="other",
            sv_trid="other", created_at="2026-11-22T00:00:00.000+00:00", audit_at=None,
        )  # fmt: skip
    assert await stage.until(first, "rejected") == "rejected"
    assert "前缀已被占用" in (await first.applicant.get(first.path)).json["history"][-1]["reason"]
    box.turn(forget=9, lose_answer=0)
    for _ in range(6):
        await stage.turn()
    assert await second.state() == "pending"


@pytest.mark.parametrize(
    ("dials", "told"), [({"reject": 1, "reject_code": 2306}, "refused"), ({"reject": 1, "reject_code": 2201}, "failed")]
)
async def test_a_refusal_is_the_applicants_or_the_operators(stage: Stage, dials: dict[str, int], told: str) -> None:
    application = await stage.apply()
    stage.peered.box.turn(**dials)
    if told == "refused":
        assert await stage.until(application, "rejected") == "rejected"
        return
    for _ in range(4):
        await stage.turn()
    task = (await stage.peered.node.operator.get(application.path)).json["top_level"][0]
    assert (task["state"], await application.state()) == ("failed", "pending") and "按调节拒绝" in task["last_error"]
    await application.must("retry")
    assert await stage.until(application, "active") == "active"


async def test_a_skewed_clock_stops_the_exchange_until_somebody_sees_to_it(stage: Stage) -> None:
    application = await stage.apply()
    stage.peered.box.turn(clock_skew_seconds=3_600)
    await stage.courier._serve(stage.connection)
    await stage.peered.peer.tick()
    figures = await stage.connection.fetchrow(SQL["figures"])
    assert "401" in figures["stopped"] and figures["open"] == 1
    stage.peered.box.turn(clock_skew_seconds=0)
    for _ in range(3):
        await stage.peered.peer.tick()  # nothing goes out by itself
    assert stage.peered.box.desk.store.value("next_log") == 1
    assert await stage.until(application, "active") == "active"


async def test_an_answer_that_is_too_slow_is_an_unknown_outcome_and_the_same_bytes_go_again(stage: Stage) -> None:
    application = await stage.apply()
    stage.peered.box.turn(slow_milliseconds=400)
    await stage.courier._serve(stage.connection)
    hasty = stage.peered.node.settings.model_copy(update={"peering_timeout_seconds": 0.2})
    peer = peer_of(hasty, stage.peered.pool)
    await peer.tick()
    await peer.close()
    row = await stage.connection.fetchrow("SELECT state, attempts, cl_trid FROM peering_command")
    assert (row["state"], row["attempts"]) == ("sent", 1)
    stage.peered.box.turn(slow_milliseconds=0)
    assert await stage.until(application, "active") == "active"
    assert await stage.connection.fetchval("SELECT count(*) FROM peering_command WHERE kind = 'enterprise-create'") == 1


SITE = {
    "servers": [
        {
            "serverId": 1,
            "address": "203.0.113.7",
            "interfaces": [{"query": True, "admin": True, "protocol": "TCP", "port": 2641}],
        }
    ]
}


async def test_a_route_is_told_after_approval_and_again_when_it_changes(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    more = {"peering_identifier_mapping": True, "peering_site_address": "203.0.113.1"}
    async with peered_here(database, servers, tmp_path, session, **more) as peered:
        async for stage in _staged(peered, database):
            number = next(_numbers)
            wish = {"prefix": f"88.118.{1000 + number}", "hosting": "own-node", "site": SITE}
            application = await peered.applied(name=f"企业 {number}", credit_code=credit_code(number), **wish)
            await stage.until(application, "active")
            here = {"hosting": "here"}
            assert await _told(stage, wish["prefix"]) == "203.0.113.7"

            async def moved(path: str = f"/api/v1/prefixes/{wish['prefix']}/hosting", here: Any = here) -> bool:
                return (await peered.node.operator.put(path, here)).status == 200

            await until(moved, 3)  # the worker has heard of the approval
            assert await _told(stage, wish["prefix"], "203.0.113.1") == "203.0.113.1"
            kinds = [row[0] for row in await stage.commands()]
            assert kinds[-2:] == ["identifier-create", "identifier-update"]
            hosted = await stage.apply()
            await stage.until(hosted, "active")
            prefix = (await peered.node.operator.get(hosted.path)).json["prefix"]
            assert await _told(stage, prefix) == "203.0.113.1"
            states = {row[0] for row in await stage.connection.fetch("SELECT state FROM top_level_task")}
            assert states == {"accepted"}


async def _told(stage: Stage, prefix: str, wanted: str = "") -> str:
    """The address that the box holds for a prefix, after a few turns; and the task is settled."""
    address = ""
    for _ in range(12):
        await stage.turn()
        row = stage.peered.box.desk.store.one("identifier", name=prefix)
        if row is not None:
            site = orjson.loads(row["content"])["siteList"]["siteInfo"][0]
            address = site["serviceInfo"][0]["addr"][0][""]
        open_ = await stage.connection.fetchval(
            "SELECT count(*) FROM top_level_task WHERE state IN ('queued', 'submitted')"
        )
        if address and address == (wanted or address) and not open_:
            break
    return address


class Death(BaseException):
    """The process ends here."""


class Dying:
    """A transport that dies before or after the exchange, as the test says."""

    def __init__(self, transport: Any, before: bool) -> None:
        self.transport, self.before, self.sent = transport, before, 0

    async def exchange(self, document: bytes, cl_trid: str) -> Heard:
        self.sent += 1
        if not self.before:
            await self.transport.exchange(document, cl_trid)
        raise Death


@pytest.mark.parametrize("before", [True, False])
async def test_death_around_a_sending_neither_loses_nor_repeats_it(stage: Stage, before: bool) -> None:
    application = await stage.apply()
    prefix = (await stage.peered.node.operator.get(application.path)).json["prefix"]
    for _ in range(2):  # in the creation of the enterprise, then in that of the prefix
        for _ in range(2):  # the verdict on the one is what the other waits for
            await stage.courier._serve(stage.connection)
        peer = peer_of(stage.peered.node.settings, stage.peered.pool)
        peer._sender._transport = Dying(peer._transport, before)
        with pytest.raises(Death):
            await peer.tick()
        await peer.close()
        assert await stage.connection.fetchval("SELECT count(*) FROM peering_command WHERE state = 'sent'") == 1
        await stage.turn()
    assert await stage.until(application, "active") == "active"
    assert stage.done_above(prefix) == 1


async def test_death_between_acting_and_acknowledging_acts_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    application = await stage.apply()

    async def die(*_: Any) -> None:
        raise Death

    with monkeypatch.context() as patched:
        patched.setattr(Inbox, "_acknowledge", die)
        with pytest.raises(Death):
            await stage.until(application, "active")
    box = stage.peered.box.desk.store
    assert box.value("count_waiting", app_id=box.one("account_of_client", client="sln-demo")["app_id"]) == 1
    assert await stage.until(application, "active") == "active"
    for _ in range(2):
        await stage.turn()
    moves = [one["move"] for one in (await application.applicant.get(application.path)).json["history"]]
    assert moves.count("accept") == 1
    assert await stage.connection.fetchval("SELECT max(deliveries) FROM peering_message") == 2
    assert box.value("count_waiting", app_id=box.one("account_of_client", client="sln-demo")["app_id"]) == 0


async def test_what_waits_is_sealed_and_nothing_tells_personal_data(stage: Stage) -> None:
    await stage.apply()
    await stage.courier._serve(stage.connection)
    rows = await stage.connection.fetch("SELECT c::text FROM peering_command c")
    text = "".join(row[0] for row in rows) + str(stage.peered.box.desk.store.all("newest_log", most=100))
    assert rows and not any(datum in text for datum in PERSONAL.values())
    disclosed = await stage.connection.fetchval("SELECT count(*) FROM audit WHERE action = 'disclose-personal-data'")
    assert disclosed == 3  # the texts, and two images
