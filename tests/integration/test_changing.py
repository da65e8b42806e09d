"""Revising and withdrawing: versions, preconditions, history, and that a withdrawn identifier never becomes unknown."""

from __future__ import annotations

import asyncio

import asyncpg
import orjson
import pytest

from tests.harness import Answer, Node, at, item, text_value


def address(node: Node, suffix: str = "X") -> str:
    return "/api/v1/identifiers/" + at(f"{node.prefix}/{suffix}")


async def registered(node: Node, suffix: str = "X", text: str = "first") -> str:
    answer = await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{suffix}", text))
    assert answer.status == 201, answer.body
    return address(node, suffix)


async def revised(node: Node, path: str, text: str, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await node.owner.put(path, {"values": [text_value(1, "DESC", text)]}, headers=sent)


async def test_versions_count_up_and_the_answer_is_the_new_record(node: Node) -> None:
    path = await registered(node)
    for version in (2, 3, 4):
        answer = await revised(node, path, f"text {version}")
        assert (answer.status, answer.json["version"], answer.headers["ETag"]) == (200, version, f'"{version}"')
        assert answer.json["values"][0]["data"]["value"] == f"text {version}"
        assert (await node.owner.get(path)).body == answer.body
    again = await revised(node, path, "text 4")
    assert (again.status, again.json["version"]) == (200, 4), "the same content again changes nothing"


async def test_times_tell_when_what_changed(node: Node) -> None:
    path = await registered(node)
    before = (await node.owner.get(path)).json
    assert before["created_at"] == before["changed_at"]
    await asyncio.sleep(1.1)
    body = {"values": [text_value(1, "DESC", "first"), text_value(2, "URL", "https://example.org")]}
    after = (await node.owner.put(path, body)).json
    assert after["created_at"] == before["created_at"] < after["changed_at"]
    assert after["values"][0]["timestamp"] == before["values"][0]["timestamp"] < after["values"][1]["timestamp"]


async def test_if_match_protects_against_lost_updates(node: Node) -> None:
    path = await registered(node)
    assert (await revised(node, path, "second", If_Match='"1"')).status == 200
    late = await revised(node, path, "third", If_Match='"1"')
    assert (late.status, late.json["slug"], late.json["version"]) == (412, "version-mismatch", 2)
    assert late.headers["ETag"] == '"2"'
    assert (await node.owner.get(path)).json["values"][0]["data"]["value"] == "second"
    assert (await revised(node, path, "third", If_Match='"1", "2"')).json["version"] == 3
    assert (await revised(node, path, "fourth", If_Match="*")).json["version"] == 4
    assert (await revised(node, path, "fifth", If_Match='W/"4"')).status == 412, "a weak tag matches nothing here"
    assert (await revised(node, path, "fifth", If_Match="4")).status == 412
    withdrawn = await node.owner.post(f"{path}/withdraw", {"reason": "r"}, headers={"If-Match": '"3"'})
    assert withdrawn.status == 412
    withdrawn = await node.owner.post(f"{path}/withdraw", {"reason": "r"}, headers={"If-Match": '"4"'})
    assert (withdrawn.status, withdrawn.json["version"]) == (200, 5)


async def test_of_many_revisions_of_one_version_exactly_one_wins(node: Node) -> None:
    path = await registered(node)
    answers = await asyncio.gather(*(revised(node, path, f"writer {n}", If_Match='"1"') for n in range(20)))
    assert sorted(answer.status for answer in answers) == [200] + [412] * 19
    answers = await asyncio.gather(*(revised(node, path, f"again {n}") for n in range(20)))
    assert sorted(answer.json["version"] for answer in answers) == list(range(3, 23)), "each its own version"


@pytest.mark.parametrize("tags", ['"1"', '"0", "1"', "*", 'W/"1"', '"x",W/"1"'])
async def test_not_changed_since_is_304_without_a_body(node: Node, tags: str) -> None:
    path = await registered(node)
    for api, url in (
        (node.owner, path),
        (node.anybody, f"/api/handles/{node.prefix}/X"),
        (node.anybody, f"/api/handles/{node.prefix}/X?type=DESC"),
    ):
        answer = await api.get(url, headers={"If-None-Match": tags})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", '"1"'), url
    await revised(node, path, "second")
    assert (await node.owner.get(path, headers={"If-None-Match": '"1"'})).status == 200
    assert (await node.anybody.get(f"/api/handles/{node.prefix}/X", headers={"If-None-Match": '"1"'})).status == 200


async def test_history_keeps_what_each_version_said(node: Node, database: str) -> None:
    path = await registered(node)
    await revised(node, path, "second")
    await revised(node, path, "third")
    await node.owner.post(f"{path}/withdraw", {"reason": "召回"})
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(
            "SELECT * FROM identifier_change WHERE key = $1 ORDER BY version", f"{node.prefix}/X"
        )
        assert [(row["version"], row["kind"], orjson.loads(row["old_value"])[0][2]) for row in rows] == [
            (2, "revise", "first"),
            (3, "revise", "second"),
            (4, "withdraw", "third"),
        ]
        assert [row["reason"] for row in rows] == [None, None, "召回"]
        key_id = (node.owner.key or "").split("_")[1]
        actor = await connection.fetchval("SELECT id FROM api_key WHERE key_id = $1", key_id)
        assert {row["actor"] for row in rows} == {actor}
        assert await connection.fetchval("SELECT value FROM identifier WHERE key = $1", f"{node.prefix}/X") is not None
    finally:
        await connection.close()


async def test_a_registration_alone_writes_no_history(node: Node, database: str) -> None:
    await registered(node)
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("SELECT count(*) FROM identifier_change") == 0
    await connection.close()


async def test_a_withdrawn_identifier_is_gone_on_every_public_door_and_never_unknown(node: Node) -> None:
    path, identifier, successor = await registered(node), f"{node.prefix}/X", f"{node.prefix}/Y"
    assert (await node.anybody.get(f"/api/handles/{identifier}")).status == 200
    answer = await node.owner.post(f"{path}/withdraw", {"reason": "设计缺陷 defect", "successor": successor})
    assert (answer.status, answer.json["status"], answer.json["version"]) == (200, "withdrawn", 2)
    at = answer.json["changed_at"].partition(".")[0]
    assert answer.json["withdrawn"]["at"].startswith(at)
    assert answer.json["withdrawn"] == answer.json["withdrawn"] | {"reason": "设计缺陷 defect", "successor": successor}
    for url in (
        f"/api/handles/{identifier}",
        f"/{identifier}",
        f"/{identifier}?noredirect",
        f"/api/handles/{identifier.lower()}",
    ):
        for accept in ("*/*", "application/json"):
            gone = await node.anybody.get(url, headers={"Accept": accept})
            assert (gone.status, gone.json["slug"], gone.json["responseCode"]) == (410, "identifier-gone", 100), url
            assert gone.json["withdrawn"]["reason"] == "设计缺陷 defect"
            assert gone.json["withdrawn"]["successor"] == successor
            assert "values" not in gone.json
    page = await node.anybody.get(f"/{identifier}", headers={"Accept": "text/html"})
    assert page.status == 410 and "设计缺陷 defect" in page.body.decode() and successor in page.body.decode()
    many = await node.anybody.post("/api/v1/resolve", {"identifiers": [identifier]})
    assert (many.json["items"][0]["status"], many.json["items"][0]["withdrawn"]["successor"]) == (
        "withdrawn",
        successor,
    )
    assert (await node.owner.get(path)).json["values"][0]["data"]["value"] == "first", "its owner still sees it"


async def test_a_withdrawn_identifier_is_not_used_again(node: Node) -> None:
    path, identifier = await registered(node), f"{node.prefix}/X"
    await node.owner.post(f"{path}/withdraw", {"reason": "r"})
    for answer in (
        await node.owner.post("/api/v1/identifiers", item(identifier, "first")),
        await node.owner.post("/api/v1/identifiers", item(identifier.lower(), "other")),
        await revised(node, path, "other"),
        await revised(node, path, "other", If_Match='"2"'),
        await node.owner.post(f"{path}/withdraw", {"reason": "another reason"}),
        await node.owner.post(f"{path}/withdraw", {"reason": "r", "successor": f"{node.prefix}/Z"}),
    ):
        assert (answer.status, answer.json["slug"], answer.json["reason"]) == (409, "identifier-withdrawn", "r")
    batch = await node.owner.post("/api/v1/identifiers:batch", {"items": [item(identifier, "first")]})
    assert batch.json["items"][0]["verdict"] == "conflict"
    again = await node.owner.post(f"{path}/withdraw", {"reason": "r"})
    assert (again.status, again.json["version"]) == (200, 2), "the same withdrawal again is success"


async def test_a_wrong_withdrawal_withdraws_nothing(node: Node) -> None:
    path = await registered(node)
    for body in ({}, {"reason": ""}, {"reason": "r", "successor": f"{node.prefix}/x"}, {"reason": "r", "x": 1}, []):
        assert (await node.owner.post(f"{path}/withdraw", body)).status == 422
    assert (await node.anybody.get(f"/api/handles/{node.prefix}/X")).status == 200


async def test_a_revision_may_change_json_that_python_calls_equal(node: Node) -> None:
    values = [{"index": 1, "type": "S", "data": {"format": "site", "value": {"x": 1}}}]
    await node.owner.post("/api/v1/identifiers", {"identifier": f"{node.prefix}/J", "values": values})
    values[0]["data"] = {"format": "site", "value": {"x": True}}
    conflict = await node.owner.post("/api/v1/identifiers", {"identifier": f"{node.prefix}/J", "values": values})
    assert conflict.status == 409 and conflict.json["difference"][0]["index"] == 1
    answer = await node.owner.put(address(node, "J"), {"values": values})
    assert answer.json["version"] == 2
    assert answer.json["values"][0]["data"]["value"] == {"x": True}


async def test_what_was_read_can_be_sent_back_as_it_is(node: Node) -> None:
    path = await registered(node)
    read = (await node.owner.get(path)).json
    assert (await node.owner.put(path, read)).json["version"] == 1
    assert (await node.owner.post("/api/v1/identifiers", read)).status == 200
    read["values"][0]["data"]["value"] = "second"
    assert (await node.owner.put(path, read)).json["version"] == 2
