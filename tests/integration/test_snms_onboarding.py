"""Applying and hosting at the SNMS door, and what its prefix calls say of the states."""

from __future__ import annotations

import base64
import copy
from typing import Any

import asyncpg
import pytest

from registry.applications.courier import LOCK
from tests.applicant import PNG, Application
from tests.harness import Node

APPLY, CONFIG = "/snms/api/v3/ent/apply", "/snms/api/ent/config"
WHOLE: dict[str, Any] = {
    "sysUser": {"userName": "teleinfo", "password": "8d969eef6ecad3c2", "email": "teleinfo@admin.com", "mobile": "13165157233"},
    "entBasicInfo": {
        "orgName": "北京泰尔英福网络科技有限责任公司", "orgNature": "1", "orgAddr": "翠湖云中心 21 号楼", "orgAddrProvince": "110000",
        "orgAddrCity": "110100", "orgAddrCounty": "110108", "orgCrtType": 1, "orgCrtCode": "91110108589104047H",
        "orgCrtImgRid": base64.b64encode(PNG).decode(), "industryCategory": "I", "industrySpecific": "65", "regCapital": 1200,
        "contactName": "张三", "contactCrtType": 1, "contactCrtNo": "11010519491231002X", "contactCrtFrontImgRid": 9,
        "contactEmail": "zhangsan@admin.com", "contactPhone": "13965757203", "legalName": "王五",
        "legalCrtNo": "440524188001010014", "legalCrtFrontImgRid": "https://example.com/11.png", "entPrefix": "88.118.3123",
        "notKnown": {"x": 1},
    },
    "entRegisterManageInfo": {
        "entInfoSyses": [{"sysType": kind, "deployMode": 2, "name": "阿里云"} for kind in (1, 2, 3, 4)],
        "servSysBuildType": 1, "servSysOperType": 1,
    },
    "entHostingAndIdentifyServeInfo": {
        "entInfoSerIndustries": [{"industryCategory": "I", "industrySpecific": "65"}],
        "entInfoLicenses": [{"licenceType": 4, "licenceNo": "京B2-2026"}],
    },
}  # fmt: skip


async def called(api: Any, path: str, body: Any) -> Any:
    answer = await api.post(path, body)
    assert answer.status == 200, answer.body
    return answer.json


async def test_the_form_of_the_guide_is_the_same_application(node: Node, database: str) -> None:
    told = await called(node.anybody, APPLY, WHOLE)
    assert (told["status"], told["message"], told["data"]) == (1, "success", True)
    application = Application(node, told["application"])
    seen = (await node.operator.get(application.path)).json
    form = seen["form"]
    assert (seen["state"], form["region"], form["industry"], form["nature"]) == ("submitted", "110108", "65", 1)
    assert [one["kind"] for one in seen["images"]] == ["business-licence"]
    assert form["snms"]["references"] == {
        "contact-id-front": "9",
        "legal-person-id-front": "https://example.com/11.png",
    }
    assert [one["sysType"] for one in form["snms"]["systems"]] == ["1", "2", "3", "4"]
    assert form["snms"]["licences"] == [{"licenceNo": "京B2-2026", "licenceType": "4"}]
    connection = await asyncpg.connect(database)
    kept = str(await connection.fetch("SELECT a::text FROM application a"))
    for secret in ("13965757203", "8d969eef6ecad3c2", "440524188001010014", "teleinfo@admin.com", "王五", "teleinfo"):
        assert secret not in kept
    # The courier waits: what the prefix calls say on the way.
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    await application.must("review", "approve")

    async def states() -> tuple[int, int]:
        found = (await node.operator.get("/snms/api/prefix/query?prefix=88.118.3123")).json["data"]
        return found["state"], found["hosting"]

    assert await states() == (4, 2)
    early = await called(node.operator, CONFIG, {"proxyServerId": 1, "entPrefixConfig": {"entPrefix": "88.118.3123"}})
    assert (early["status"], early["error"]) == (-2, "prefix-pending") and "国家顶级节点" in early["message"]
    await connection.close()
    await application.until_state("active")
    assert await states() == (1, 4)
    await node.operator.post("/api/v1/prefixes/88.118.3123:suspend", {"reason": "r"})
    assert await states() == (0, 4)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("orgName", None, "缺少必要的请求参数: entBasicInfo.orgName"),
        ("legalCrtNo", "", "缺少必要的请求参数: entBasicInfo.legalCrtNo"),
        ("orgAddrCity", None, "缺少必要的请求参数: entBasicInfo.orgAddrCity"),
        ("orgAddrCity", "120100", "隶属关系"),
        ("industryCategory", "A", "门类"),
        ("orgCrtType", 2, "统一社会信用代码"),
        ("orgCrtCode", "91110108589104047A", "统一社会信用代码"),
        ("orgNature", "9", "1 到 5"),
        ("entPrefix", "88.800.1", "88.118"),
        ("orgCrtImgRid", "bm90IGFuIGltYWdl", "JPEG"),
        ("contactPhone", ["x"], "缺少必要的请求参数: entBasicInfo.contactPhone"),
    ],
)
async def test_what_is_wrong_is_told_in_chinese(node: Node, path: str, value: Any, message: str) -> None:
    body = copy.deepcopy(WHOLE)
    body["entBasicInfo"][path] = value
    told = await called(node.anybody, APPLY, body)
    assert (told["status"], told["data"], told["error"]) == (-2, None, "body-invalid")
    assert message in told["message"]


