"""Templates from draft to retired, over HTTP: who sees what, what binds when, copies, versions, and every door of values."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from jsonschema import Draft202012Validator

from tests.harness import Answer, Api, Node, at, settings_for, text_value, worker_here

DOOR = "/api/v1/templates"
ITEMS = [
    {"index": 2000, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True, "pattern": "[A-Z0-9-]+"},
    {"index": 2001, "type": "COST", "name_zh": "成本", "name_en": "Cost", "data_type": "number", "visibility": "private"},
    {"index": 2002, "type": "TEST", "name_zh": "检测", "name_en": "Test", "visibility": "partners"},
]  # fmt: skip
MODEL, COST, TEST = text_value(2000, "MODEL", "M-1"), text_value(2001, "COST", "9.50"), text_value(2002, "TEST", "ok")


def path(identifier: str, move: str = "") -> str:
    return f"{DOOR}/{at(identifier)}{move}"


async def make(api: Api, identifier: str, **more: Any) -> Answer:
    return await api.post(DOOR, {"identifier": identifier, "items": ITEMS} | more)


def slugs(answer: Answer) -> list[str]:
    return [one["slug"] for one in answer.json["errors"]]


async def test_a_draft_is_its_owners_alone_until_it_is_published(node: Node) -> None:
    name = f"{node.prefix}/META_draft:publish"
    made = await make(node.owner, name, state="draft", version="1.0", name_zh="元器件", industry="3979", carrier=1)
    assert (made.status, made.json["state"], made.json["industry"]["category"]) == (201, "draft", "C")
    assert (await make(node.owner, name, state="draft", version="1.0")).status == 200, "the same again"
    taken = await make(node.owner, name)
    assert (taken.status, taken.json["slug"], taken.json["state"]) == (409, "template-taken", "draft")
    assert (await node.anybody.get(f"/api/handles/{at(name)}")).status == 404
    for api, status in ((node.owner, 200), (node.operator, 200), (node.stranger, 404), (node.partner, 404)):
        assert (await api.get(path(name))).status == status
        listed = (await api.get(f"{DOOR}?prefix={node.prefix}&state=draft")).json["items"]
        assert [one["identifier"] for one in listed] == ([name] if status == 200 else [])
    assert (await node.anybody.get(path(name, "/schema"))).status == 404
    assert (await node.owner.get(path(name, "/schema"))).headers["Cache-Control"].startswith("private")
    body = {"identifier": f"{node.prefix}/1", "values": [MODEL], "template": name}
    told = await node.owner.post("/api/v1/identifiers", body)
    assert (told.status, slugs(told)) == (422, ["template-draft"])
    mint = await node.owner.post(
        "/api/v1/identifiers:mint", {"prefix": node.prefix, "count": 1, "values": [MODEL], "template": name}
    )
    assert slugs(mint) == ["template-draft"]
    elsewhere = await node.stranger.post("/api/v1/identifiers", body | {"identifier": f"{node.stranger_prefix}/1"})
    assert slugs(elsewhere) == ["template-unknown"], "others do not learn of drafts"
    job = await node.owner.call(
        "POST", f"/api/v1/bulk-jobs?prefix={node.prefix}&template={at(name)}", raw=b"identifier\nx\n"
    )
    assert (job.status, slugs(job)) == (400, ["template-draft"])
    changed = await node.owner.put(path(name), {"items": ITEMS[:1], "version": "1.1"})
    assert (changed.status, len(changed.json["items"]), changed.json["name_zh"]) == (200, 1, None)
    for _ in range(2):
        published = await node.owner.post(path(name, ":publish"))
        assert (published.status, published.json["state"]) == (200, "published")
    assert (await node.owner.post("/api/v1/identifiers", body)).status == 201
    assert (await node.anybody.get(f"/api/handles/{at(name)}")).json["values"][0]["type"] == "TEMPLATE"
    for refused in (await node.owner.put(path(name), {"items": ITEMS}), await node.owner.call("DELETE", path(name))):
        assert (refused.status, refused.json["slug"]) == (409, "template-fixed")


async def test_a_retired_template_explains_and_takes_nothing_new(node: Node) -> None:
    name = f"{node.prefix}/META_old"
    await make(node.owner, name)
    body = {"identifier": f"{node.prefix}/1", "values": [MODEL], "template": name}
    await node.owner.post("/api/v1/identifiers", body)
    assert slugs(await node.owner.post(path(name, ":retire"), {})) == ["text-invalid"]
    for reason in ("v2", "again"):
        retired = await node.owner.post(path(name, ":retire"), {"reason": reason})
        assert (retired.status, retired.json["state"], retired.json["retired"]["reason"]) == (200, "retired", "v2")
    assert slugs(await node.owner.post("/api/v1/identifiers", body | {"identifier": f"{node.prefix}/2"})) == [
        "template-retired"
    ]
    kept = await node.owner.put(f"/api/v1/identifiers/{node.prefix}/1", {"values": [MODEL, TEST]})
    assert (kept.status, kept.json["template"]) == (200, name)
    assert (await node.anybody.get(f"/api/handles/{at(name)}")).status == 200
    assert (await node.anybody.get(path(name, "/schema"))).status == 200
    assert (await node.owner.post(path(name, ":publish"))).json["slug"] == "template-state"
    listed = (await node.stranger.get(f"{DOOR}?state=retired")).json["items"]
    assert [one["identifier"] for one in listed] == [name]
    copy = await node.stranger.post(DOOR, {"identifier": f"{node.stranger_prefix}/META_c", "copy_of": name})
    assert slugs(copy) == ["template-retired"]


async def test_versions_follow_each_other(node: Node) -> None:
    name = f"{node.prefix}/META_part"
    await make(node.owner, name, version="1", description="d")
    two = await node.owner.post(path(name, ":new-version"), {"version": "2"})
    assert (two.status, two.json["identifier"], two.json["previous"]) == (201, f"{name}_v2", name)
    assert (two.json["state"], two.json["version"], two.json["description"]) == ("draft", "2", "d")
    three = await node.owner.post(path(name, ":new-version"))
    assert (three.json["identifier"], three.json["version"]) == (f"{name}_v3", None)
    assert (await node.owner.post(path(f"{name}_v2", ":new-version"))).json["slug"] == "template-state"
    kept = await node.owner.put(path(f"{name}_v2"), {"items": ITEMS})
    assert kept.json["previous"] == name, "where it came from stays"
    clash = await node.owner.put(path(f"{name}_v3"), {"items": ITEMS, "version": "1"})
    assert (clash.status, slugs(clash)) == (422, ["version-taken"])
    assert slugs(await make(node.owner, f"{node.prefix}/META_x", version="1")) == ["version-taken"]
    assert (await make(node.stranger, f"{node.stranger_prefix}/META_x", version="1")).status == 201
    assert (await node.owner.call("DELETE", path(f"{name}_v3"))).status == 204
    assert (await node.owner.call("DELETE", path(f"{name}_v3"))).status == 404
    page = (await node.owner.get(f"{DOOR}?prefix={node.prefix}&limit=1")).json
    rest = (await node.owner.get(f"{DOOR}?prefix={node.prefix}&after={at(page['next'])}")).json
    assert [one["identifier"] for one in page["items"] + rest["items"]] == [name, f"{name}_v2"] and rest["next"] is None


async def test_a_copy_says_where_it_comes_from(node: Node) -> None:
    name, copy = f"{node.prefix}/META_part", f"{node.stranger_prefix}/META_copy"
    await make(node.owner, name, version="1", name_zh="元器件", industry="C")
    made = await node.stranger.post(DOOR, {"identifier": copy, "copy_of": name, "name_zh": "器件"})
    assert (made.status, made.json["state"], made.json["copied_from"]) == (201, "draft", name)
    assert (made.json["name_zh"], made.json["industry"]["name"], made.json["version"]) == ("器件", "制造业", None)
    assert made.json["items"] == (await node.owner.get(path(name))).json["items"]
    at_once = {"identifier": f"{node.stranger_prefix}/META_two", "copy_of": name, "state": "published"}
    assert [(await node.stranger.post(DOOR, at_once)).status for _ in range(2)] == [201, 200]
    none = await node.stranger.post(DOOR, {"identifier": copy, "copy_of": f"{node.prefix}/META_none"})
    assert slugs(none) == ["template-unknown"]
    both = await node.stranger.post(DOOR, {"identifier": copy, "copy_of": name, "items": ITEMS})
    assert slugs(both) == ["items-beside-copy"]
    assert (await node.stranger.post(DOOR, {"identifier": f"{node.prefix}/META_mine", "copy_of": name})).status == 403


async def test_a_schema_is_what_the_node_takes(node: Node) -> None:
    name = f"{node.prefix}/META_part"
    await make(node.owner, name)
    answer = await node.anybody.get(path(name, "/schema"))
    assert answer.headers["Content-Type"] == "application/schema+json"
    validator = Draft202012Validator(answer.json)
    named = {"references": [{"handle": "a/b", "index": 1}]}
    for number, values in enumerate(
        (
            [MODEL, COST], [COST], [text_value(2000, "MODEL", "é")], [MODEL, text_value(2001, "COST", "x")],
            [MODEL | named, COST | {"ttl": "2027-01-31T10:00:00Z"}], [MODEL | {"ttl": []}, COST],
            [MODEL | {"references": [{"handle": "a/b"}]}, COST], [MODEL | {"references": named}, COST],
        )
    ):  # fmt: skip
        body = {"identifier": f"{node.prefix}/{number}", "template": name, "values": values}
        assert validator.is_valid(body) == ((await node.owner.post("/api/v1/identifiers", body)).status == 201), values


async def test_who_sees_a_value_is_the_templates_word_at_every_door(node: Node) -> None:
    prefix, name = node.prefix, f"{node.prefix}/META_part"
    await make(node.owner, name)
    body = {"values": [MODEL, COST, TEST], "template": name}
    await node.owner.post("/api/v1/identifiers", body | {"identifier": f"{prefix}/one"})
    assert (await node.owner.post("/api/v1/identifiers", body | {"identifier": f"{prefix}/one"})).status == 200
    await node.owner.post("/api/v1/identifiers:batch", {"items": [body | {"identifier": f"{prefix}/batch"}]})
    minted = await node.owner.post("/api/v1/identifiers:mint", body | {"prefix": prefix, "count": 1})
    await node.owner.post("/api/v1/identifiers", {"identifier": f"{prefix}/patch", "values": [MODEL], "template": name})
    patched = await node.owner.call("PATCH", f"/api/v1/identifiers/{prefix}/patch", {"values": [COST, TEST]})
    assert patched.status == 200
    snms = {"handle": f"{prefix}/snms", "templateVersion": "part", "value": body["values"]}
    assert (await node.owner.post("/identityv2/data", snms)).json["status"] == 1
    for suffix in ("one", "batch", "patch", "snms", minted.json["identifiers"][0].partition("/")[2]):
        seen = (await node.anybody.get(f"/api/handles/{prefix}/{at(suffix)}")).json["values"]
        assert [value["index"] for value in seen] == [2000], suffix
        owned = (await node.owner.get(f"/api/v1/identifiers/{prefix}/{at(suffix)}")).json["values"]
        assert [value.get("visibility") for value in owned] == [None, "private", "partners"], suffix
    wide = await node.owner.call(
        "PATCH", f"/api/v1/identifiers/{prefix}/one", {"values": [COST | {"visibility": "partners"}]}
    )
    assert (wide.status, slugs(wide)) == (422, ["visibility-too-wide"])
    narrow = await node.owner.call(
        "PATCH", f"/api/v1/identifiers/{prefix}/one", {"values": [MODEL | {"visibility": "private"}]}
    )
    assert narrow.status == 200


async def test_all_problems_of_values_come_together(node: Node) -> None:
    name = f"{node.prefix}/META_part"
    await make(node.owner, name)
    values = [
        text_value(2000, "MODEL", "é"),
        text_value(2001, "COST", "1e3", visibility="public"),
        text_value(9, "X", "y"),
    ]
    told = await node.owner.post(
        "/api/v1/identifiers", {"identifier": f"{node.prefix}/1", "values": values, "template": name}
    )
    found = {(one["path"], one["slug"]) for one in told.json["errors"]}
    assert {slug for _, slug in found} == {
        "index-not-in-template",
        "pattern-unmatched",
        "number-invalid",
        "visibility-too-wide",
    }


async def test_another_worker_goes_by_the_same_rules(node: Node, database: str, servers: Any) -> None:
    name = f"{node.prefix}/META_part"
    await make(node.owner, name)
    async with worker_here(settings_for(database, servers.redis_url, data_dir=node.settings.data_dir), 1) as url:
        elsewhere = Api(url, node.anybody.session, node.owner.key)
        body = {"identifier": f"{node.prefix}/1", "values": [text_value(2000, "MODEL", "é")], "template": name}
        assert slugs(await elsewhere.post("/api/v1/identifiers", body)) == ["pattern-unmatched"]
        assert (await elsewhere.get(path(name))).json == (await node.owner.get(path(name))).json


async def test_programs_from_before_data_types_read_the_table_as_before(node: Node, database: str) -> None:
    """What such a program takes an item to have is all that `items` holds, and it meets no draft."""
    await make(node.owner, f"{node.prefix}/META_part")
    await make(node.owner, f"{node.prefix}/META_draft", state="draft")
    connection = await asyncpg.connect(database)
    import orjson

    rows = await connection.fetch("SELECT items::text FROM template")
    await connection.close()
    known = {"index", "type", "name_zh", "name_en", "required", "enabled", "min_length", "max_length"}
    assert len(rows) == 1 and all(item.keys() <= known for item in orjson.loads(rows[0]["items"]))


@pytest.mark.parametrize("name", ["META_a/schema", "part"])
async def test_names_that_no_template_may_have(node: Node, name: str) -> None:
    assert slugs(await make(node.owner, f"{node.prefix}/{name}")) == ["template-name"]


async def test_snms_industries_are_checked_and_its_changes_keep_our_rules(node: Node) -> None:
    v5 = "/snms/api/v5/template"
    wish = {"prefix": node.prefix, "version": "s", "items": [{"name": "名", "idType": "n"}]}
    levels = {"industryCategory": "A", "industrySpecific": "39"}
    told = (await node.owner.post(v5, wish | levels)).json
    assert (told["status"], told["message"]) == (
        -2,
        "industryCategory: 39（计算机、通信和其他电子设备制造业）属于 C，而不是 A",
    )
    unknown = (await node.owner.post(v5, wish | {"industrySubclass": "9999"})).json
    assert unknown["message"] == "industrySubclass: 9999 不是 GB/T 4754-2017 中的小类代码"
    await make(node.owner, f"{node.prefix}/META_part")
    change = {"prefix": node.prefix, "version": "part", "items": [{"name": "新名", "idType": "COST", "idIndex": 2001}]}
    assert (await node.owner.put(v5, change)).json["status"] == 1
    items = (await node.owner.get(path(f"{node.prefix}/META_part"))).json["items"]
    assert items[1] == ITEMS[1] | {"name_zh": "新名", "required": False}
