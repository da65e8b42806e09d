"""Who sees which values, at which door: viewer × visibility, with grants given, limited, expired and taken back."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from tests.harness import Api, Node, at, text_value, until

VALUES = [
    text_value(1, "OPEN", "for all", visibility="public"),
    text_value(2, "PRICE", "for partners", visibility="partners"),
    text_value(3, "COST", "for nobody else", visibility="private"),
    text_value(4, "STOCK", "for partners too", visibility="partners"),
]
ALL, PUBLIC, GRANTED = {1, 2, 3, 4}, {1}, {1, 2, 4}


async def seen(viewer: Api, identifier: str) -> list[set[int]]:
    """The indexes shown at each door."""
    plain = await viewer.get("/api/handles/" + at(identifier))
    chosen = await viewer.get(f"/api/handles/{at(identifier)}?index=1&index=2&index=3&index=4")
    negotiated = await viewer.get("/" + at(identifier), headers={"Accept": "application/json"})
    batch = (await viewer.post("/api/v1/resolve", [identifier])).json["items"][0]
    answers = [plain.json, chosen.json, negotiated.json, batch]
    return [{value["index"] for value in answer["values"]} for answer in answers]


async def key_id(key: str | None) -> str:
    assert key is not None
    return key.split("_")[1]


@pytest.fixture
async def identifier(node: Node) -> str:
    name = f"{node.prefix}/BAV99,215"
    made = await node.owner.post("/api/v1/identifiers", {"identifier": name, "values": VALUES})
    assert made.status == 201, made.body
    return name


async def test_every_viewer_at_every_door(node: Node, identifier: str) -> None:
    viewers = [
        (node.anybody, PUBLIC),
        (node.partner, PUBLIC),
        (node.stranger, PUBLIC),
        (node.owner, ALL),
        (node.operator, ALL),
    ]
    for _ in range(2):  # and again, out of every cache, in the other order
        for viewer, expected in viewers:
            assert await seen(viewer, identifier) == [expected] * 4
        viewers.reverse()


async def test_a_page_shows_public_values_only(node: Node, identifier: str) -> None:
    for viewer in (node.anybody, node.owner):
        page = await viewer.get("/" + at(identifier), headers={"Accept": "text/html"})
        assert b"for all" in page.body
        assert not any(word in page.body for word in (b"for partners", b"for nobody else"))


@pytest.mark.parametrize("scope", ["identifier", "prefix"])
async def test_a_grant_opens_partner_values_and_its_end_closes_them(node: Node, identifier: str, scope: str) -> None:
    body = {
        scope: identifier if scope == "identifier" else node.prefix,
        "to": {"key_id": await key_id(node.partner.key)},
    }
    grant = await node.owner.post("/api/v1/grants", body)
    assert grant.status == 201, grant.body
    assert await seen(node.partner, identifier) == [GRANTED] * 4
    assert await seen(node.anybody, identifier) == [PUBLIC] * 4
    taken = await node.owner.call("DELETE", f"/api/v1/grants/{grant.json['id']}")
    assert taken.status == 200
    assert await seen(node.partner, identifier) == [PUBLIC] * 4
    listed = (await node.owner.get(f"/api/v1/grants?prefix={node.prefix}")).json["items"]
    assert [one["revoked_at"] is not None for one in listed] == [True]


async def test_a_grant_of_some_types_to_an_enterprise(node: Node, identifier: str) -> None:
    enterprise = (await node.operator.post("/api/v1/enterprises", {"name": "Stranger 乙企业"})).json["id"]
    await node.owner.post(
        "/api/v1/grants", {"prefix": node.prefix, "types": ["STOCK"], "to": {"enterprise_id": enterprise}}
    )
    assert await seen(node.stranger, identifier) == [{1, 4}] * 4
    assert await seen(node.partner, identifier) == [PUBLIC] * 4


async def test_a_grant_by_template(node: Node) -> None:
    template = f"{node.prefix}/META_part"
    item = {"index": 2000, "type": "PRICE", "name_zh": "价格", "name_en": "Price", "required": False}
    await node.owner.post("/api/v1/templates", {"identifier": template, "items": [item]})
    for suffix, named in (("with", template), ("without", None)):
        body = {
            "identifier": f"{node.prefix}/{suffix}",
            "values": [text_value(2000, "PRICE", "7", visibility="partners")],
        }
        assert (await node.owner.post("/api/v1/identifiers", body | {"template": named})).status == 201
    await node.owner.post("/api/v1/grants", {"template": template, "to": {"key_id": await key_id(node.partner.key)}})
    assert await seen(node.partner, f"{node.prefix}/with") == [{2000}, set(), {2000}, {2000}]
    assert await seen(node.partner, f"{node.prefix}/without") == [set()] * 4


async def test_a_grant_ends_by_itself(node: Node, identifier: str) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    body = {"prefix": node.prefix, "to": {"key_id": await key_id(node.partner.key)}, "until": soon}
    assert (await node.owner.post("/api/v1/grants", body)).status == 201
    assert await seen(node.partner, identifier) == [GRANTED] * 4

    async def closed() -> bool:
        return await seen(node.partner, identifier) == [PUBLIC] * 4

    assert await until(closed, 3) < 3


async def test_private_answers_are_not_for_shared_caches(node: Node, identifier: str) -> None:
    for viewer, expected in (
        (node.anybody, "no-cache"),
        (node.partner, "private, no-store"),
        (node.owner, "private, no-store"),
    ):
        answer = await viewer.get("/api/handles/" + at(identifier))
        assert answer.headers["Cache-Control"] == expected
    assert (
        await node.anybody.with_key("bj_0000000000000000_" + "A" * 43).get("/api/handles/" + at(identifier))
    ).status == 401


async def test_what_was_held_before_a_grant_is_not_said_to_be_unchanged(node: Node, identifier: str) -> None:
    """A grant changes no version, so who asks with a key is sent the whole."""
    door = "/api/handles/" + at(identifier)
    held = {"If-None-Match": (await node.partner.get(door)).headers["ETag"]}
    assert (await node.anybody.get(door, headers=held)).status == 304
    body = {"identifier": identifier, "to": {"key_id": await key_id(node.partner.key)}}
    assert (await node.owner.post("/api/v1/grants", body)).status == 201
    told = await node.partner.get(door, headers=held)
    assert told.status == 200 and {value["index"] for value in told.json["values"]} == GRANTED


async def test_only_the_owner_grants(node: Node, identifier: str) -> None:
    body = {"identifier": identifier, "to": {"key_id": await key_id(node.partner.key)}}
    assert [
        (await viewer.post("/api/v1/grants", body)).status for viewer in (node.anybody, node.partner, node.stranger)
    ] == [401, 403, 403]
    grant = (await node.owner.post("/api/v1/grants", body)).json["id"]
    for viewer, status in ((node.anybody, 401), (node.partner, 403), (node.stranger, 404), (node.owner, 200)):
        assert (await viewer.call("DELETE", f"/api/v1/grants/{grant}")).status == status


async def test_what_a_grant_may_not_say(node: Node, identifier: str) -> None:
    good = {"identifier": identifier, "to": {"enterprise_id": 1}}
    wrong = [
        {"to": {"enterprise_id": 1}},
        good | {"prefix": node.prefix},
        good | {"to": {}},
        good | {"to": {"enterprise_id": 999_999}},
        good | {"types": []},
        good | {"until": "2020-01-01T00:00:00Z"},
        good | {"until": "tomorrow"},
    ]
    answers = [await node.owner.post("/api/v1/grants", body) for body in wrong]
    assert [answer.status for answer in answers] == [422] * len(wrong)
    slugs = [answer.json["errors"][0]["slug"] for answer in answers]
    assert slugs == [
        "scope-unclear", "scope-unclear", "receiver-unclear", "receiver-unknown", "list-invalid", "time-invalid", "time-invalid"
    ]  # fmt: skip


async def test_visibility_and_permissions_must_agree(node: Node) -> None:
    cases = itertools.product(("public", "partners", "private"), ("1110", "1100"))
    for number, (visibility, permissions) in enumerate(cases):
        value = text_value(1, "A", "b", visibility=visibility, permissions=permissions)
        answer = await node.owner.post(
            "/api/v1/identifiers", {"identifier": f"{node.prefix}/v{number}", "values": [value]}
        )
        assert answer.status == (201 if (visibility == "public") == (permissions == "1110") else 422), (
            visibility,
            permissions,
        )
        if answer.status == 201 and visibility != "public":
            assert answer.json["values"][0]["visibility"] == visibility
            assert answer.json["values"][0]["permissions"] == "1100"
