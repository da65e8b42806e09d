"""What is handed to the top level: nothing lost, nothing applied twice, refusals, outages; and its adapter's rights."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

import registry.applications.courier as courier_module
from core.database import open_pool
from core.directory import Directory
from core.sealing import Vault
from core.top_level import EnterpriseFacts, Order, PersonalData, PrefixFacts, RouteFacts, TopLevelUnavailable, Verdict
from registry.applications.courier import LOCK, Courier
from tests.applicant import PERSONAL, SITE, Application, apply
from tests.harness import Api, Node, item, until


class PaperTopLevel:
    """Notes what it is told; says what the test has it say."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.facts: list[Any] = []
        self.personal: dict[str, str] = {}
        self.away = False
        self.decided: list[Verdict] = []
        self.ordered: list[Order] = []
        self.obeyed: list[int] = []

    async def submit_enterprise(self, task: int, enterprise: EnterpriseFacts, personal: PersonalData) -> None:
        self._hear("enterprise", task, enterprise)
        self.personal = await personal()

    async def submit_prefix(self, task: int, prefix: PrefixFacts) -> None:
        self._hear("prefix", task, prefix)

    async def publish_route(self, task: int, route: RouteFacts) -> None:
        self._hear("route", task, route)

    async def verdicts(self, waiting: Sequence[int]) -> Sequence[Verdict]:
        return self.decided

    async def orders(self) -> Sequence[Order]:
        return self.ordered

    async def order_applied(self, connection: Any, number: int) -> bool:
        self.obeyed.append(number)
        return self.obeyed.count(number) == 1

    def _hear(self, kind: str, task: int, facts: Any) -> None:
        if self.away:
            raise TopLevelUnavailable("closed for the night")
        self.told.append((kind, task))
        self.facts.append(facts)


@pytest.fixture
async def paper(node: Node, database: str) -> AsyncIterator[tuple[Courier, PaperTopLevel, Any]]:
    """A courier of the test's own; the node's keeps still, because the test holds its lock."""
    pool = await open_pool(database, connections=4, timeout_seconds=5)
    connection = await asyncpg.connect(database)
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    top_level = PaperTopLevel()
    yield (
        Courier(pool, Directory(pool, *_rest()), Vault(node.settings.personal_data_keys), top_level),
        top_level,
        connection,
    )
    await connection.close()
    await pool.close()


def _rest() -> tuple[Any, ...]:
    """Whatever else a directory is made of: not used here."""
    return (None,) * (len(inspect.signature(Directory).parameters) - 1)


async def serve(courier: Courier, connection: Any) -> None:
    """A round, without asking for the lock that the test holds."""
    await courier._serve(connection)


async def approved(node: Node) -> Application:
    application = await apply(node, prefix="88.118.400")
    await application.must("review", "approve")
    return application


async def registering(api: Api, status: int) -> None:
    """What comes of it once the node has heard from the change feed."""

    async def so() -> bool:
        return (await api.post("/api/v1/identifiers", item("88.118.400/x"))).status == status

    await until(so, 2)


async def test_a_prefix_waits_for_its_enterprise_and_both_are_told_once(node: Node, paper: Any) -> None:
    courier, top_level, connection = paper
    application = await approved(node)
    await serve(courier, connection)
    assert [kind for kind, _ in top_level.told] == ["enterprise"] and await application.state() == "pending"
    assert top_level.facts[0].form["region"] == "110108" and not set(PERSONAL.values()) & set(
        str(top_level.facts[0].form)
    )
    assert top_level.personal == PERSONAL
    disclosed = await connection.fetchval("SELECT count(*) FROM audit WHERE action = 'disclose-personal-data'")
    assert disclosed == 1
    enterprise = top_level.told[0][1]
    top_level.decided = [Verdict(enterprise, True, reference="ENT-7")]
    await serve(courier, connection)
    await serve(courier, connection)
    assert [kind for kind, _ in top_level.told] == ["enterprise", "prefix"]
    assert top_level.facts[1] == PrefixFacts("88.118.400", top_level.facts[0].id, "ENT-7")
    prefix = top_level.told[1][1]
    for _ in range(2):  # heard again after a crash
        await courier.apply(connection, Verdict(prefix, True))
        await courier.apply(connection, Verdict(prefix, False, "too late"))
    assert await application.state() == "active"
    moves = [one["move"] for one in (await application.applicant.get(application.path)).json["history"]]
    assert moves[-2:] == ["hand-over", "accept"]
    await registering(node.operator, 201)


