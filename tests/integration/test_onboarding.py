"""Taking enterprises aboard: names, codes, prefixes, templates; what is there already, and whose it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.conftest import Servers
from tests.harness import Api, Node, item, settings_for, take_aboard, text_value, until, worker_here

CODE = "914403001922038216"
ITEMS = [
    {"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True},
    {"index": 2002, "type": "NOTE", "name_zh": "备注", "name_en": "Note"},
]


async def test_the_same_enterprise_again_is_success_and_another_with_its_name_or_code_is_not(node: Node) -> None:
    first = await node.operator.post("/api/v1/enterprises", {"name": "丙公司", "credit_code": CODE})
    assert first.status == 201
    again = await node.operator.post("/api/v1/enterprises", {"name": "丙公司", "credit_code": CODE})
    assert (again.status, again.json) == (200, first.json)
    for body in ({"name": "丙公司"}, {"name": "丁公司", "credit_code": CODE}):
        taken = await node.operator.post("/api/v1/enterprises", body)
        assert (taken.status, taken.json["slug"], taken.json["id"]) == (409, "enterprise-taken", first.json["id"])


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"name": "x" * 256}, ["name"]),
        ({"name": "a\x00"}, ["name"]),
        ({"name": "", "credit_code": CODE[:-1] + "0"}, ["name", "credit_code"]),
        ({"name": "x", "credit_code": 5}, ["credit_code"]),
        ({"name": "x", "other": 5}, ["other"]),
    ],
)
async def test_a_wrong_enterprise_is_explained(node: Node, body: dict[str, Any], paths: list[str]) -> None:
    answer = await node.operator.post("/api/v1/enterprises", body)
    assert (answer.status, [one["path"] for one in answer.json["errors"]]) == (422, paths)


async def test_a_prefix_has_one_owner_whatever_its_case(node: Node) -> None:
    first = await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": "88.118.Abc"})
    assert (first.status, first.json["prefix"]) == (201, "88.118.Abc")
    again = await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": "88.118.ABC"})
    assert (again.status, again.json["prefix"]) == (200, "88.118.Abc"), "shown as first given"
    for body in (
        {"enterprise_id": 2, "prefix": "88.118.abc"},
        {"enterprise_id": 1, "prefix": "88.118.abc", "suffix_case_sensitive": True},
    ):
        taken = await node.operator.post("/api/v1/prefixes", body)
        assert (taken.status, taken.json["slug"], taken.json["enterprise_id"]) == (409, "prefix-taken", 1)
    unknown = await node.operator.post("/api/v1/prefixes", {"enterprise_id": 99})
    assert (unknown.status, unknown.json["slug"]) == (404, "enterprise-unknown")
    wrong = await node.operator.post(
        "/api/v1/prefixes", {"enterprise_id": 0, "prefix": "a..b", "suffix_case_sensitive": 1}
    )
    assert [one["path"] for one in wrong.json["errors"]] == ["enterprise_id", "suffix_case_sensitive", "prefix"]


async def test_the_next_free_prefix_is_counted_on_even_by_many_at_once(node: Node) -> None:
    one = await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1})
    assert one.json["prefix"] == "88.118.10", "after 88.118.8 and 88.118.9"
    for odd in ("88.118.0042", "88.118.x", "88.118.11.7", "88.1180.999"):
        await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": odd})
    answers = await asyncio.gather(*(node.operator.post("/api/v1/prefixes", {"enterprise_id": 2}) for _ in range(6)))
    assert {answer.json["prefix"] for answer in answers} == {f"88.118.{n}" for n in range(11, 17)}


async def test_zeros_at_the_front_of_a_segment_make_another_prefix(node: Node) -> None:
    for prefix in ("88.118.042", "88.118.42"):
        assert (await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": prefix})).status == 201
        assert (await node.owner.post("/api/v1/identifiers", item(f"{prefix}/x", prefix))).status == 201
    found = await node.anybody.get("/api/handles/88.118.042/x")
    assert found.json["values"][0]["data"]["value"] == "88.118.042"


async def test_a_suspended_prefix_is_still_resolved_but_not_written(node: Node, database: str) -> None:
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/x"))
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE prefix SET suspended = true WHERE prefix = $1", node.prefix)
    await connection.close()

    async def refused() -> bool:
        return (await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/x"))).status == 403

    await until(refused, 1)
    answer = await node.owner.put(f"/api/v1/identifiers/{node.prefix}/x", {"values": item("", "y")["values"]})
    assert (answer.status, answer.json["slug"]) == (403, "prefix-suspended")
    assert (await node.owner.get(f"/api/v1/identifiers/{node.prefix}/x")).status == 200
    assert (await node.anybody.get(f"/api/handles/{node.prefix}/x")).status == 200


async def test_a_template_binds_what_names_it(node: Node) -> None:
    name = f"{node.prefix}/META_part"
    published = await node.owner.post("/api/v1/templates", {"identifier": name, "items": ITEMS})
    assert published.status == 201 and published.json["items"][1]["required"] is False
    again = await node.owner.post("/api/v1/templates", {"identifier": name, "items": ITEMS[::-1]})
    assert again.status == 200, "the order of items says nothing"
    taken = await node.owner.post("/api/v1/templates", {"identifier": name, "items": ITEMS[:1]})
    assert (taken.status, taken.json["slug"]) == (409, "template-taken")
    assert (await node.anybody.get(f"/api/handles/{name}")).json["values"][0]["type"] == "TEMPLATE"
    wrong = {"identifier": f"{node.prefix}/1", "values": [text_value(2002, "MODEL", "x")], "template": name}
    answer = await node.owner.post("/api/v1/identifiers", wrong)
    assert [one["slug"] for one in answer.json["errors"]] == ["type-not-in-template", "value-required"]
    right = wrong | {"values": [text_value(2001, "MODEL", "x")]}
    assert (await node.owner.post("/api/v1/identifiers", right)).json["template"] == name
    path = f"/api/v1/identifiers/{node.prefix}/1"
    kept = await node.owner.put(path, {"values": [text_value(2001, "MODEL", "y")]})
    assert kept.json["template"] == name, "a revision that does not speak of the template leaves it"
    assert (await node.owner.put(path, {"values": [text_value(1, "A", "y")]})).status == 422, "and is held to it"
    freed = await node.owner.put(path, {"values": [text_value(1, "A", "y")], "template": None})
    assert freed.json["template"] is None
    conflict = await node.owner.post("/api/v1/identifiers", right)
    assert conflict.json["difference"][0] == {"member": "template", "kind": "changed"}


async def test_a_template_has_a_name_of_its_own_kind(node: Node) -> None:
    for name in (f"{node.prefix}/part", f"{node.prefix}/meta_x", 5, None, "x"):
        answer = await node.owner.post("/api/v1/templates", {"identifier": name, "items": ITEMS})
        assert (answer.status, [one["path"] for one in answer.json["errors"]]) == (422, ["identifier"])
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/META_taken"))
    answer = await node.owner.post("/api/v1/templates", {"identifier": f"{node.prefix}/META_taken", "items": ITEMS})
    assert (answer.status, answer.json["slug"]) == (409, "template-taken")
    other = await node.owner.post("/api/v1/templates", {"identifier": f"{node.stranger_prefix}/META_x", "items": ITEMS})
    assert other.status == 403


async def test_a_worker_that_has_not_heard_of_a_template_does_not_lose_it(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    """The change feed is slowed down, so that the second worker learns of nothing by itself."""
    one, two = (
        settings_for(database, servers.redis_url, data_dir=scratch, feed_interval_milliseconds=5000) for _ in range(2)
    )
    async with worker_here(one, 0) as first, worker_here(two, 1) as second:
        node = await take_aboard(one, Api(first, session))
        elsewhere = Api(second, session, node.owner.key)
        name = f"{node.prefix}/META_part"
        await node.owner.post("/api/v1/templates", {"identifier": name, "items": ITEMS})
        made = {"identifier": f"{node.prefix}/1", "values": [text_value(2001, "MODEL", "x")], "template": name}
        await node.owner.post("/api/v1/identifiers", made)
        revised = await elsewhere.put(
            f"/api/v1/identifiers/{node.prefix}/1", {"values": [text_value(2001, "MODEL", "y")]}
        )
        assert (revised.status, revised.json["template"]) == (200, name)
