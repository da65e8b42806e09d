"""Templates and prefixes at the SNMS door, and that their rules hold at every door."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.harness import Api, Node, at, settings_for, text_value, until, worker_here
from tests.snms_caller import DATA, GUIDE, Mes, mes, value

V3, V5 = "/snms/api/v3/template", "/snms/api/v5/template"
DONE = GUIDE["replies"]["done"]


@pytest.fixture
async def caller(node: Node) -> Mes:
    return await mes(node)


def template(caller: Mes, **more: Any) -> dict[str, Any]:
    return {"prefix": caller.node.prefix, **GUIDE["template"]} | more


def an_item(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "idType": kind, "metadata": {"type": "string", "minLength": 1, "maxLength": 10}} | more


def query(caller: Mes, version: str = "1.0") -> str:
    return f"?prefix={caller.node.prefix}&version={version}"


async def test_version_5_tells_index_and_state(caller: Mes) -> None:
    items = [an_item("型号", "model", idIndex="2003", state=1, required=True), an_item("备注", "note", state=0)]
    assert await caller.call("POST", V5, template(caller, items=items)) == DONE
    told = (await caller.call("GET", V5 + query(caller)))["data"]
    number = told.pop("id")
    assert isinstance(number, int)
    shown = [
        an_item("备注", "note", required=False, idIndex=2000, state=0),
        an_item("型号", "model", required=True, idIndex=2003, state=1),
    ]
    facts = {name: GUIDE["template"][name] for name in GUIDE["template"] if name not in ("items", "version")}
    handle = f"{caller.node.prefix}/META_1.0"
    assert told == {
        "prefix": caller.node.prefix,
        "name": "",
        "version": "1.0",
        "handle": handle,
        **facts,
        "items": shown,
    }
    resolved = await caller.node.anybody.get(f"/api/handles/{handle}")
    assert resolved.status == 200 and resolved.json["values"][0]["type"] == "TEMPLATE"


async def test_version_3_numbers_items_itself(caller: Mes) -> None:
    items = [an_item("型号", "model", idIndex=5000, state=0), an_item("备注", "note")]
    assert await caller.call("POST", V3, template(caller, items=items)) == DONE
    told = (await caller.call("GET", V3 + query(caller)))["data"]["items"]
    assert told == [an_item("型号", "model", required=False), an_item("备注", "note", required=False)]
    five = (await caller.call("GET", V5 + query(caller)))["data"]["items"]
    assert [(one["idIndex"], one["state"]) for one in five] == [(2000, 1), (2001, 1)]
    refused = await caller.api.call("PUT", V3, template(caller))
    assert (refused.status, refused.json["error"]) == (405, "method-not-allowed")


async def test_the_same_again_is_success_and_another_is_refused(caller: Mes) -> None:
    for _ in range(2):
        assert await caller.call("POST", V5, template(caller)) == DONE
    for other in ({"description": "?"}, {"items": [an_item("x", "y")]}):
        assert (await caller.call("POST", V5, template(caller, **other)))["error"] == "template-taken"


async def test_changes_merge_items_and_never_take_one_away(caller: Mes, servers: Any) -> None:
    node = caller.node
    items = [an_item("型号", "model", idIndex=2000), an_item("备注", "note", idIndex=2001)]
    await caller.call("POST", V5, template(caller, items=items))
    old = caller.item("old", templateVersion="1.0", value=[value(2000, "model", "m"), value(2001, "note", "n")])
    assert (await caller.call("POST", DATA, old))["status"] == 1
    async with worker_here(settings_for(node.settings.database_url.get_secret_value(), servers.redis_url), 1) as url:
        elsewhere = Api(url, node.anybody.session, caller.api.key)
        changed = [an_item("说明", "note", idIndex=2001, state=0), an_item("批次", "lot")]
        wish = template(caller, items=changed, description="新")
        assert await caller.call("PUT", V5, wish) == DONE
        assert await caller.call("PUT", V5, wish) == DONE, "again changes nothing"
        told = (await caller.call("GET", V5 + query(caller)))["data"]
        assert [(one["idIndex"], one["idType"], one["name"], one["state"]) for one in told["items"]] == [
            (2000, "model", "型号", 1), (2001, "note", "说明", 0), (2002, "lot", "批次", 1)
        ]  # fmt: skip
        assert told["description"] == "新" and told["industryTrade"] == "011"
        note = caller.item("new", templateVersion="1.0", value=[value(2001, "note", "n")])

        async def refused_there() -> bool:
            return (await elsewhere.post(DATA, note)).json["status"] == -2

        assert await until(refused_there, 2) < 1.5
    record = (await node.owner.get(f"/api/v1/identifiers/{at(f'{node.prefix}/META_1.0')}")).json
    assert record["version"] == 2, "its own identifier says it"
    refused = await caller.call("POST", DATA, note)
    assert refused["message"].endswith("索引 2001（note）在模板中已禁用")
    lot = value(2002, "lot", "L")
    assert (await caller.call("PUT", DATA, old | {"value": [*old["value"], lot]}))["status"] == 1, (
        "what was there stays"
    )
    other = old | {"value": [value(2001, "note", "other"), lot]}
    assert (await caller.call("PUT", DATA, other))["status"] == -2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": None}, "缺少必要的请求参数: version"),
        ({"prefix": ""}, "缺少必要的请求参数: prefix"),
        ({"version": "v" * 129}, "version: 必须是最多 128 个字符的文本"),
        ({"items": []}, "缺少必要的请求参数: items"),
        ({"items": "x"}, "items: 必须是 1 到 500 项的数组"),
        ({"items": [{"idType": "a"}]}, "缺少必要的请求参数: items[0].name"),
        ({"items": [an_item("a", "a", idIndex=1999)]}, "items[0].idIndex: 必须不小于 2000"),
        ({"items": [an_item("a", "a", state=2)]}, "items[0].state: 必须是 true 或 false"),
        ({"items": [an_item("a", "a", state=[])]}, "items[0].state: 必须是 true 或 false"),
        ({"items": [an_item("a", "a", metadata={"type": "number"})]}, "items[0].metadata.type: 目前只支持 string"),
        ({"items": [an_item("a", "a", metadata={"minLength": 5, "maxLength": 4})]},
         "items[0].metadata.maxLength: 不得小于 min_length"),
        ({"items": [an_item("a", "a"), an_item("a", "b")]}, "items: 名称 a 重复"),
        ({"items": [an_item("a", "a"), an_item("b", "a")]}, "items: type a 重复"),
        ({"industryCategory": "U"}, "industryCategory: 格式不正确，应符合 [A-T]（GB/T 4754）"),
        ({"industrySpecific": 1}, None),
        ({"industryTrade": "0111"}, None),
        ({"industrySubclass": "01"}, None),
        ({"type": 3}, "type: 必须是 1（主动标识载体）或 2（其他）"),
        ({"description": 5}, "description: 必须是最多 500 个字符的文本"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_template_is_told(caller: Mes, change: dict[str, Any], message: str | None) -> None:
    told = await caller.call("POST", V5, template(caller) | change)
    assert (told["status"], told["error"]) == (-2, "body-invalid"), told
    assert message is None or told["message"] == message


async def test_changes_that_would_move_an_item_are_refused(caller: Mes) -> None:
    await caller.call("POST", V5, template(caller))
    for moved in (an_item("名称", "other", idIndex=2000), an_item("又一", "name", idIndex=2005), an_item("名称", "x")):
        told = await caller.call("PUT", V5, template(caller, items=[moved]))
        assert told["error"] == "body-invalid", moved
    assert (await caller.call("PUT", V5, template(caller, version="none")))["error"] == "template-unknown"
    for raw in (b"[]", b"5", b"null"):
        assert (await caller.call("PUT", V5, raw=raw))["message"] == "缺少必要的请求参数: prefix"


async def test_a_deleted_template_keeps_resolving_and_takes_nothing_new(caller: Mes) -> None:
    await caller.call("POST", V5, template(caller))
    old = GUIDE["item"] | {"handle": f"{caller.node.prefix}/old"}
    assert (await caller.call("POST", DATA, old))["status"] == 1
    wish = {"prefix": caller.node.prefix, "version": "1.0"}
    assert await caller.call("DELETE", V3, wish) == DONE
    for told in (await caller.call("DELETE", V5, wish), await caller.call("GET", V5 + query(caller))):
        assert (told["status"], told["error"]) == (-2, "template-unknown")
    assert (await caller.call("POST", V5, template(caller)))["error"] == "template-taken"
    refused = await caller.call("POST", DATA, old | {"handle": f"{caller.node.prefix}/new"})
    assert refused["message"].endswith("已停用")
    by_rest = {"identifier": f"{caller.node.prefix}/r", "values": [text_value(2000, "name", "x")],
               "template": f"{caller.node.prefix}/META_1.0"}  # fmt: skip
    answer = await caller.node.owner.post("/api/v1/identifiers", by_rest)
    assert (answer.status, answer.json["errors"][0]["slug"]) == (422, "template-retired")
    path = f"/api/v1/bulk-jobs?prefix={caller.node.prefix}&template={at(by_rest['template'])}&format=csv"
    job = await caller.node.owner.call("POST", path, raw="identifier,名称\nx,y\n".encode())
    assert (job.status, job.json["errors"][0]["slug"]) == (400, "template-retired")
    assert (await caller.call("PUT", DATA, old | {"value": [value(2000, "name", "new")]}))["status"] == 1
    assert (await caller.node.anybody.get(f"/api/handles/{caller.node.prefix}/META_1.0")).status == 200


async def test_lengths_hold_at_every_door(caller: Mes) -> None:
    await caller.call("POST", V5, template(caller))
    told = await caller.call(
        "POST", DATA, GUIDE["item"] | {"handle": f"{caller.node.prefix}/x", "value": [value(2000, "name", "")]}
    )
    assert told["message"].endswith("长度为 0 个字符，模板要求 1 到 10 个")
    body = {"identifier": f"{caller.node.prefix}/x", "values": [text_value(2000, "name", "x" * 11)],
            "template": f"{caller.node.prefix}/META_1.0"}  # fmt: skip
    answer = await caller.node.owner.post("/api/v1/identifiers", body)
    assert (answer.status, answer.json["errors"][0]["slug"]) == (422, "length-invalid")


async def test_a_template_of_the_rest_door_is_seen_here(caller: Mes) -> None:
    node = caller.node
    items = [{"index": 2000, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True, "max_length": 5}]
    wish = {"identifier": f"{node.prefix}/META_part", "items": items}
    answer = await node.owner.post("/api/v1/templates", wish)
    assert answer.status == 201 and answer.json["items"] == items
    told = (await caller.call("GET", V5 + query(caller, "part")))["data"]
    assert told["items"][0]["metadata"] == {"type": "string", "minLength": None, "maxLength": 5}
    assert told["industryCategory"] == "" and told["type"] == 2


async def test_nobody_touches_the_templates_of_another(caller: Mes) -> None:
    foreign = template(caller, prefix=caller.node.stranger_prefix)
    for method in ("POST", "PUT", "DELETE"):
        assert (await caller.call(method, V5, foreign))["status"] == -3
    assert (await caller.call("GET", f"{V5}?prefix={caller.node.stranger_prefix}&version=1.0"))["status"] == -3


async def test_prefixes_of_ones_own(caller: Mes) -> None:
    node = caller.node
    name = "Owner 甲企业"
    ours = {"prefix": node.prefix, "entName": name, "state": 1, "hosting": 4}
    guide = {"entPrefix": node.prefix, "entNameCn": name, "entId": 1, "status": 1, "proxyState": 4}
    one = ours | guide
    assert (await caller.call("GET", f"/snms/api/prefix/query?prefix={node.prefix}"))["data"] == one
    for number in (20, 21):
        await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": f"88.118.{number}"})
    page = (await caller.call("GET", "/snms/api/prefix/page?pageNum=1&pageSize=2"))["data"]
    assert (page["pageNum"], page["pageSize"], page["total"], len(page["list"])) == (1, 2, 3, 2)
    assert [one["prefix"] for one in page["list"]] == ["88.118.20", "88.118.21"]
    assert (await caller.call("GET", "/snms/api/prefix/page?pageNum=2&pageSize=2"))["data"]["list"] == [one]
    assert (await caller.call("GET", "/snms/api/prefix/page"))["data"]["total"] == 3
    everybody = (await node.operator.get("/snms/api/prefix/page")).json["data"]
    assert everybody["total"] == 4
    connection = await asyncpg.connect(node.settings.database_url.get_secret_value())
    await connection.execute("UPDATE prefix SET suspended = true WHERE prefix = $1", node.prefix)
    await connection.close()

    async def suspended() -> bool:
        return (await caller.call("GET", f"/snms/api/prefix/query?prefix={node.prefix}"))["data"]["state"] == 0

    await until(suspended, 2)
    assert (await caller.call("POST", DATA, caller.item("x")))["error"] == "prefix-suspended"


async def test_prefix_questions_that_are_refused(caller: Mes) -> None:
    path = "/snms/api/prefix"
    for question, status, slug in (
        ("query", -2, "parameter-invalid"),
        ("query?prefix=a/b", -2, "parameter-invalid"),
        (f"query?prefix={caller.node.stranger_prefix}", -3, "prefix-not-yours"),
        ("query?prefix=99.9", -3, "prefix-not-yours"),
        ("page?pageNum=0", -2, "parameter-invalid"),
        ("page?pageSize=201", -2, "parameter-invalid"),
        ("page?pageNum=1001", -2, "parameter-invalid"),
    ):
        told = await caller.call("GET", f"{path}/{question}")
        assert (told["status"], told["error"]) == (status, slug), question
    assert (await caller.node.partner.get(f"{path}/page")).json["status"] == -3
