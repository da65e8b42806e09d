"""The life of prefixes: foreign, delegated, suspended with whom they belong to, hosted elsewhere; what each door then says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.applicant import SITE, taken_aboard
from tests.harness import Node, enterprise, item, until


async def register(node: Node, api: Any, identifier: str) -> tuple[int, str]:
    answer = await api.post("/api/v1/identifiers", item(identifier))
    return answer.status, answer.json.get("slug", "")


async def test_a_foreign_prefix_is_hosted_here_and_resolved(node: Node) -> None:
    for prefix, foreign in (("20.500.12345", True), ("86.709.612", True), ("88.118.55", False)):
        wrong = {"enterprise_id": 1, "prefix": prefix, "foreign": not foreign}
        assert (await node.operator.post("/api/v1/prefixes", wrong)).json["errors"][0]["slug"] == "foreign-wrong"
        given = await node.operator.post("/api/v1/prefixes", wrong | {"foreign": foreign})
        assert (given.status, given.json["foreign"], given.json["state"]) == (201, foreign, "active")
        assert await register(node, node.owner, f"{prefix}/x") == (201, "")
        assert (await node.anybody.get(f"/api/handles/{prefix}/x")).status == 200
        assert (await node.anybody.get(f"/api/handles/{prefix}.7/x")).status == 404, "below it only we can know"
    assert (await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1})).json["prefix"] == "88.118.56"
    for elsewhere in ("20.500.1", "20.500", "86.1"):
        answer = await node.anybody.get(f"/api/handles/{elsewhere}/x")
        assert (answer.status, answer.json["responseCode"]) == (400, 301)


async def test_an_enterprise_delegates_below_its_own_and_not_too_deep(node: Node) -> None:
    prefix = node.prefix
    given = await node.owner.post("/api/v1/prefixes", {"enterprise_id": 2, "prefix": f"{prefix}.1"})
    assert (given.status, given.json["parent"], given.json["enterprise_id"]) == (201, prefix, 2)
    assert await register(node, node.stranger, f"{prefix}.1/x") == (201, "")
    assert await register(node, node.owner, f"{prefix}.1/y") == (403, "prefix-not-yours")
    refusals = [
        ({"enterprise_id": 1}, 403, "role-not-enough"),
        ({"enterprise_id": 1, "prefix": "88.118.70"}, 403, "prefix-not-yours"),
        ({"enterprise_id": 1, "prefix": f"{node.stranger_prefix}.1"}, 403, "prefix-not-yours"),
        ({"enterprise_id": 1, "prefix": f"{prefix}.2.3"}, 403, "prefix-not-yours"),
        ({"enterprise_id": 1, "prefix": f"{prefix}.1"}, 409, "prefix-taken"),
        ({"enterprise_id": 99, "prefix": f"{prefix}.9"}, 404, "enterprise-unknown"),
    ]
    for body, status, slug in refusals:
        answer = await node.owner.post("/api/v1/prefixes", body)
        assert (answer.status, answer.json["slug"]) == (status, slug), body
    deep = prefix
    for depth in range(1, 5):
        deep += ".5"
        answer = await node.owner.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": deep})
        assert answer.status == 201, depth
    answer = await node.owner.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": deep + ".5"})
    assert answer.json["errors"][0]["slug"] == "prefix-too-deep"


async def test_what_was_delegated_is_suspended_and_resumed_with_its_parent(node: Node) -> None:
    prefix, operator = node.prefix, node.operator
    for child in (f"{prefix}.1", f"{prefix}.1.1"):
        await operator.post("/api/v1/prefixes", {"enterprise_id": 2, "prefix": child})
        assert await register(node, node.stranger, f"{child}/x") == (201, "")
    held = await operator.post(f"/api/v1/prefixes/{prefix}.1:suspend", {"reason": "自身原因"})
    assert (held.json["state"], held.json["reason"]) == ("suspended", "自身原因")
    await operator.post(f"/api/v1/prefixes/{prefix}:suspend", {"reason": "上级原因"})
    for child, reason in ((f"{prefix}.1", "自身原因"), (f"{prefix}.1.1", "自身原因"), (prefix, "上级原因")):
        seen = (await operator.get(f"/api/v1/prefixes/{child}")).json
        assert (seen["state"], seen["reason"], seen["answering"]) == ("suspended", reason, True)
    refused = await node.stranger.post("/api/v1/identifiers", item(f"{prefix}.1.1/y"))
    assert (refused.status, refused.json["slug"], refused.json["reason"]) == (403, "prefix-suspended", "自身原因")
    assert (await node.anybody.get(f"/api/handles/{prefix}.1.1/x")).status == 200
    page = await node.anybody.get(f"/{prefix}.1.1/x", headers={"Accept": "text/html"})
    assert page.status == 200 and "自身原因" in page.body.decode(), "the page says so"
    resumed = await operator.post(f"/api/v1/prefixes/{prefix}.1:resume")
    assert (resumed.json["state"], resumed.json["reason"]) == ("suspended", "上级原因"), "its parent still is"
    await operator.post(f"/api/v1/prefixes/{prefix}:resume")
    assert await register(node, node.stranger, f"{prefix}.1.1/y") == (201, "")
    assert (await operator.post("/api/v1/prefixes/88.118.999:suspend", {"reason": "r"})).json[
        "slug"
    ] == "prefix-unknown"


async def test_an_operator_stops_the_answers_of_a_prefix_and_what_is_below(node: Node) -> None:
    child = f"{node.prefix}.1"
    await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": child})
    for prefix in (node.prefix, child):
        await register(node, node.owner, f"{prefix}/x")
    body = {"reason": "假冒产品", "stop_answering": True}
    assert (await node.operator.post(f"/api/v1/prefixes/{node.prefix}:suspend", body)).json["answering"] is False
    for prefix in (node.prefix, child):
        answer = await node.anybody.get(f"/api/handles/{prefix}/x")
        assert (answer.status, answer.json["slug"], answer.json["reason"]) == (403, "prefix-not-answering", "假冒产品")
        page = await node.anybody.get(f"/{prefix}/x", headers={"Accept": "text/html"})
        assert page.status == 403 and "假冒产品" in page.body.decode()
    batch = await node.anybody.post("/api/v1/resolve", {"identifiers": [f"{child}/x", f"{node.stranger_prefix}/none"]})
    assert [one["status"] for one in batch.json["items"]] == ["suspended", "unknown"]
    assert (await node.owner.get(f"/api/v1/identifiers/{child}%2Fx")).status == 200, "the owner reads on"
    await node.operator.post(f"/api/v1/prefixes/{node.prefix}:resume")
    assert (await node.anybody.get(f"/api/handles/{child}/x")).status == 200


async def test_an_enterprise_is_suspended_resumed_and_revoked_as_a_whole(node: Node) -> None:
    application = await taken_aboard(node, prefix="88.118.600")
    key = node.anybody.with_key((await application.move("first-key")).json["key"])
    number = (await application.applicant.get(application.path)).json["enterprise_id"]
    await key.post("/api/v1/prefixes", {"enterprise_id": 2, "prefix": "88.118.600.1"})
    assert await register(node, key, "88.118.600/x") == (201, "")
    path = f"/api/v1/enterprises/{number}"
    suspended = await node.operator.post(path + ":suspend", {"reason": "年审"})
    assert (suspended.json["state"], suspended.json["prefixes"]) == ("suspended", 1)
    assert await application.state() == "suspended"

    async def refused() -> bool:
        return await register(node, key, "88.118.600/y") == (403, "enterprise-suspended")

    await until(refused, 2)
    issued = await key.post("/api/v1/keys", {"role": "writer"})
    assert (issued.status, issued.json["slug"], issued.json["reason"]) == (403, "enterprise-suspended", "年审")
    assert await register(node, node.stranger, "88.118.600.1/x") == (403, "prefix-suspended"), "delegated by it"
    assert await register(node, node.operator, "88.118.600/y") == (403, "prefix-suspended")
    assert (await key.get("/api/v1/identifiers/88.118.600%2Fx")).status == 200
    assert (await node.anybody.get("/api/handles/88.118.600/x")).status == 200
    given = await node.operator.post("/api/v1/prefixes", {"enterprise_id": number})
    assert (given.status, given.json["slug"]) == (409, "enterprise-state")
    await node.operator.post(path + ":resume")

    async def writes() -> bool:
        return (await register(node, key, "88.118.600/y"))[0] in (200, 201)

    await until(writes, 2)
    assert await application.state() == "active"
    assert (await node.operator.post(path + ":resume")).json["slug"] == "enterprise-state"
    assert (await node.operator.post(path + ":revoke", {"reason": "注销"})).json["state"] == "revoked"

    async def ended() -> bool:
        return await register(node, key, "88.118.600/z") == (401, "credential-wrong")

    await until(ended, 2)
    assert await application.state() == "revoked"
    assert (await node.operator.get("/api/v1/prefixes/88.118.600")).json["state"] == "revoked"
    assert await register(node, node.operator, "88.118.600/z") == (403, "prefix-suspended")
    assert (await node.operator.post(path + ":suspend", {"reason": "r"})).json["slug"] == "enterprise-state"


async def test_a_prefix_hosted_elsewhere_is_not_written_here(node: Node) -> None:
    path = f"/api/v1/prefixes/{node.prefix}"
    await register(node, node.owner, f"{node.prefix}/x")
    moved = await node.owner.put(path + "/hosting", {"hosting": "own-node", "site": SITE})
    assert (moved.status, moved.json["hosting"], moved.json["site"]["servers"][0]["address"]) == (
        200, "own-node", "2031:0:1f1f::100:11a0:addf",
    )  # fmt: skip
    assert await register(node, node.owner, f"{node.prefix}/y") == (409, "prefix-hosted-elsewhere")
    batch = await node.owner.post("/api/v1/identifiers:batch", {"items": [item(f"{node.prefix}/z")]})
    assert batch.json["items"][0]["reason"]["slug"] == "prefix-hosted-elsewhere"
    again = await node.owner.put(path + "/hosting", {"hosting": "own-node", "site": SITE})
    assert again.json == moved.json
    await node.owner.put(path + "/hosting", {"hosting": "here"})
    assert await register(node, node.owner, f"{node.prefix}/y") == (201, "")


@pytest.mark.parametrize(
    ("server", "paths"),
    [
        ({"address": "300.1.1.1"}, ["site.servers[0].address"]),
        ({"address": "0.0.0.0"}, ["site.servers[0].address"]),
        ({"address": "ff02::1"}, ["site.servers[0].address"]),
        ({"interfaces": []}, ["site.servers[0].interfaces"]),
        ({"interfaces": [{"protocol": "SMTP", "port": 0}]},
         ["site.servers[0].interfaces[0].protocol", "site.servers[0].interfaces[0].port"]),
        ({"interfaces": [{"protocol": "tcp", "port": 65536, "query": False}]},
         ["site.servers[0].interfaces[0]", "site.servers[0].interfaces[0].port"]),
        ({"publicKey": "x" * 9}, ["site.servers[0].publicKey"]),
        ({"publicKey": {"kty": "RSA", "e": "AQAB"}}, ["site.servers[0].publicKey"]),
    ],
)  # fmt: skip
async def test_a_site_must_be_one(node: Node, server: dict[str, Any], paths: list[str]) -> None:
    site = {"servers": [SITE["servers"][0] | server]}
    answer = await node.owner.put(f"/api/v1/prefixes/{node.prefix}/hosting", {"hosting": "own-node", "site": site})
    assert (answer.status, [one["path"] for one in answer.json["errors"]]) == (422, paths)


async def test_an_applicant_who_answers_by_itself_is_hosted_there_once_active(node: Node) -> None:
    application = await taken_aboard(node, prefix="88.118.800", hosting="own-node", site=SITE)
    assert await application.state() == "active"
    seen = (await node.operator.get("/api/v1/prefixes/88.118.800")).json
    assert (seen["hosting"], len(seen["site"]["servers"])) == ("own-node", 1)


async def test_lists_show_an_enterprise_its_own_page_by_page(node: Node) -> None:
    for last in ("1", "2", "3"):
        await node.owner.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": f"{node.prefix}.{last}"})
    seen, after = [], ""
    while after is not None:
        page = (await node.owner.get(f"/api/v1/prefixes?limit=2&after={after}")).json
        seen += [one["prefix"] for one in page["items"]]
        after = page["next"]
    assert seen == [node.prefix, *(f"{node.prefix}.{last}" for last in "123")]
    everything = (await node.operator.get("/api/v1/prefixes")).json["items"]
    assert {one["enterprise_id"] for one in everything} == {1, 2}


async def test_a_prefix_given_later_above_another_is_nobodys_parent(node: Node) -> None:
    third, _ = await enterprise(node.operator, "丙", "88.118.11.7")
    await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": "88.118.11"})
    await node.operator.post("/api/v1/prefixes/88.118.11:suspend", {"reason": "r"})
    assert await register(node, third, "88.118.11.7/x") == (201, "")