async def test_a_verdict_that_comes_before_the_note_of_the_submission_is_not_lost(node: Node, paper: Any) -> None:
    """The courier died between telling the top level and writing that it had."""
    courier, _, connection = paper
    application = await approved(node)
    for row in await connection.fetch("SELECT id FROM top_level_task ORDER BY id"):
        await courier.apply(connection, Verdict(row["id"], True))
    assert await application.state() == "active"


@pytest.mark.parametrize("which", [0, 1])
async def test_a_refusal_rejects_the_application_and_frees_the_prefix(node: Node, paper: Any, which: int) -> None:
    courier, _, connection = paper
    application = await approved(node)
    tasks = [row["id"] for row in await connection.fetch("SELECT id FROM top_level_task ORDER BY id")]
    for task in tasks[:which]:
        await courier.apply(connection, Verdict(task, True))
    await courier.apply(connection, Verdict(tasks[which], False, "证照不符"))
    seen = (await application.applicant.get(application.path)).json
    assert (seen["state"], seen["history"][-1]["reason"], seen["history"][-1]["actor"]) == (
        "rejected",
        "证照不符",
        "top-level",
    )
    assert (await node.operator.get("/api/v1/prefixes/88.118.400")).json["state"] == "rejected"
    await registering(node.operator, 403)
    given = await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": "88.118.400"})
    assert given.status == 201
    await registering(node.owner, 201)


async def test_an_outage_is_waited_out_given_up_and_taken_up_again(
    node: Node, paper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    courier, top_level, connection = paper
    monkeypatch.setattr(courier_module, "MAX_ATTEMPTS", 3)
    application, top_level.away = await approved(node), True
    for attempt in range(1, 4):
        await connection.execute("UPDATE top_level_task SET due_at = now()")
        await serve(courier, connection)
        task = (await node.operator.get(application.path)).json["top_level"][0]
        assert (task["attempts"], task["last_error"]) == (attempt, "closed for the night")
        assert task["state"] == ("failed" if attempt == 3 else "queued")
    assert await application.state() == "approved"
    top_level.away = False
    await serve(courier, connection)
    assert top_level.told == []
    assert (await application.move("retry")).status == 200
    await serve(courier, connection)
    assert await application.state() == "pending"


async def test_a_top_level_that_does_not_answer_is_left_after_the_deadline(
    node: Node, paper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    courier, top_level, connection = paper
    monkeypatch.setattr(courier_module, "DEADLINE_SECONDS", 0.05)

    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    top_level.submit_enterprise = top_level.verdicts = hang
    application = await approved(node)
    await serve(courier, connection)
    task = (await node.operator.get(application.path)).json["top_level"][0]
    assert (task["state"], task["last_error"]) == ("queued", "no answer in time")


async def test_a_new_route_is_published(node: Node, paper: Any) -> None:
    courier, top_level, connection = paper
    await node.owner.put(f"/api/v1/prefixes/{node.prefix}/hosting", {"hosting": "own-node", "site": SITE})
    await serve(courier, connection)
    assert top_level.told[0][0] == "route"
    assert (
        top_level.facts[0].hosting == "own-node"
        and top_level.facts[0].site["servers"][0]["interfaces"][0]["port"] == 2641
    )
    await courier.apply(connection, Verdict(top_level.told[0][1], True))
    assert await connection.fetchval("SELECT state FROM top_level_task") == "accepted"
