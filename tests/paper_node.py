"""A node made of paper: records, names and an OpenAPI document for the tests of the pages, and an app that serves them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from core.access import Hosting, Prefix
from core.errors import IdentifierUnknown, InternalError, NotResponsible, RecursionFailed, StoreUnavailable
from core.identifier import decode_path, parse_identifier
from core.page import html_response
from core.record import Record, Status
from core.template import Template
from core.template_item import Choice, TemplateItem
from core.values import SECRET_PERMISSIONS, HandleValue, pack
from core.web import PROBLEM_PAGE, edge, preferred_language
from node.pages import NODE, SPECIFICATION, NodeFacts, docs, error_page, errors_index, landing, lookup, problem_page
from resolver.pages import foreign_page, record_page, withdrawn_page
from resolver.referral import Referred
from resolver.referring import referral_page

NAME = "标解开放节点"
CREATED = datetime(2026, 1, 31, 17, 5, 9, tzinfo=UTC)
CHANGED = datetime(2026, 3, 2, 3, 0, 0, tzinfo=UTC)
SECRET = "SECRET-wholesale-price-17.20"
HOSTILE = '<script>alert("x")</script>\'"><img src=x onerror=alert(1)>'


class PaperNames:
    """What pages ask a directory for."""

    def prefix(self, key: str) -> Prefix | None:
        maker = "江苏长电科技股份有限公司 JCET"
        return Prefix(key, key, 1, maker, False, False, verified=True) if key == "88.118.8" else None

    def template(self, template_id: int | None) -> Template | None:
        items = (
            TemplateItem(2001, "MODEL", "型号", "Model", True),
            TemplateItem(2002, "CATEGORY", "类别", "Category", True),
            TemplateItem(2003, "PACKAGE", "封装", "Package", False),
            TemplateItem(2004, "DESCRIPTION", "描述", "Description", False),
            TemplateItem(2005, "DATASHEET", "数据手册", "Datasheet", False),
            TemplateItem(2006, "COST", "成本", "Cost", False),
            TemplateItem(2007, "TITLE_TEXT", "产品名称", "Product name", False),
            TemplateItem(2008, "WEIGHT", "净重", "Net weight", False, data_type="number", unit="kg"),
            TemplateItem(
                2009,
                "GRADE",
                "等级",
                "Grade",
                False,
                data_type="enumeration",
                choices=(Choice("A1", "一等品", "First grade"),),
            ),
            TemplateItem(2010, "BATCH", "所属批次", "Batch", False, data_type="reference"),
            TemplateItem(2011, "EXPORTED", "出口产品", "For export", False, data_type="boolean"),
        )
        return Template(7, "88.118.8/META", "88.118.8/META", items) if template_id == 7 else None


def record(identifier: str, values: list[HandleValue], *, template_id: int | None = None, **fields: Any) -> Record:
    shown = {"version": 3, "status": Status.ACTIVE, "withdrawal": None} | fields
    return Record(
        identifier.upper(), identifier, pack(values), shown["version"], shown["status"], template_id,
        shown["withdrawal"], CREATED, CHANGED,
    )  # fmt: skip


def withdrawn(identifier: str, reason: str, successor: str | None) -> Record:
    withdrawal = orjson.dumps({"reason": reason, "successor": successor}).decode()
    return record(identifier, [HandleValue(1, "NAME", SECRET)], status=Status.WITHDRAWN, withdrawal=withdrawal)


_INTERFACES = [{"query": True, "admin": False, "protocol": "TCP", "port": 2641}]
HOSTED = replace(
    Prefix("88.118.8", "88.118.8", 1, "江苏长电科技股份有限公司 JCET", False, False, verified=True),
    hosting=Hosting.OWN_NODE,
    site={"servers": [{"address": "2001:db8::1", "interfaces": _INTERFACES}]},
)
RECORDS = [
    record(
        "88.118.8/BAV99,215",
        [
            HandleValue(100, "HS_ADMIN", {"handle": "88.118.8/0", "index": 300, "permissions": "011111110011"}, "admin"),
            HandleValue(2001, "MODEL", "BAV99,215"),
            HandleValue(2002, "CATEGORY", "Switching Diodes 开关二极管"),
            HandleValue(2003, "PACKAGE", "SOT-23"),
            HandleValue(2004, "DESCRIPTION", "100V 215mA 双二极管串联 SOT-23 Switching Diodes ROHS"),
            HandleValue(
                2005, "DATASHEET",
                "https://wmsc.lcsc.com/wmsc/upload/file/pdf/v2/lcsc/2304140030_Nexperia-BAV99-215_C2500.pdf",
            ),
            HandleValue(2006, "COST", SECRET, permissions=SECRET_PERMISSIONS),
            HandleValue(3001, "CERTIFICATE", "QUJD" * 300, "base64"),
        ],
        template_id=7,
    ),
    record("88.118.8/" + "VERY-LONG_SERIAL.0123456789" * 8, [HandleValue(1, "DESC", "长文本 long text " * 200)]),
    record("88.118.8/a b#c?d%e+f&gΩ/h", [HandleValue(1, "NAME", "特殊字符")]),
    record("88.118.8/PRIVATE", [HandleValue(1, "COST", SECRET, permissions=SECRET_PERMISSIONS)]),
    record("88.118.8/" + HOSTILE, [HandleValue(1, HOSTILE, HOSTILE), HandleValue(2, "URL", "javascript:alert(1)")]),
    withdrawn("88.118.8/OLD-1", "批次召回：焊盘镀层不合格 (batch recalled)", "88.118.8/BAV99,215"),
    record(
        "88.118.8/SN.2026-000117",
        [
            HandleValue(2007, "TITLE_TEXT", "车规级双串联开关二极管"), HandleValue(2001, "MODEL", "BAV99,215"),
            HandleValue(2008, "WEIGHT", "0.0085"), HandleValue(2009, "GRADE", "A1"),
            HandleValue(2010, "BATCH", "88.118.8/BATCH 2026/03"), HandleValue(2011, "EXPORTED", "true"),
        ],
        template_id=7,
    ),
]  # fmt: skip
FOREIGN = [
    HandleValue(1, "TITLE", "六角法兰面螺栓 M8×25 hexagon flange bolt"),
    HandleValue(2, "DATASHEET", "https://example.com/bolts/M8x25?lang=zh"),
    HandleValue(3, HOSTILE, HOSTILE),
    HandleValue(100, "HS_ADMIN", {"handle": "0.NA/20.500.1", "index": 200, "permissions": "011111110011"}, "admin"),
]
FOREIGN_WAY = ("https://top.example.cn:8000", "http://[2001:db8::17]:8080")
BY_KEY = {each.key: each for each in RECORDS}


async def negotiated(request: web.Request) -> web.Response:
    """As `resolver.doors.negotiated`, for browsers only."""
    identifier = parse_identifier(decode_path(request.rel_url.raw_path[1:]))
    if identifier.prefix == "20.500.1":
        if identifier.suffix == "DOWN":
            raise RecursionFailed(
                f"{identifier} could not be resolved onwards", f"无法递归解析 {identifier}", way=[*FOREIGN_WAY]
            )
        page = foreign_page(
            str(identifier), FOREIGN, FOREIGN_WAY, NAME, preferred_language(request), request.rel_url.raw_query_string
        )
        return html_response(page)
    if not identifier.prefix.startswith("88.118"):
        raise NotResponsible(handle=str(identifier))
    if identifier.suffix == "CRASH":
        raise InternalError()
    if identifier.suffix == "DOWN":
        raise StoreUnavailable()
    if identifier.suffix == "REFERRED":
        return html_response(referral_page(Referred(identifier, HOSTED), NAME, preferred_language(request)), 300)
    if identifier.suffix == "ELSEWHERE":  # another origin, and yet this server
        return web.Response(status=302, headers={"Location": f"http://localhost:{request.url.port}/"})
    found = BY_KEY.get(str(identifier).upper())
    if found is None:
        raise IdentifierUnknown(
            f"{identifier} is not registered here", f"{identifier} 未在本节点注册", handle=str(identifier)
        )
    language = preferred_language(request)
    query = request.rel_url.raw_query_string
    if found.withdrawn:
        return html_response(withdrawn_page(PaperNames(), found, NAME, language, query), 410)
    stale = 42.4 if "stale" in request.query else 0
    return html_response(record_page(PaperNames(), found, NAME, language, stale, query))


def make_app() -> web.Application:
    app = web.Application(middlewares=[edge])
    app[NODE] = NodeFacts(NAME, "88.118", "0.1.0")
    app[SPECIFICATION] = orjson.loads(orjson.dumps(SPECIFICATION_SAMPLE))
    app[PROBLEM_PAGE] = problem_page
    app.router.add_get("/", landing)
    app.router.add_get("/lookup", lookup)
    app.router.add_get("/docs", docs)
    app.router.add_get("/errors", errors_index)
    app.router.add_get("/errors/{slug}", error_page)
    app.router.add_get("/{identifier:.+}", negotiated)
    return app


_VALUE = {"$ref": "#/components/schemas/Value"}
_PROBLEM = {
    "description": "A problem",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_IDENTIFIER = {
    "name": "identifier", "in": "path", "required": True, "description": "The identifier, percent-encoded.",
    "x-zh-description": "标识，需做百分号编码。", "schema": {"type": "string", "maxLength": 255}, "example": "88.118.8/BAV99,215",
}  # fmt: skip
SPECIFICATION_SAMPLE: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Biaojie", "version": "0.1.0",
        "description": "Register and resolve identifiers.\n\n- Send `Authorization: Bearer <key>`\n- Read `errors`",
        "x-zh-description": "注册与解析工业互联网标识。",
    },
    "security": [{"key": []}],
    "tags": [
        {"name": "Registering", "x-zh-name": "注册", "description": "For enterprises.", "x-zh-description": "企业使用。"},
        {"name": "Resolving", "x-zh-name": "解析", "description": "For everybody."},
    ],
    "paths": {
        "/api/v1/identifiers": {
            "post": {
                "operationId": "register", "tags": ["Registering"], "summary": "Register one identifier",
                "x-zh-summary": "注册一个标识", "description": "The same content again is answered 200.\n\nOther content: 409.",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/NewIdentifier"},
                        "example": {"identifier": "88.118.8/IT'S", "values": [
                            {"index": 1, "type": "NAME", "data": {"format": "string", "value": "名称" * 80}}]},
                    }},
                },
                "responses": {
                    "201": {
                        "description": "Registered", "headers": {"ETag": {"schema": {"type": "string"}, "description": "Version"}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Record"}}},
                    },
                    "409": {"$ref": "#/components/responses/Problem"}, "422": _PROBLEM,
                },
            },
            "get": {
                "operationId": "list", "tags": ["Registering"], "summary": "List by prefix", "x-zh-summary": "按前缀列出标识",
                "parameters": [
                    {"name": "prefix", "in": "query", "required": True, "schema": {"type": "string"}, "example": "88.118.8"},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}},
                ],
                "responses": {"200": {"description": "A page"}},
            },
        },
        "/api/v1/identifiers/{identifier}": {
            "parameters": [_IDENTIFIER],
            "put": {
                "tags": ["Registering"], "summary": "Change the values", "deprecated": True,
                "parameters": [{"name": "If-Match", "in": "header", "schema": {"type": ["string", "null"]}, "description": "From `ETag`"}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewIdentifier"}}}},
                "responses": {"200": {"description": "Changed"}, "412": _PROBLEM},
            },
        },
        "/api/handles/{identifier}": {
            "get": {
                "operationId": "handle", "tags": ["Resolving"], "summary": "Handle JSON", "security": [],
                "parameters": [
                    _IDENTIFIER,
                    {"name": "type", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                ],
                "responses": {"200": {"description": "Found"}, "404": _PROBLEM},
            }
        },
    },
    "components": {
        "responses": {"Problem": _PROBLEM},
        "schemas": {
            "Value": {
                "type": "object", "required": ["index", "type", "data"],
                "properties": {
                    "index": {"type": "integer", "minimum": 1, "description": "Its place", "x-zh-description": "索引", "examples": [1]},
                    "type": {"type": "string", "maxLength": 255, "examples": ["NAME"]},
                    "data": {"type": "object", "required": ["value"], "properties": {
                        "format": {"enum": ["string", "base64", "hex"]},
                        "value": {"oneOf": [{"type": "string"}, {"type": "object"}], "description": "By `format`"}}},
                    "next": {"$ref": "#/components/schemas/Value"},
                },
            },
            "NewIdentifier": {
                "type": "object", "required": ["identifier", "values"],
                "properties": {
                    "identifier": {"type": "string", "maxLength": 255, "description": "prefix/suffix"},
                    "values": {"type": "array", "minItems": 1, "items": _VALUE},
                    "template": {"type": ["string", "null"]},
                },
            },
            "Record": {
                "allOf": [{"$ref": "#/components/schemas/NewIdentifier"}],
                "properties": {"version": {"type": "integer"}, "registered": {"type": "string", "format": "date-time"}},
            },
            "Problem": {"type": "object", "properties": {"slug": {"type": "string"}, "status": {"type": "integer"}}},
        },
    },
}  # fmt: skip
