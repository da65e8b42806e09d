"""The OpenAPI document is valid, describes exactly what is served, and real answers are as it says."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from core.handle.bodies import Resolve
from core.handle.codes import Op
from core.web import now
from node.compose import make_app
from node.handle_client import request
from node.openapi import specification
from tests.applicant import PNG, SITE, WHOLE
from tests.harness import Answer, Node, at, item, settings_for, text_value

DOCUMENT = specification()
METHODS = ("get", "put", "post", "delete", "patch")
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method in METHODS
}


def _app() -> web.Application:
    return make_app(settings_for("postgresql://nobody@nowhere/x", "redis://nowhere"), 0)


def whole(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of a schema of the document; references lead into the document."""
    joined = {**schema, "components": DOCUMENT["components"]}
    return Draft202012Validator(joined, format_checker=Draft202012Validator.FORMAT_CHECKER)


def problems(schema: dict[str, Any], instance: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in whole(schema).iter_errors(instance)]


def strictly(schema: Any) -> Any:
    """The same schema with every object closed: an answer must not have members that nobody described."""
    if isinstance(schema, list):
        return [strictly(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strictly(part) for name, part in schema.items()}
    if "properties" in closed and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def test_the_document_is_valid_openapi_31() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_what_is_served_is_described_and_the_reverse() -> None:
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in _app().router.routes()
        if route.resource is not None and route.method.lower() in METHODS
    }
    assert served == {(method, path) for method, path, _ in OPERATIONS.values()}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_described_whole(name: str) -> None:
    _, path, operation = OPERATIONS[name]
    assert operation["summary"] and re.search("[\u4e00-\u9fff]", operation["summary"]), "both languages"
    named = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
    assert named == set(re.findall(r"\{(\w+)\}", path))
    assert all(answer["description"] for answer in operation["responses"].values())
    if "security" in operation:
        assert {"401", "403"} <= set(operation["responses"])


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (_, _, operation) in OPERATIONS.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ],
)
def test_every_request_has_examples_that_its_schema_accepts(name: str) -> None:
    schema = OPERATIONS[name][2]["requestBody"]["content"]["application/json"]["schema"]
    target = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    assert target["examples"]
    for example in target["examples"]:
        assert problems(strictly(schema), example) == []


def test_schemas_refuse_what_they_should() -> None:
    """Else the walk below would prove nothing."""
    registration = {"$ref": "#/components/schemas/Registration"}
    assert problems(registration, {"identifier": "88/x"})
    assert problems(registration, {"identifier": "88/x", "values": [{"index": 0, "type": "A", "data": {"value": ""}}]})
    assert problems({"$ref": "#/components/schemas/Problem"}, {"slug": "no-such-slug"})


