"""Peering from end to end: a worker, the exchange, and the top-level node in a box, with real PostgreSQL and Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.conftest import Servers
from tests.harness import item, until
from tests.top_level_box import Peered, peered_here


@pytest.fixture
async def peered(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Peered]:
    async with peered_here(database, servers, tmp_path, session) as found:
        yield found


async def test_an_application_walks_from_draft_to_active_and_through_the_orders_of_the_top_level(
    peered: Peered,
) -> None:
    application = await peered.applied(prefix="88.118.400")
    await peered.until_state(application, "active")
    assert (await peered.node.operator.post("/api/v1/identifiers", item("88.118.400/a"))).status == 201
    enterprise = peered.box.desk.store.one("enterprise_of_code", credit_code="91110108589104047H")
    held = await peered.pool.fetchval(
        "SELECT top_level_reference FROM enterprise WHERE credit_code = '91110108589104047H'"
    )
    assert held == f"{enterprise['id']:08d}"
    for wish, state, registering, resolving in (
        ("suspend", "suspended", 403, 403), ("resume", "active", 201, 200), ("revoke", "revoked", 403, 403),
    ):  # fmt: skip
        said = await peered.box.api.post(
            "/_exam/audit", {"prefix": "88.118.400", "result": wish, "message": f"{wish} 令"}
        )
        assert said.status == 200, said.body
        await peered.until_state(application, state)

        async def seen(wish: str = wish, status: int = registering) -> bool:
            return (await peered.node.operator.post("/api/v1/identifiers", item(f"88.118.400/{wish}"))).status == status

        await until(seen, 3)
        assert (await peered.node.anybody.get("/api/handles/88.118.400/a")).status == resolving
    history = (await application.applicant.get(application.path)).json["history"]
    assert [(one["move"], one["actor"]) for one in history[-4:]] == [
        ("accept", "top-level"), ("suspend", "top-level"), ("resume", "top-level"), ("revoke", "top-level"),
    ]  # fmt: skip
    assert history[-1]["reason"] == "revoke 令"
    assert peered.box.desk.store.value("count_waiting", app_id=account_of(peered)["app_id"]) == 0


async def test_what_changes_of_an_enterprise_is_told_in_part_or_anew(peered: Peered) -> None:
    application = await peered.applied(prefix="88.118.401")
    await peered.until_state(application, "active")
    store = peered.box.desk.store

    async def told() -> dict[str, Any]:
        found = store.one("enterprise_of_code", credit_code="91110108589104047H")
        return orjson.loads(found["content"])  # type: ignore[no-any-return]

    async def change(body: dict[str, Any], name: str, value: Any) -> None:
        said = await peered.node.operator.post(f"{application.path}:change", body)
        assert said.status == 200, said.body

        async def arrived() -> bool:
            await peered.peer.tick()
            return bool((await told())[name] == value)

        await until(arrived, 20)

    await change({"address": "新址 1 号", "region": "110105"}, "entAddrCn", "新址 1 号")
    assert (await told())["entCountyCode"] == "110105"
    await change({"contact": {"email": "li@example.com"}}, "contact", {
        "name": "张三丰", "email": "li@example.com", "phone": "13965757203",
    })  # fmt: skip
    await change({"name": "北京新名称有限公司"}, "entNameCn", "北京新名称有限公司")
    assert await peered.pool.fetchval("SELECT count(*) FROM enterprise WHERE name = '北京新名称有限公司'") == 1

    async def accepted() -> bool:
        await peered.peer.tick()
        states = await peered.pool.fetch("SELECT state FROM top_level_task WHERE kind = 'update'")
        return [row["state"] for row in states] == ["accepted"] * 3

    await until(accepted, 20)
    same = await peered.node.operator.post(f"{application.path}:change", {"address": "新址 1 号"})
    assert same.status == 200
    assert await peered.pool.fetchval("SELECT count(*) FROM top_level_task WHERE kind = 'update'") == 3
    wrong = await peered.node.operator.post(f"{application.path}:change", {"region": "999999", "address": None})
    assert wrong.status == 422 and len(wrong.json["errors"]) == 2


def account_of(peered: Peered) -> Any:
    return peered.box.desk.store.one("account_of_client", client="sln-demo")
