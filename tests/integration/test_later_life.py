"""What becomes of an identifier after it was registered: merged, withdrawn, restored, and remembered."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg

from core.web import now
from registry.minting import parse_pattern, suffix
from tests.harness import Answer, Node, at, item, text_value

PATH = "/api/v1/identifiers/"


async def made(node: Node, suffix: str = "GZ2012D601TF") -> str:
    identifier = f"{node.prefix}/{suffix}"
    values = [text_value(1, "DESC", "a"), text_value(2, "MODEL", "b"), text_value(3, "COST", "c", visibility="private")]
    assert (await node.owner.post("/api/v1/identifiers", {"identifier": identifier, "values": values})).status == 201
    return identifier


async def patch(node: Node, identifier: str, body: object, **headers: str) -> Answer:
    return await node.owner.call("PATCH", PATH + at(identifier), body, headers=headers)


async def test_merging_touches_only_what_it_names(node: Node) -> None:
    identifier = await made(node)
    before = (await node.owner.get(PATH + at(identifier))).json["values"]
    answer = await patch(
        node, identifier, {"values": [text_value(2, "MODEL", "new"), text_value(9, "X", "y")], "remove": [1]}
    )
    assert (answer.status, answer.json["version"]) == (200, 2)
    values = {value["index"]: value for value in answer.json["values"]}
    assert {index: value["data"]["value"] for index, value in values.items()} == {2: "new", 3: "c", 9: "y"}
    assert values[3] == next(value for value in before if value["index"] == 3), "its time and visibility stay too"
    again = await patch(node, identifier, {"values": [text_value(2, "MODEL", "new")], "remove": [1]})
    assert (again.status, again.json["version"]) == (200, 2), "nothing changed"


async def test_merging_is_refused_whole(node: Node) -> None:
    identifier = await made(node)
    wrong = [
        {},
        {"values": [], "remove": []},
        {"remove": [1, 2, 3]},
        {"remove": ["x"]},
        {"remove": [2], "values": [text_value(2, "M", "n")]},
    ]
    for body in wrong:
        answer = await patch(node, identifier, body)
        assert (answer.status, answer.json["slug"]) == (422, "body-invalid"), body
    assert (await patch(node, identifier, {"remove": [1]}, **{"If-Match": '"7"'})).status == 412
    assert (await node.owner.get(PATH + at(identifier))).json["version"] == 1


async def test_a_template_holds_for_what_a_merge_leaves(node: Node) -> None:
    template, identifier = f"{node.prefix}/META_part", f"{node.prefix}/BAV99,215"
    items = [{"index": 2000, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True},
             {"index": 2001, "type": "NOTE", "name_zh": "备注", "name_en": "Note", "required": False}]  # fmt: skip
    await node.owner.post("/api/v1/templates", {"identifier": template, "items": items})
    body = item(identifier) | {
        "template": template,
        "values": [text_value(2000, "MODEL", "m"), text_value(2001, "NOTE", "n")],
    }
    assert (await node.owner.post("/api/v1/identifiers", body)).status == 201
    refused = await patch(node, identifier, {"remove": [2000]})
    assert (refused.status, refused.json["errors"][0]["slug"]) == (422, "value-required")
    assert (await patch(node, identifier, {"remove": [2001]})).status == 200


async def test_a_withdrawal_can_be_taken_back(node: Node) -> None:
    identifier = await made(node)
    await node.owner.post(PATH + at(identifier) + "/withdraw", {"reason": "wrong one"})
    assert (await node.anybody.get("/api/handles/" + at(identifier))).status == 410
    for viewer, status in ((node.anybody, 401), (node.stranger, 403), (node.partner, 403)):
        assert (await viewer.post(PATH + at(identifier) + "/restore")).status == status
    back = await node.owner.post(PATH + at(identifier) + "/restore")
    assert (back.status, back.json["status"], back.json["version"]) == (200, "active", 3)
    assert "withdrawn" not in back.json
    assert (await node.anybody.get("/api/handles/" + at(identifier))).json["values"][0]["data"]["value"] == "a"
    again = await node.owner.post(PATH + at(identifier) + "/restore")
    assert (again.status, again.json["version"]) == (200, 3)
    assert (await node.owner.post(PATH + at(f"{node.prefix}/none") + "/restore")).status == 404


async def test_after_the_grace_period_it_stays_withdrawn(node: Node, database: str) -> None:
    identifier = await made(node)
    await node.owner.post(PATH + at(identifier) + "/withdraw", {"reason": "gone"})
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE identifier SET changed_at = now() - $1::interval", timedelta(days=31))
    await connection.close()
    late = await node.owner.post(PATH + at(identifier) + "/restore")
    assert (late.status, late.json["slug"]) == (409, "grace-over")
    assert (await node.anybody.get("/api/handles/" + at(identifier))).status == 410


async def test_history_says_who_when_and_what(node: Node) -> None:
    identifier = await made(node, "history")  # and the name is no trap
    await patch(node, identifier, {"values": [text_value(2, "MODEL", "second")]})
    await node.owner.post(PATH + at(identifier) + "/withdraw", {"reason": "recalled"})
    await node.operator.post(PATH + at(identifier) + "/restore")
    await patch(node, identifier, {"remove": [1]})
    whole = (await node.owner.get("/api/v1/history/" + at(identifier))).json
    assert [(one["version"], one["kind"]) for one in whole["items"]] == [
        (5, "revise"), (4, "restore"), (3, "withdraw"), (2, "revise"), (1, "register")
    ]  # fmt: skip
    newest, restored, withdrawn, revised, _ = whole["items"]
    assert newest["difference"] == [
        {"index": 1, "kind": "removed", "before": {"type": "DESC", "format": "string", "value": "a"}, "after": None}
    ]
    assert (revised["difference"][0]["before"]["value"], revised["difference"][0]["after"]["value"]) == ("b", "second")
    assert withdrawn["reason"] == "recalled" and withdrawn["difference"] == []
    assert restored["by"]["key_id"] != withdrawn["by"]["key_id"] == (node.owner.key or "").split("_")[1]
    paged, before = [], ""
    for _ in range(5):
        page = (await node.owner.get(f"/api/v1/history/{at(identifier)}?limit=2{before}")).json
        paged += page["items"]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert paged == whole["items"]
    assert (await node.stranger.get("/api/v1/history/" + at(identifier))).status == 403
    assert (await node.owner.get("/api/v1/history/" + at(f"{node.prefix}/none"))).status == 404


async def test_minted_identifiers_are_new_and_resolve(node: Node) -> None:
    body = {"prefix": node.prefix, "count": 300, "pattern": "LOT-{seq:4}{check}", "values": [text_value(1, "A", "b")]}
    taken = f"{node.prefix}/{suffix(parse_pattern('LOT-{seq:4}{check}'), 5, now(), lambda bits: 0)}"
    assert (await node.owner.post("/api/v1/identifiers", item(taken, "was there before"))).status == 201
    answers = await asyncio.gather(*(node.owner.post("/api/v1/identifiers:mint", body) for _ in range(4)))
    assert [answer.status for answer in answers] == [201] * 4
    made = [identifier for answer in answers for identifier in answer.json["identifiers"]]
    assert len(set(made)) == 1200 and taken not in made
    resolved = (await node.anybody.post("/api/v1/resolve", made[:1000])).json["items"]
    assert {one["status"] for one in resolved} == {"found"}
    uuids = (
        await node.owner.post("/api/v1/identifiers:mint", {k: body[k] for k in ("prefix", "count", "values")})
    ).json
    assert uuids["count"] == len(set(uuids["identifiers"])) == 300


async def test_what_cannot_be_minted(node: Node) -> None:
    good = {"prefix": node.prefix, "count": 1, "values": [text_value(1, "A", "b")]}
    wrong = [good | {"count": 10_001}, good | {"count": True}, good | {"pattern": "same"}, good | {"values": []},
             good | {"pattern": "x" * 199 + "{seq:99}"}, good | {"template": f"{node.prefix}/META_none"}, {}]  # fmt: skip
    answers = [await node.owner.post("/api/v1/identifiers:mint", body) for body in wrong]
    assert [answer.status for answer in answers] == [422] * len(wrong)
    assert (await node.stranger.post("/api/v1/identifiers:mint", good)).status == 403


async def test_a_template_is_not_changed_through_its_identifier(node: Node) -> None:
    template = f"{node.prefix}/META_fixed"
    items = [{"index": 2000, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True}]
    assert (await node.owner.post("/api/v1/templates", {"identifier": template, "items": items})).status == 201
    values = {"values": [text_value(1, "TEMPLATE", "[]")]}
    answers = [
        await node.owner.put(PATH + at(template), values),
        await patch(node, template.lower(), values),
        await node.owner.post(PATH + at(template) + "/withdraw", {"reason": "r"}),
    ]
    assert [(answer.status, answer.json["slug"]) for answer in answers] == [(409, "template-fixed")] * 3
    other = f"{node.prefix}/META_only_a_name"
    assert (await node.owner.post("/api/v1/identifiers", item(other))).status == 201
    assert (await node.owner.put(PATH + at(other), values)).status == 200
