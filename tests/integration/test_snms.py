"""Identifiers at the SNMS door: the examples of the guide, imperfect callers, batches, and what the other doors see."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import Node, at, item, text_value
from tests.snms_caller import DATA, GUIDE, Mes, mes, value, without_slug

REPLIES, VERDICTS = GUIDE["replies"], GUIDE["verdicts"]
V5 = "/snms/api/v5/template"


@pytest.fixture
async def caller(node: Node) -> Mes:
    return await mes(node)


async def with_template(caller: Mes) -> None:
    done = await caller.call("POST", V5, {"prefix": caller.node.prefix, **GUIDE["template"]})
    assert done == REPLIES["done"]


def example(caller: Mes, **more: Any) -> dict[str, Any]:
    return GUIDE["item"] | {"handle": f"{caller.node.prefix}/{GUIDE['item']['handle']}"} | more


async def history(caller: Mes, handle: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await caller.node.owner.get(f"/api/v1/history/{at(handle)}")).json["items"]
    return items


async def test_the_examples_of_the_guide(caller: Mes) -> None:
    await with_template(caller)
    sent = example(caller)
    assert await caller.call("POST", DATA, sent) == REPLIES["done"]
    assert await caller.call("POST", DATA, sent) == REPLIES["done"], "after a 504 the caller sends it again"
    read = await caller.detail(sent["handle"])
    assert read == {
        "status": 1,
        "message": "success",
        "data": {"code": "200", "prefix": caller.node.prefix, **sent},
    }
    other = example(caller, value=[value(2000, "name", "小型机械02")])
    refused = await caller.call("POST", DATA, other)
    assert (without_slug(refused), refused["error"]) == (REPLIES["exists"], "identifier-conflict")
    assert await caller.call("PUT", DATA, other) == REPLIES["done"]
    assert (await caller.detail(sent["handle"]))["data"]["value"] == other["value"]
    assert without_slug(await caller.call("GET", f"{DATA}/detail")) == REPLIES["missing"]
    assert without_slug(await caller.call("POST", DATA, {"value": sent["value"]})) == REPLIES["missing"]
    wrong = await caller.call(
        "POST", DATA, example(caller, handle=f"{caller.node.prefix}/x", value=[value(1000, "a", "b")])
    )
    assert (without_slug(wrong), wrong["error"]) == (REPLIES["index"], "body-invalid")
    assert await caller.call("DELETE", DATA, {"handle": sent["handle"]}) == REPLIES["done"]
    gone = await caller.call("DELETE", DATA, {"handle": sent["handle"]})
    assert (without_slug(gone), gone["error"]) == (REPLIES["not_found"], "identifier-unknown")


async def test_what_is_not_there_is_told_in_the_words_of_the_guide(caller: Mes) -> None:
    unknown = f"{caller.node.prefix}/none"
    for told in (
        await caller.detail(unknown),
        await caller.call("PUT", DATA, caller.item("none")),
        await caller.call("GET", f"/api/identityv2/query/data?handle={unknown}"),
    ):
        assert (told["status"], told["message"], told["error"]) == (-2, "标识不存在", "identifier-unknown")


async def test_deleting_withdraws_and_registering_again_is_the_next_version(caller: Mes) -> None:
    sent = caller.item("BAV99,215", "first")
    handle = sent["handle"]
    assert (await caller.call("POST", DATA, sent))["status"] == 1
    assert (await caller.call("DELETE", f"{DATA}?handle={at(handle)}"))["data"] is True
    assert (await caller.detail(handle))["message"] == "标识不存在"
    assert (await caller.call("PUT", DATA, sent))["message"] == "标识不存在"
    resolved = await caller.node.anybody.get(f"/api/handles/{handle}")
    assert (resolved.status, resolved.json["withdrawn"]["reason"]) == (410, "SNMS 删除")
    again = caller.item("BAV99,215", "second")
    assert (await caller.call("POST", DATA, again)) == REPLIES["done"]
    assert (await caller.call("POST", DATA, again)) == REPLIES["done"], "and safe to repeat"
    assert (await caller.call("POST", DATA, sent))["message"] == "标识已存在"
    assert (await caller.detail(handle))["data"]["value"][0]["data"]["value"] == "second"
    record = (await caller.node.owner.get(f"/api/v1/identifiers/{at(handle)}")).json
    assert (record["version"], record["status"]) == (3, "active")
    told = await history(caller, handle)
    assert [(one["version"], one["kind"]) for one in told] == [(3, "reregister"), (2, "withdraw"), (1, "register")]
    assert told[0]["by"] == {"key_id": caller.key_id, "label": caller.identity}
    assert (await caller.node.anybody.get(f"/api/handles/{handle}")).json["values"][0]["data"]["value"] == "second"


async def test_a_withdrawal_for_another_reason_is_not_undone(caller: Mes) -> None:
    sent = caller.item("recalled")
    await caller.call("POST", DATA, sent)
    path = f"/api/v1/identifiers/{at(sent['handle'])}/withdraw"
    assert (await caller.node.owner.post(path, {"reason": "recall 召回"})).status == 200
    refused = await caller.call("POST", DATA, sent)
    assert (refused["status"], refused["error"]) == (-2, "identifier-withdrawn") and "召回" in refused["message"]
    assert (await caller.call("DELETE", DATA, {"handle": sent["handle"]}))["message"] == "没有找到标识"
    batch = await caller.call("POST", f"{DATA}/batchCreate", [sent])
    assert batch["data"][0]["error"] == "identifier-withdrawn"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": [value(1001, "name", "x")]}, "非法操作，索引1001为预留索引，不能使用"),
        ({"value": [value("1001", "name", "x")]}, "非法操作，索引1001为预留索引，不能使用"),
        ({"value": []}, "缺少必要的请求参数: value"),
        ({"value": {}}, "value: 必须是最多 1000 项的数组"),
        ({"value": ["x"]}, "value[0]: 必须是对象"),
        ({"value": [{"index": 2000, "type": "name", "data": {"format": "string", "vlaue": "x"}}]},
         "缺少必要的请求参数: value[0].data.value"),
        ({"value": [{"index": 2000, "type": "name"}]}, "缺少必要的请求参数: value[0].data"),
        ({"value": [value(None, "name", "x")]}, "缺少必要的请求参数: value[0].index"),
        ({"value": [value("x", "name", "x")]}, "value[0].index: 必须是正整数"),
        ({"value": [value(True, "name", "x")]}, "value[0].index: 必须是正整数"),
        ({"value": [value(2000, "", "x")]}, "缺少必要的请求参数: value[0].type"),
        ({"value": [value(2000, "t" * 129, "x")]}, "value[0].type: 必须是最多 128 个字符的文本"),
        ({"value": [value(2000, "t", "x" * 256)]}, "value[0].data.value: 必须是最多 255 个字符的文本"),
        ({"value": [value(2000, "t", 5)]}, "value[0].data.value: 必须是最多 255 个字符的文本"),
        ({"value": [{"index": 2000, "type": "t", "data": {"format": "admin", "value": "x"}}]},
         "value[0].data.format: 目前只支持 string"),
        ({"value": [value(2000, "a", "x"), value("2000", "b", "y")]}, "values[1].index: 索引 2000 重复"),
        ({"handle": "x" * 256}, "handle: 必须是最多 255 个字符的文本"),
        ({"handle": "no-slash"}, None),
        ({"templateVersion": "none"}, "模板不存在"),
        ({"templateVersion": "v" * 129}, "templateVersion: 必须是最多 128 个字符的文本"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_an_item_is_told(caller: Mes, change: dict[str, Any], message: str | None) -> None:
    for method in ("POST", "PUT"):
        told = await caller.call(method, DATA, caller.item("x") | change)
        assert (told["status"], told["error"], told["data"]) == (-2, "body-invalid", None), told
        assert message is None or told["message"] == message
    verdict = (await caller.call("POST", f"{DATA}/batchCreate", [caller.item("x") | change]))["data"][0]
    assert verdict["error"] == "body-invalid"


async def test_imperfect_callers_are_understood(caller: Mes) -> None:
    sent = caller.item("loose", value=[
        {"index": "2000", "type": "name", "data": {"value": "", "extra": 1}, "auth": None, "more": []},
        value(2**32 - 1, "far", "x" * 255),
    ], remark="?", templateVersion="")  # fmt: skip
    assert (await caller.call("POST", DATA, sent))["status"] == 1
    read = (await caller.detail(sent["handle"]))["data"]
    assert read["templateVersion"] == ""
    assert read["value"] == [value(2000, "name", ""), value(2**32 - 1, "far", "x" * 255)]


async def test_bodies_that_are_none(caller: Mes) -> None:
    for raw in (b"", b"{", b"null", b"5", b'"x"', b"[1]"):
        told = await caller.call("POST", DATA, raw=raw)
        assert told["status"] == -2 and told["error"] in ("body-not-json", "body-invalid"), raw
    for path, method in (("batchCreate", "POST"), ("batchUpdate", "PUT"), ("batchDelete", "DELETE")):
        for body in ({}, [], "x"):
            assert (await caller.call(method, f"{DATA}/{path}", body))["error"] == "body-invalid"
        told = await caller.call(method, f"{DATA}/{path}", [5] * 2001)
        assert (told["status"], told["message"], told["error"]) == (
            -2,
            "共 2001 条，单次最多支持 2000 条",
            "body-too-large",
        )


async def test_batches_answer_each_item_in_order(caller: Mes) -> None:
    one, two, foreign = (
        caller.item("One"),
        caller.item("Two"),
        caller.item("x") | {"handle": f"{caller.node.stranger_prefix}/x"},
    )
    await caller.call("POST", DATA, caller.item("Old"))
    await caller.call("DELETE", DATA, {"handle": caller.item("Old")["handle"]})
    items = [one, caller.item("One", "other"), {"handle": "bad"}, 5, foreign, one, caller.item("Old", "anew"), two]
    told = await caller.call("POST", f"{DATA}/batchCreate", items)
    assert (told["status"], told["message"]) == (1, "success")
    good, exists = VERDICTS["good"], VERDICTS["exists"]
    verdicts = told["data"]
    assert verdicts[0] == {"handle": one["handle"], **good}
    assert verdicts[1] == {"handle": one["handle"], **exists, "error": "identifier-conflict"}
    assert [(v["handle"], v.get("error")) for v in verdicts[2:5]] == [
        ("bad", "body-invalid"), (None, "body-invalid"), (foreign["handle"], "prefix-not-yours")
    ]  # fmt: skip
    assert [v["msg"] for v in verdicts[5:]] == ["success"] * 3
    assert (await history(caller, caller.item("Old")["handle"]))[0]["version"] == 3
    changed = [caller.item("One", "1"), caller.item("none"), caller.item("one", "2"), two]
    told = await caller.call("PUT", f"{DATA}/batchUpdate", changed)
    assert [v.get("error") for v in told["data"]] == [None, "identifier-unknown", None, None]
    assert (await caller.detail(one["handle"]))["data"]["value"] == [value(2000, "name", "2")], "the last one sent"
    handles = [one["handle"], f"{caller.node.prefix}/none", one["handle"], 5, two["handle"]]
    told = await caller.call("DELETE", f"{DATA}/batchDelete", handles)
    assert told["data"][0] == {"handle": one["handle"], **VERDICTS["deleted"]}
    assert told["data"][1] == {"handle": handles[1], **VERDICTS["not_there"], "error": "identifier-unknown"}
    assert told["data"][2]["msg"] == "标识不存在" and told["data"][3]["code"] == -2 and told["data"][4]["code"] == 1


async def test_two_thousand_at_once(caller: Mes) -> None:
    items = [caller.item(f"S{n}") for n in range(2000)]
    assert {v["msg"] for v in (await caller.call("POST", f"{DATA}/batchCreate", items))["data"]} == {"success"}
    handles = [one["handle"] for one in items]
    assert {v["code"] for v in (await caller.call("DELETE", f"{DATA}/batchDelete", handles))["data"]} == {1}
    again = (await caller.call("POST", f"{DATA}/batchCreate", items))["data"]
    assert [v["msg"] for v in again] == ["success"] * 2000


async def test_the_doors_see_each_others_records(caller: Mes) -> None:
    node = caller.node
    await with_template(caller)
    sent = example(caller)
    await caller.call("POST", DATA, sent)
    record = (await node.owner.get(f"/api/v1/identifiers/{at(sent['handle'])}")).json
    assert record["template"] == f"{node.prefix}/META_1.0" and record["values"][0]["type"] == "name"
    handle = (await node.anybody.get(f"/api/handles/{sent['handle']}")).json
    assert handle["values"][0]["data"] == {"format": "string", "value": "小型机械01"}
    body = item(f"{node.prefix}/by-rest") | {"values": [text_value(2000, "name", "r")], "template": record["template"]}
    assert (await node.owner.post("/api/v1/identifiers", body)).status == 201
    assert (await caller.detail(f"{node.prefix}/by-rest"))["data"]["templateVersion"] == "1.0"
    kept = caller.item("by-rest", "changed")
    assert (await caller.call("PUT", DATA, kept))["status"] == 1
    assert (await caller.detail(kept["handle"]))["data"]["templateVersion"] == "1.0", "not named, not taken away"


async def test_nobody_works_on_the_prefix_of_another(caller: Mes) -> None:
    foreign = f"{caller.node.stranger_prefix}/x"
    for told in (
        await caller.detail(foreign),
        await caller.call("POST", DATA, caller.item("x") | {"handle": foreign}),
        await caller.call("PUT", DATA, caller.item("x") | {"handle": foreign}),
        await caller.call("DELETE", DATA, {"handle": foreign}),
    ):
        assert (told["status"], told["error"]) == (-3, "prefix-not-yours")
    partner = await caller.node.partner.post(DATA, caller.item("x"))
    assert (partner.status, partner.json["status"]) == (200, -3)


@pytest.mark.parametrize(
    "path", ["/identity", "/identity/x", "/identityv2/data/none", "/snms/api/v9", "/snms", "/api/identityv2/x"]
)
async def test_unknown_addresses_answer_with_the_envelope(node: Node, path: str) -> None:
    for method in ("GET", "POST", "PATCH"):
        answer = await node.anybody.call(method, path)
        assert answer.status in (404, 405) and answer.json["status"] == -2, (method, path)
        assert answer.json["data"] is None and answer.json["error"] in ("page-unknown", "method-not-allowed")
    assert (await node.anybody.get("/identityx/y")).json["slug"] == "not-responsible", "others are identifiers"


async def test_a_lost_database_is_busy(caller: Mes, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.errors import StoreUnavailable
    from registry.snms import doors

    async def lost(*_: Any) -> None:
        raise StoreUnavailable()

    async def broken(*_: Any) -> None:
        raise RuntimeError

    for kind, slug in ((lost, "store-unavailable"), (broken, "internal-error")):
        monkeypatch.setattr(doors, "create", kind)
        told = await caller.call("POST", DATA, caller.item("x"))
        assert told == {"status": -4, "message": "系统繁忙", "data": None, "error": slug}