class Walk:
    """Calls operations of a node by their names, and checks each answer against its description."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.seen: set[tuple[str, int]] = set()

    async def __call__(
        self, name: str, status: int, body: Any = None, /, *, role: str = "owner", **more: Any
    ) -> Answer:
        method, path, operation = OPERATIONS[name]
        for parameter in re.findall(r"\{(\w+)\}", path):
            path = path.replace(f"{{{parameter}}}", at(more.pop(parameter)))
        query, accept = more.pop("query", ""), more.pop("accept", "application/json")
        headers = {"Accept": accept, **more.pop("headers", {})}
        api = getattr(self.node, role)
        answer: Answer = await api.call(method.upper(), path + query, body, headers=headers, **more)
        assert answer.status == status, (name, answer.status, answer.body)
        self.seen.add((name, status))
        described = operation["responses"].get(str(status))
        assert described, f"{name} answers {status}, which is not described"
        content = described.get("content")
        if content is None:
            assert answer.json is None
            return answer
        kind = answer.headers["Content-Type"].partition(";")[0]
        assert kind in content, f"{name} {status} is {kind}"
        if answer.json is not None:
            assert problems(content[kind]["schema"], answer.json) == [], name
        for header in described.get("headers", {}):
            assert header in answer.headers
        return answer


async def walk_through_snms(walk: Walk, prefix: str) -> None:
    """The door that answers 200 whatever happens."""
    identity = {"identity": f"{prefix}/App_mes"}
    await walk("issueAppIdentity", 201, identity)
    await walk("issueAppIdentity", 409, identity)
    await walk("issueAppIdentity", 422, {})
    made = await walk("issueAppIdentity", 200, identity | {"renew": True})
    await walk("revokeAppIdentity", 404, key_id="none")
    await walk("revokeAppIdentity", 200, key_id=made.json["key_id"])
    login = {"username": identity["identity"], "password": "wrong"}
    for name in ("snmsLogin", "snmsLoginByHash"):
        await walk(name, 200, login, role="anybody")
    template = {"prefix": prefix, "version": "s", "items": [{"name": "名称", "idType": "name", "state": 1}]}
    one = {"handle": f"{prefix}/Snms", "templateVersion": "s"}
    one["value"] = [{"index": 2000, "type": "name", "data": {"format": "string", "value": "x"}}]  # type: ignore[assignment]
    named = f"?prefix={prefix}&version=s"
    for version in ("3", "5"):
        await walk(f"snmsCreateTemplateV{version}", 200, template)
        await walk(f"snmsTemplateV{version}", 200, query=named)
    await walk("snmsChangeTemplate", 200, template)
    for _ in range(2):
        for name, body in (
            ("snmsCreate", one),
            ("snmsUpdate", one),
            ("snmsBatchCreate", [one, 5]),
            ("snmsBatchUpdate", [one]),
        ):
            await walk(name, 200, body)
        for name in ("snmsDetail", "snmsQuery"):
            await walk(name, 200, query=f"?handle={at(one['handle'])}")
        await walk("snmsDelete", 200, one)
    await walk("snmsBatchDelete", 200, [one["handle"], f"{prefix}/None"])
    for version in ("3", "5"):
        await walk(f"snmsDeleteTemplateV{version}", 200, {"prefix": prefix, "version": "s"})
    await walk("snmsPrefix", 200, query=f"?prefix={prefix}")
    await walk("snmsPrefixes", 200)
    await walk("snmsPrefixes", 200, role="anybody")


async def test_real_answers_are_as_described(node: Node) -> None:
    walk, prefix = Walk(node), node.prefix
    one = f"{prefix}/One"
    await walk("register", 201, item(one))
    await walk("register", 200, item(one))
    await walk("register", 409, item(one, "other"))
    await walk("register", 422, {"identifier": 5, "values": [{}]})
    await walk("register", 400, raw=b"{")
    await walk("register", 401, item(one), role="anybody")
    await walk("register", 403, item(one), role="stranger")
    await walk("registerBatch", 200, {"items": [item(one), item(f"{prefix}/Two"), item(one, "x"), item("bad"), 5]})
    await walk("registerBatch", 422, {"items": []})
    await walk("registerBatch", 413, {"items": [0] * 10_001})
    await walk("read", 200, identifier=one)
    await walk("read", 304, identifier=one, headers={"If-None-Match": '"1"'})
    await walk("read", 404, identifier=f"{prefix}/None")
    await walk("read", 403, identifier=one, role="partner")
    await walk("read", 400, identifier="no-slash")
    await walk("list", 200, query=f"?prefix={prefix}")
    await walk("list", 200, query=f"?prefix={prefix}&limit=1")
    await walk("list", 400, query="?limit=0")
    until = {"ttl": "2027-01-31T10:00:00Z", "references": [{"handle": f"0.NA/{prefix}", "index": 300}]}
    revised = [
        text_value(1, "DESC", "new"), text_value(2, "K", "s", permissions="1100"), text_value(3, "UNTIL", "x", **until),
    ]  # fmt: skip
    await walk("revise", 200, {"values": revised}, identifier=one)
    await walk("revise", 412, {"values": [text_value(1, "DESC", "x")]}, identifier=one, headers={"If-Match": '"1"'})
    await walk("revise", 404, {"values": [text_value(1, "DESC", "x")]}, identifier=f"{prefix}/None")
    await walk("revise", 422, {"values": []}, identifier=one)
    await walk("resolve", 200, identifier=one, role="anybody")
    await walk("propagation", 200, identifier=one)
    await walk("propagation", 403, identifier=one, role="partner")
    await walk("propagation", 404, identifier=f"{prefix}/None")
    await walk("resolve", 200, identifier=one, role="anybody", query="?type=NONE")
    await walk("resolve", 304, identifier=one, role="anybody", headers={"If-None-Match": '"2"'})
    await walk("resolve", 404, identifier=f"{prefix}/None", role="anybody")
    await walk("resolve", 400, identifier="10.1/x", role="anybody")
    await walk("open", 200, identifier=one, role="anybody")
    await walk("open", 404, identifier=f"{prefix}/None", role="anybody")
    await walk("open", 400, identifier="none", role="anybody")
    await walk(
        "register", 201, {"identifier": f"{prefix}/Link", "values": [text_value(1, "URL", "https://example.org")]}
    )
    links = [text_value(index, "gs1:recipe", f"https://example.org/{index}") for index in (1, 2)]
    links.append(text_value(3, "gs1:pip", '{"href": "https://example.org", "type": "text/html"}'))
    await walk("register", 201, {"identifier": f"{prefix}/Gs1", "values": links})
    loop = f"{prefix}/Loop"
    await walk("register", 201, {"identifier": loop, "values": [text_value(1, "HS_ALIAS", loop)]})
    await walk("open", 302, identifier=f"{prefix}/Link", role="anybody", accept="*/*")
    await walk("open", 307, identifier=f"{prefix}/Gs1", role="anybody", accept="*/*", query="?linkType=gs1:pip")
    await walk("open", 300, identifier=f"{prefix}/Gs1", role="anybody", accept="*/*", query="?linkType=gs1:recipe")
    await walk("open", 406, identifier=f"{prefix}/Gs1", role="anybody", accept="image/png", query="?linkType=gs1:pip")
    await walk("open", 508, identifier=f"{prefix}/Loop", role="anybody")
    await walk("resolve", 508, identifier=f"{prefix}/Loop", role="anybody")
    await walk("describeGs1Resolver", 200, role="anybody")
    gs1 = {"enterprise_id": 1, "scheme": "gs1", "prefix": "9506000"}
    await walk("grantPrefix", 201, gs1, role="operator")
    grant = await walk("grantSight", 201, {"identifier": one, "to": {"enterprise_id": 1}, "types": ["K"]})
    await walk("grantSight", 404, {"identifier": f"{prefix}/None", "to": {"enterprise_id": 1}})
    await walk("grantSight", 422, {})
    await walk("listGrants", 200, query=f"?prefix={prefix}")
    await walk("listGrants", 400)
    await walk("revokeGrant", 200, id=str(grant.json["id"]))
    await walk("revokeGrant", 404, id="999999")
    await walk("mint", 201, {"prefix": prefix, "count": 2, "values": [text_value(1, "A", "b")]})
    await walk("mint", 422, {"prefix": prefix, "count": 0, "values": [], "pattern": "same"})
    await walk("merge", 200, {"values": [text_value(3, "M", "n")]}, identifier=one)
    await walk("merge", 412, {"remove": [3]}, identifier=one, headers={"If-Match": '"1"'})
    await walk("merge", 422, {}, identifier=one)
    await walk("restore", 200, identifier=one)
    await walk("restore", 404, identifier=f"{prefix}/None")
    await walk("history", 200, identifier=one, query="?limit=1")
    await walk("history", 200, identifier=one)
    await walk("history", 404, identifier=f"{prefix}/None")
    await walk("history", 400, identifier=one, query="?limit=x")
    await walk("withdraw", 200, {"reason": "r", "successor": f"{prefix}/Two"}, identifier=one)
    await walk("withdraw", 409, {"reason": "other"}, identifier=one)
    await walk("withdraw", 422, {}, identifier=f"{prefix}/Two")
    await walk("withdraw", 404, {"reason": "r"}, identifier=f"{prefix}/None")
    await walk("read", 200, identifier=one)
    await walk("register", 409, item(one))
    await walk("resolve", 410, identifier=one, role="anybody")
    await walk("open", 410, identifier=one, role="anybody")
    mixture = [one, f"{prefix}/Two", f"{prefix}/None", "bad", "10.1/x"]
    await walk("resolveMany", 200, {"identifiers": mixture}, role="anybody")
    await walk("resolveMany", 422, {"identifiers": []}, role="anybody")
    await templates(walk, prefix)
    await walk("createEnterprise", 201, {"name": "丙"}, role="operator")
    await walk("createEnterprise", 200, {"name": "丙"}, role="operator")
    await walk("createEnterprise", 409, {"name": "丙", "credit_code": "914403001922038216"}, role="operator")
    await walk("createEnterprise", 403, {"name": "丙"})
    await walk("grantPrefix", 201, {"enterprise_id": 1, "prefix": "88.118.77"}, role="operator")
    await walk("grantPrefix", 200, {"enterprise_id": 1, "prefix": "88.118.77"}, role="operator")
    await walk("grantPrefix", 409, {"enterprise_id": 2, "prefix": "88.118.77"}, role="operator")
    await walk("grantPrefix", 404, {"enterprise_id": 99}, role="operator")
    issued = await walk("issueKey", 201, {"role": "partner", "expires_in_seconds": 60}, role="operator")
    await walk("issueKey", 404, {"role": "enterprise", "enterprise_id": 99}, role="operator")
    await walk("issueKey", 422, {"role": "king"}, role="operator")
    await walk_through_keys(walk, issued.json["key_id"])
    await walk("revokeKey", 200, key_id=issued.json["key_id"], role="operator")
    await walk("revokeKey", 404, key_id="none", role="operator")
    for name in ("healthz", "readyz", "metrics", "openapi", "landing", "docs", "errors"):
        await walk(name, 200, role="anybody")
    await walk("error", 200, slug="identifier-unknown", role="anybody")
    await walk("error", 404, slug="none", role="anybody")
    await walk("lookup", 303, query=f"?identifier={at(one)}", role="anybody")
    await walk("lookup", 400, query="?identifier=x", role="anybody", accept="text/html")
    await quotas(walk, issued.json["key_id"])
    await bulk_jobs(walk, prefix)
    await kept(walk, prefix)
    await walk_through_snms(walk, prefix)
    await walk_through_transfers(walk, prefix)
    await walk_through_leases(walk, prefix)
    await onboarding(walk)
    await handle_administration(walk, prefix)
    await prefixes(walk, prefix)
    assert {name for name, _ in walk.seen} == set(OPERATIONS), "every operation was called"


async def handle_administration(walk: Walk, prefix: str) -> None:
    values, one = {"values": [text_value(1, "DESC", "x")]}, f"{prefix}/By-Handle"
    as_json = {"headers": {"Content-Type": "application/json"}}
    await walk("putHandle", 201, values, identifier=one, **as_json)
    await walk("putHandle", 200, values, identifier=one, **as_json)
    await walk("putHandle", 409, values, identifier=one, query="?overwrite=false", **as_json)
    await walk("putHandle", 400, {"values": []}, identifier=one, **as_json)
    await walk("putHandle", 401, values, identifier=one, role="anybody", **as_json)
    await walk("putHandle", 403, values, identifier=one, role="stranger", **as_json)
    await walk("putHandle", 404, values, identifier=f"{prefix}/No", query="?index=various", **as_json)
    await walk("listHandles", 200, query=f"?prefix={prefix}&pageSize=1")
    await walk("listHandles", 400, query=f"?prefix={prefix}&pageSize=x")
    await walk("deleteHandle", 400, identifier=one, query="?index=7")
    await walk("deleteHandle", 200, identifier=one)
    await walk("deleteHandle", 404, identifier=one)
    begun = await walk("beginHandleSession", 201, role="anybody")
    session = {"headers": {"Authorization": f'Handle version="0", sessionId="{begun.json["sessionId"]}"'}}
    await walk("readHandleSession", 200, role="anybody", **session)
    await walk("proveHandleSession", 200, role="anybody", **session)
    await walk("answerHandleSession", 200, role="anybody", **session)
    await walk("endHandleSession", 204, role="anybody", **session)
    await walk("endHandleSession", 401, role="anybody", **session)
    await walk("handleSite", 200, role="anybody")
    asked = request(Op.RESOLVE, Resolve(one).encode()).encode()
    for status, message in ((200, asked), (400, asked[:-1]), (413, bytes(300_000))):
        kind = {"headers": {"Content-Type": "application/x-hdl-message"}}
        await walk("sendHandleMessage", status, raw=message, role="anybody", **kind)
    await walk("listHomedPrefixes", 200, role="anybody", query="?limit=1")
    await walk("listHomedPrefixes", 400, role="anybody", query="?limit=x")


async def walk_through_transfers(walk: Walk, prefix: str) -> None:
    await walk("register", 201, item(f"{prefix}/handed"))
    wish = {"object": f"{prefix}/handed", "to_enterprise": 2, "reason": "sold"}
    await walk("offerTransfer", 422, {})
    await walk("offerTransfer", 404, wish | {"object": f"{prefix}/nothing"})
    for step, role in (("cancel", "owner"), ("decline", "stranger"), ("accept", "stranger")):
        made = str((await walk("offerTransfer", 201, wish)).json["id"])
        await walk("offerTransfer", 409, wish)
        await walk(f"{step}Transfer", 200, id=made, role=role)
        await walk("confirmTransfer", 409, id=made)
    proposed = await walk("offerTransfer", 201, {"prefix": prefix, "to_enterprise": 2, "reason": "r"}, role="operator")
    await walk("confirmTransfer", 200, id=str(proposed.json["id"]))
    await walk("readTransfer", 200, id=made)
    await walk("readTransfer", 404, id="77")
    await walk("listTransfers", 200)
    await walk("listTransfers", 400, query="?state=x")


async def walk_through_leases(walk: Walk, prefix: str) -> None:
    until = (now() + timedelta(hours=1)).isoformat()
    wish = {"prefix": prefix, "pattern": "R{seq:4}{check}", "count": 9, "until": until, "label": "line"}
    made = str((await walk("openLease", 201, wish | {"values": [text_value(1, "A", "b")]})).json["id"])
    await walk("openLease", 422, {})
    await walk("reportLease", 200, {"used": ["1-3", 77], "final": True}, id=made)
    await walk("reportLease", 422, {"final": 1}, id=made)
    await walk("reportLease", 413, {"used": ["1-10001"]}, id=made)
    await walk("returnLease", 200, id=made)
    await walk("readLease", 200, id=made)
    await walk("readLease", 404, id="77")
    await walk("listSuffixes", 200, id=made)
    await walk("listLeases", 200, query=f"?prefix={prefix}")
    await walk("listLeases", 400)


async def walk_through_keys(walk: Walk, key_id: str) -> None:
    await walk("listKeys", 200, query="?limit=2", role="operator")
    await walk("listKeys", 404, query="?enterprise_id=2")
    await walk("listKeys", 400, query="?limit=0")
    await walk("readKey", 200, key_id=key_id, role="operator")
    await walk("readKey", 404, key_id=key_id)
    await walk("readKey", 401, key_id=key_id, role="anybody")
    await walk("changeKey", 200, {"label": "x", "allowed_sources": ["10.0.0.0/8"]}, key_id=key_id, role="operator")
    await walk("changeKey", 422, {}, key_id=key_id, role="operator")
    await walk("rotateKey", 200, {"overlap_seconds": 0}, key_id=key_id, role="operator")
    await walk("rotateKey", 404, key_id="none")


async def quotas(walk: Walk, key_id: str) -> None:
    limits = {"requests_per_second": 1000, "registrations_per_day": 10_000_000}
    for whose, name, other in (
        ({"id": "1"}, "Enterprise", {"id": "99"}),
        ({"key_id": key_id}, "Key", {"key_id": "none"}),
    ):
        await walk(f"set{name}Quota", 200, limits, role="operator", **whose)
        await walk(f"set{name}Quota", 422, {"burst": 0}, role="operator", **whose)
        await walk(f"set{name}Quota", 403, {}, **whose)
        await walk(f"read{name}Quota", 200, role="operator", **whose)
        await walk(f"read{name}Quota", 404, role="operator", **other)
        await walk(f"set{name}Quota", 200, {}, role="operator", **whose)


async def templates(walk: Walk, prefix: str) -> None:
    items = [{"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True}]
    name, draft = f"{prefix}/META_x", f"{prefix}/META_d"
    whole = {"identifier": name, "items": items, "version": "1", "name_zh": "器件", "industry": "3979", "carrier": 2}
    await walk("createTemplate", 201, whole)
    await walk("createTemplate", 200, whole)
    await walk("createTemplate", 409, {"identifier": name, "items": [items[0] | {"type": "M"}]})
    await walk("createTemplate", 422, {"identifier": "x", "items": []})
    await walk("createTemplate", 201, {"identifier": draft, "items": items, "state": "draft"})
    await walk("readTemplate", 200, identifier=name, role="stranger")
    tag = (await walk("readTemplate", 200, identifier=draft)).headers["ETag"]
    await walk("readTemplate", 304, identifier=draft, headers={"If-None-Match": tag})
    await walk("readTemplate", 404, identifier=draft, role="stranger")
    await walk("readTemplate", 400, identifier="x")
    await walk("listTemplates", 200, query=f"?prefix={prefix}&limit=1")
    await walk("listTemplates", 400, query="?state=x")
    choices = [items[0] | {"data_type": "enumeration", "choices": [{"code": "a", "zh": "甲", "en": "A"}], "unit": "V"}]
    await walk("changeDraft", 200, {"items": choices}, identifier=draft)
    await walk("changeDraft", 409, {"items": items}, identifier=name)
    await walk("changeDraft", 422, {"items": []}, identifier=draft)
    await walk("retireTemplate", 409, {"reason": "r"}, identifier=draft)
    await walk("publishDraft", 200, identifier=draft)
    await walk("publishDraft", 404, identifier=f"{prefix}/META_none")
    made = await walk("newTemplateVersion", 201, {}, identifier=draft)
    await walk("deleteDraft", 204, identifier=made.json["identifier"])
    await walk("deleteDraft", 409, identifier=draft)
    schema = await walk("readTemplateSchema", 200, identifier=draft, role="anybody")
    same = {"If-None-Match": schema.headers["ETag"]}
    await walk("readTemplateSchema", 304, identifier=draft, role="anybody", headers=same)
    await walk("retireTemplate", 200, {"reason": "r"}, identifier=draft)
    await walk("publishDraft", 409, identifier=draft)


async def kept(walk: Walk, prefix: str) -> None:
    await walk("readValueIndex", 200, prefix=prefix)
    await walk("wishValueIndex", 200, {"types": ["DESC"]}, prefix=prefix)
    await walk("wishValueIndex", 422, {"types": 5}, prefix=prefix)
    await walk("wishValueIndex", 403, {"types": []}, prefix=prefix, role="stranger")
    await walk("list", 200, query=f"?prefix={prefix}&status=withdrawn&suffix_starts=o")
    await walk("list", 400, query=f"?prefix={prefix}&status=x&value=y")
    await walk("count", 200, query="?by=day")
    await walk("count", 400, query="?by=year")
    await walk("usage", 200, query="?by=day", role="operator")
    await registration_data(walk, prefix)
    await walk("usage", 400, query="?by=week")
    await walk("receiveTakeoverOrder", 401, {"format": "idis-ops/1"}, headers={"Content-Type": "application/json"})
    await walk("receiveTakeoverOrder", 400, raw=b"x", headers={"Content-Type": "text/plain"})
    await walk("readTakeoverOrder", 401, order="TK-1")
    await walk("handBackTakeover", 401, {}, order="TK-1", headers={"Content-Type": "application/json"})
    await walk("usage", 403, role="partner")
    await walk("listAudit", 200, query="?limit=5", role="operator")
    await walk("listAudit", 400, query="?before=x")
    await walk("auditHead", 200, role="operator")
    await walk("auditHead", 403)
    for form, kind in (
        ("ndjson", "application/x-ndjson"),
        ("csv", "text/csv"),
        ("parquet", "application/vnd.apache.parquet"),
    ):
        await walk("export", 200, query=f"?prefix={prefix}&format={form}", accept=kind)
    await walk("export", 400, query=f"?prefix={prefix}&format=x&encoding=y")
    await walk("export", 403, query=f"?prefix={prefix}", role="stranger")


async def registration_data(walk: Walk, prefix: str) -> None:
    for role in ("anybody", "partner", "operator"):
        await walk("registrationOfPrefix", 200, prefix=prefix, role=role)
    await walk("registrationOfPrefix", 404, prefix="99.1", role="anybody")
    await walk("registrationOfPrefix", 400, prefix="1", role="anybody")
    await walk("registrationOfName", 200, name="owner 甲企业", role="anybody")
    await walk("registrationOfName", 404, name="nobody", role="anybody")
    await walk("searchNames", 200, query="?name=o*", role="anybody")
    await walk("searchNames", 422, query="?name=*o", role="anybody")
    await walk("searchNames", 400, role="anybody")
    await walk("iiidapHelp", 200, role="anybody")


async def bulk_jobs(walk: Walk, prefix: str) -> None:
    """Without a runner: the job stays received."""
    one = (await walk("createBulkJob", 202, raw=b"identifier,1:A\nx,y\n", query=f"?prefix={prefix}")).json["id"]
    await walk("createBulkJob", 200, raw=b"identifier,1:A\nx,y\n", query=f"?prefix={prefix}")
    await walk("createBulkJob", 400, raw=b"x", query="")
    await walk("listBulkJobs", 200, query=f"?prefix={prefix}")
    await walk("readBulkJob", 404, id="999")
    for step, status in (("confirm", 409), ("pause", 200), ("resume", 200), ("cancel", 200)):
        await walk(f"{step}BulkJob", status, id=str(one))
    assert (await walk("readBulkJob", 200, id=str(one))).json["state"] == "cancelled"
    await walk("readBulkVerdicts", 200, id=str(one), accept="text/csv")
    await walk("followBulkJob", 200, id=str(one), accept="text/event-stream")


async def onboarding(walk: Walk) -> None:
    await walk("apply", 422, {"name": "x"}, role="anybody")
    made = (await walk("apply", 201, WHOLE | {"state": "draft"}, role="anybody")).json
    one, operator = {"id": str(made["id"])}, {"id": str(made["id"]), "role": "operator"}
    walk.node.partner, partner = walk.node.anybody.with_key(made["token"]), walk.node.partner
    mine = one | {"role": "partner"}  # the applicant, for now
    await walk("readApplication", 200, **mine)
    await walk("readApplication", 404, **(operator | {"id": "999"}))
    await walk("editApplication", 200, {"nature": 2}, **mine)
    await walk("editApplication", 422, {"nature": 9}, **mine)
    await walk("uploadImage", 200, raw=PNG, kind="business-licence", **mine)
    await walk("uploadImage", 422, raw=b"x", kind="business-licence", **mine)
    await walk("fetchFirstKey", 409, **mine)
    await walk("submitApplication", 200, **mine)
    await walk("submitApplication", 409, **mine)
    await walk("reviewApplication", 200, **operator)
    await walk("returnApplication", 422, **operator)
    await walk("returnApplication", 200, {"reason": "r"}, **operator)
    await walk("withdrawApplication", 200, **mine)
    await walk("retryApplication", 409, **operator)
    await walk("rejectApplication", 409, {"reason": "r"}, **operator)
    await walk("approveApplication", 409, **operator)
    await walk("changeEnterprise", 409, {"nature": 2}, **operator)
    await walk("changeEnterprise", 422, {"nature": 9}, **operator)
    await walk("changeEnterprise", 404, {"nature": 2}, **(operator | {"id": "999"}))
    await walk("viewPersonalData", 200, **operator)
    await walk("viewPersonalData", 400, query="?fields=x", **operator)
    await walk("viewImage", 200, kind="business-licence", accept="image/png", **operator)
    await walk("viewImage", 404, kind="contact-id-front", **operator)
    await walk("listApplications", 200, query="?limit=1", role="operator")
    await walk("listApplications", 400, query="?state=x", role="operator")
    walk.node.partner = partner
    await walk("snmsApply", 200, {"entBasicInfo": {}}, role="anybody")
    await walk("snmsConfigure", 200, {"proxyServerId": 1, "entPrefixConfig": {"entPrefix": walk.node.prefix}})


async def prefixes(walk: Walk, prefix: str) -> None:
    await walk("listPrefixes", 200, query="?limit=1")
    await walk("listPrefixes", 404, query="?enterprise_id=2")
    await walk("readPrefix", 200, prefix=prefix)
    await walk("readPrefix", 404, prefix="88.118.999", role="operator")
    await walk("readPrefix", 403, prefix=prefix, role="stranger")
    await walk("hostPrefix", 422, {"hosting": "own-node", "site": {"servers": []}}, prefix="88.118.77")
    await walk("hostPrefix", 200, {"hosting": "own-node", "site": SITE}, prefix="88.118.77")
    await walk("suspendPrefix", 422, {}, prefix="88.118.77", role="operator")
    await walk("suspendPrefix", 200, {"reason": "r", "stop_answering": True}, prefix="88.118.77", role="operator")
    await walk("resolve", 403, identifier="88.118.77/x", role="anybody")
    await walk("open", 403, identifier="88.118.77/x", role="anybody")
    await walk("resumePrefix", 200, prefix="88.118.77", role="operator")
    made = (await walk("createEnterprise", 201, {"name": "庚"}, role="operator")).json
    one = {"id": str(made["id"]), "role": "operator"}
    await walk("suspendEnterprise", 200, {"reason": "r"}, **one)
    await walk("suspendEnterprise", 409, {"reason": "r"}, **one)
    await walk("resumeEnterprise", 200, **one)
    await walk("revokeEnterprise", 422, {}, **one)
    await walk("revokeEnterprise", 200, {"reason": "r"}, **one)
    await walk("resumeEnterprise", 404, id="999", role="operator")


async def test_the_served_document_is_the_described_one(node: Node) -> None:
    assert (await node.anybody.get("/api/v1/openapi.json")).json == DOCUMENT