@pytest.mark.parametrize("body", [None, [], 5, {}, {"entBasicInfo": []}, {"entBasicInfo": {"orgName": {"a": 1}}}])
async def test_odd_bodies_are_refused_whole(node: Node, body: Any) -> None:
    assert (await called(node.anybody, APPLY, body if body is not None else "x"))["status"] == -2
    assert (await called(node.owner, CONFIG, body if body is not None else "x"))["status"] == -2


async def test_four_kinds_of_systems_are_declared(node: Node) -> None:
    body = copy.deepcopy(WHOLE)
    body["entRegisterManageInfo"]["entInfoSyses"].pop(2)
    assert "系统类型 3" in (await called(node.anybody, APPLY, body))["message"]


async def test_a_wrong_token_is_refused_here_too(node: Node) -> None:
    assert (await called(node.anybody.with_key("bj_x"), APPLY, WHOLE))["status"] == -1
    assert (await called(node.owner, APPLY, WHOLE))["status"] == 1


async def test_a_prefix_is_configured_to_an_own_node_and_back(node: Node) -> None:
    config = {
        "entPrefix": node.prefix, "hdlType": "HS_SITE", "ipType": 6, "ip": "2031:0000:1F1F:0000:0000:0100:11A0:ADDF",
        "tcpPort": "2643", "udpPort": "", "httpPort": "",
    }  # fmt: skip
    told = await called(node.owner, CONFIG, {"entPrefixConfig": config})
    assert told == {"status": 1, "message": "success", "data": True}
    seen = (await node.owner.get(f"/api/v1/prefixes/{node.prefix}")).json
    assert seen["site"]["servers"][0]["interfaces"] == [{"query": True, "admin": True, "protocol": "TCP", "port": 2643}]
    assert (await node.owner.get("/snms/api/prefix/page")).json["data"]["list"][0]["hosting"] == 1
    for wrong in (
        {"ipType": 4}, {"ip": "x"}, {"ip": None}, {"hdlType": "URL"}, {"tcpPort": ""}, {"tcpPort": "0"}, {"udpPort": "70000"},
    ):  # fmt: skip
        refused = await called(node.owner, CONFIG, {"entPrefixConfig": config | wrong})
        assert (refused["status"], refused["error"]) == (-2, "body-invalid"), wrong
    assert (await called(node.stranger, CONFIG, {"entPrefixConfig": config}))["status"] == -3
    await called(node.owner, CONFIG, {"proxyServerId": 1, "entPrefixConfig": {"entPrefix": node.prefix}})
    assert (await node.owner.get("/snms/api/prefix/page")).json["data"]["list"][0]["hosting"] == 4
