"""The OpenAPI 3.1 description of what is served. `tests/integration` holds it against the routes and the answers."""

from __future__ import annotations

from typing import Any

from core.access import Role
from core.errors import all_problems
from core.values import FORMATS, MAX_TTL_SECONDS, MAX_VALUES
from node.version import VERSION
from registry.doors import MAX_BATCH as MAX_ITEMS
from registry.verbs.read import DEFAULT_PAGE, MAX_PAGE
from resolver.doors import MAX_BATCH as MAX_RESOLVE

Schema = dict[str, Any]
_EXAMPLE = "88.118.8/JXDY2106023"
_VALUE = {"index": 2001, "type": "MODEL", "data": {"format": "string", "value": "BAV99,215"}}
_ITEM = {"identifier": _EXAMPLE, "values": [_VALUE]}
_TIME: Schema = {"type": "string", "format": "date-time"}
_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer"}


def specification() -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "标解 Biaojie",
            "version": VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": (
                "An open secondary node of the Industrial Internet identifier resolution system. "
                "开源的工业互联网标识解析二级节点。\n\n"
                "An identifier is <prefix>/<suffix>, at most 255 bytes of UTF-8; in a URL it is percent-encoded. Errors are "
                "RFC 9457 problem documents with a stable slug and both languages; /errors lists them all."
            ),
        },
        "tags": [
            {"name": "Resolving 解析", "description": "For anybody, without a key."},
            {"name": "Registering 注册", "description": "For the enterprise that holds the prefix."},
            {"name": "Onboarding 接入", "description": "For the operator of the node."},
            {"name": "Operation 运维", "description": "Health, metrics, documentation."},
        ],
        "paths": _resolving() | _registering() | _onboarding() | _operation_paths(),
        "components": {"securitySchemes": _SECURITY, "schemas": _schemas()},
    }


_SECURITY: Schema = {"key": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer <key>"}}


def _resolving() -> Schema:
    answer, gone = _ref("HandleAnswer"), _problem("Withdrawn: the reason and the successor")
    missing, foreign = (
        _problem("Not registered (responseCode 100)"),
        _problem("Malformed (102), or not served here (301)"),
    )
    found = {"200": _json("Found", answer), "304": {"description": "Not changed since If-None-Match"}}
    return {
        "/api/handles/{identifier}": {
            "get": _operation(
                "resolve",
                "Resolving 解析",
                "Resolve one identifier, in the Handle.Net JSON form. 解析一个标识（Handle.Net JSON）。",
                found | {"400": foreign, "404": missing, "410": gone},
                parameters=[
                    _path(),
                    _query(
                        "type", {"type": "array", "items": _TEXT}, "Only values of these types; `T.` takes subtypes too"
                    ),
                    _query("index", {"type": "array", "items": _WHOLE}, "Or with these indexes; with types, a union"),
                ],
            )
        },
        "/{identifier}": {
            "get": _operation(
                "open",
                "Resolving 解析",
                "What a scanned code opens: a page for a person, JSON for a program, a redirect where there is a URL value. "
                "扫码打开的地址：浏览器得到页面，程序得到 JSON，含 URL 值时重定向。",
                found
                | {
                    "302": {"description": "To the URL value", "headers": {"Location": {"schema": _TEXT}}},
                    "400": foreign,
                    "404": missing,
                    "410": gone,
                },
                parameters=[_path(), _query("noredirect", _TEXT, "Present: show the record instead of redirecting")],
            )
        },
        "/api/v1/resolve": {
            "post": _operation(
                "resolveMany",
                "Resolving 解析",
                f"Resolve up to {MAX_RESOLVE} identifiers: one answer each, in order. 批量解析，按顺序逐一应答。",
                {
                    "200": _json("Answers", _object({"items": _list(_ref("BatchAnswer"))})),
                    "422": _problem("Not such a list"),
                },
                body=_object(
                    {"identifiers": _list(_TEXT, MAX_RESOLVE)}, example={"identifiers": [_EXAMPLE, "88.118.8/unknown"]}
                ),
            )
        },
    }


def _registering() -> Schema:
    record = _ref("Record")
    denied = {"401": _problem("No key, or a wrong one"), "403": _problem("Not your prefix")}
    wrong = denied | {"422": _problem("Everything wrong with the body, with field paths")}
    conflict = {"409": _problem("Exists with other content (with the difference), or was withdrawn")}
    changed = wrong | {"404": _problem("Not registered"), "412": _problem("Changed since: If-Match does not hold")}
    matching = {"name": "If-Match", "in": "header", "schema": _TEXT, "description": "The ETag that was read"}
    return {
        "/api/v1/identifiers": {
            "post": _operation(
                "register",
                "Registering 注册",
                "Register one identifier. The same content again is 200. 注册一个标识；相同内容重复提交返回 200。",
                {"201": _json("Registered", record), "200": _json("Registered before", record)} | wrong | conflict,
                body=_ref("Registration"),
                key=True,
            ),
            "get": _operation(
                "list",
                "Registering 注册",
                "List a prefix in order of key, page by page. 按标识顺序分页列出一个前缀下的标识。",
                {"200": _json("A page", _object({"items": _list(record), "next": _or_null(_TEXT)}))}
                | denied
                | {"400": _problem("A parameter is wrong")},
                parameters=[
                    _query("prefix", _TEXT, "Whose identifiers", required=True),
                    _query("after", _TEXT, "Continue after this identifier: `next` of the page before"),
                    _query(
                        "limit",
                        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
                        "Most items",
                    ),
                ],
                key=True,
            ),
        },
        "/api/v1/identifiers:batch": {
            "post": _operation(
                "registerBatch",
                "Registering 注册",
                f"Register up to {MAX_ITEMS} identifiers: one verdict each; bad items never cost good ones. "
                "批量注册，逐项给出结果；个别错误不影响其他项。",
                {"200": _json("Verdicts", _ref("Verdicts"))}
                | denied
                | {"413": _problem("Too many items"), "422": _problem("Not such a list")},
                body=_object({"items": _list(_ref("Registration"), MAX_ITEMS)}, example={"items": [_ITEM]}),
                key=True,
            )
        },
        "/api/v1/identifiers/{identifier}": {
            "get": _operation(
                "read",
                "Registering 注册",
                "The record as its owner sees it. 读取标识的完整记录。",
                {"200": _json("The record", record), "304": {"description": "Not changed since If-None-Match"}}
                | denied
                | {"404": _problem("Not registered")},
                parameters=[_path()],
                key=True,
            ),
            "put": _operation(
                "revise",
                "Registering 注册",
                "Give it new values; what it said before is kept. 更新标识的值，历史予以保留。",
                {"200": _json("The new version", record)} | changed | conflict,
                body=_ref("Revision"),
                parameters=[_path(), matching],
                key=True,
            ),
        },
        "/api/v1/identifiers/{identifier}/withdraw": {
            "post": _operation(
                "withdraw",
                "Registering 注册",
                "Withdraw it: from now on it answers 410 with the reason and the successor. "
                "注销标识：此后解析返回 410，并说明原因与接替标识。",
                {"200": _json("Withdrawn", record)} | changed | conflict,
                body=_object(
                    {"reason": {"type": "string", "maxLength": 500}, "successor": _or_null(_TEXT)},
                    required=["reason"],
                    example={"reason": "recalled 召回", "successor": "88.118.8/JXDY2106024"},
                ),
                parameters=[_path(), matching],
                key=True,
            )
        },
        "/api/v1/templates": {
            "post": _operation(
                "publishTemplate",
                "Registering 注册",
                "Publish a data template; registrations that name it are checked by it. 发布数据模板，引用它的注册按其校验。",
                {"201": _json("Published", _ref("Template")), "200": _json("Published before", _ref("Template"))}
                | wrong
                | {"409": _problem("Exists with other content")},
                body=_ref("Template"),
                key=True,
            )
        },
    }


def _onboarding() -> Schema:
    denied = {"401": _problem("No key, or a wrong one"), "403": _problem("Not an operator's key")}
    wrong = denied | {"422": _problem("Everything wrong with the body, with field paths")}
    enterprise = _object({"id": _WHOLE, "name": _TEXT, "credit_code": _or_null(_TEXT)}, required=["id", "name"])
    prefix = _object({"prefix": _TEXT, "enterprise_id": _WHOLE, "suffix_case_sensitive": {"type": "boolean"}})
    key = _object(
        {
            "key": _TEXT,
            "key_id": _TEXT,
            "role": {"enum": list(Role)},
            "enterprise_id": _or_null(_WHOLE),
            "label": _TEXT,
            "expires_at": _or_null(_TIME),
        }
    )
    return {
        "/api/v1/enterprises": {
            "post": _operation(
                "createEnterprise",
                "Onboarding 接入",
                "Take an enterprise aboard. 登记企业。",
                {"201": _json("Created", enterprise), "200": _json("There already", enterprise)}
                | wrong
                | {"409": _problem("The name or credit code is another's")},
                body=_object(
                    {
                        "name": {"type": "string", "maxLength": 255},
                        "credit_code": _or_null({"type": "string", "minLength": 18, "maxLength": 18}),
                    },
                    required=["name"],
                    example={"name": "苏州精密元件有限公司"},
                ),
                key=True,
            )
        },
        "/api/v1/prefixes": {
            "post": _operation(
                "grantPrefix",
                "Onboarding 接入",
                "Give an enterprise a prefix: the one asked for, or the next free. 为企业分配前缀。",
                {"201": _json("Given", prefix), "200": _json("Given before", prefix)}
                | wrong
                | {"404": _problem("No such enterprise"), "409": _problem("Given to another")},
                body=_object(
                    {
                        "enterprise_id": _WHOLE,
                        "prefix": _TEXT,
                        "suffix_case_sensitive": {"type": "boolean", "default": False},
                    },
                    required=["enterprise_id"],
                    example={"enterprise_id": 1, "prefix": "88.118.8"},
                ),
                key=True,
            )
        },
        "/api/v1/keys": {
            "post": _operation(
                "issueKey",
                "Onboarding 接入",
                "Issue a key; it is shown this once and kept only as a digest. 签发密钥，仅显示一次。",
                {"201": _json("Issued", key)} | wrong | {"404": _problem("No such enterprise")},
                body=_object(
                    {
                        "role": {"enum": list(Role)},
                        "enterprise_id": _WHOLE,
                        "label": {"type": "string", "maxLength": 100},
                        "expires_in_seconds": {"type": "integer", "minimum": 1},
                    },
                    required=["role"],
                    example={"role": "enterprise", "enterprise_id": 1, "label": "MES"},
                ),
                key=True,
            )
        },
        "/api/v1/keys/{key_id}": {
            "delete": _operation(
                "revokeKey",
                "Onboarding 接入",
                "Revoke a key, everywhere within a second. 吊销密钥，一秒内处处生效。",
                {"200": _json("Revoked", _object({"key_id": _TEXT, "revoked_at": _TIME}))}
                | denied
                | {"404": _problem("No such key")},
                parameters=[{"name": "key_id", "in": "path", "required": True, "schema": _TEXT}],
                key=True,
            )
        },
    }


def _operation_page(name: str, summary: str) -> Schema:
    return {"get": _operation(name, "Operation 运维", summary, {"200": {"description": "A page"}})}


def _operation_json(name: str, summary: str, answers: Schema) -> Schema:
    return {"get": _operation(name, "Operation 运维", summary, answers)}


def _operation_paths() -> Schema:
    ready = _object({"ready": {"type": "boolean"}, "checks": {"type": "object"}})
    slug = [{"name": "slug", "in": "path", "required": True, "schema": _TEXT}]
    error = _operation_page("error", "What an error means and what to do. 错误说明与处理办法。")
    error["get"]["parameters"] = slug
    error["get"]["responses"]["404"] = _problem("No such slug")
    lookup = _operation("lookup", "Operation 运维", "The search form of the pages. 页面查询表单。", {"303": {"description": "To the identifier"}, "400": {"description": "Malformed"}})  # fmt: skip
    lookup["parameters"] = [_query("identifier", _TEXT, "What was typed")]
    return {
        "/healthz": _operation_json(
            "healthz",
            "The process answers. 进程存活。",
            {"200": _json("Alive", _object({"status": _TEXT, "version": _TEXT}))},
        ),
        "/readyz": _operation_json(
            "readyz",
            "Ready, by dependency. 就绪状态。",
            {"200": _json("Ready", ready), "503": _json("PostgreSQL cannot be reached", ready)},
        ),
        "/metrics": _operation_json(
            "metrics",
            "Prometheus text. 监控指标。",
            {"200": {"description": "Metrics", "content": {"text/plain": {"schema": _TEXT}}}},
        ),
        "/api/v1/openapi.json": _operation_json(
            "openapi", "This description. 本接口描述。", {"200": _json("OpenAPI 3.1", {"type": "object"})}
        ),
        "/": _operation_page("landing", "Where people start. 首页。"),
        "/lookup": {"get": lookup},
        "/docs": _operation_page("docs", "This description as a page. 接口文档页面。"),
        "/errors": _operation_page("errors", "Every error. 全部错误。"),
        "/errors/{slug}": error,
    }


def _operation(
    name: str,
    tag: str,
    summary: str,
    responses: Schema,
    *,
    parameters: list[Schema] | None = None,
    body: Schema | None = None,
    key: bool = False,
) -> Schema:
    made: Schema = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "responses": dict(sorted(responses.items())),
    }
    if parameters:
        made["parameters"] = parameters
    if body:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
        made["responses"]["400"] = _problem("The body is not JSON") | made["responses"].get("400", {})
        made["responses"]["413"] = made["responses"].get("413") or _problem("The body is too large")
    made["responses"]["503"] = made["responses"].get("503") or _problem("PostgreSQL cannot be reached: Retry-After")
    if key:
        made["security"] = [{"key": []}]
    return made


def _schemas() -> Schema:
    value = _object(
        {
            "index": {"type": "integer", "minimum": 1, "maximum": 2**32 - 1},
            "type": {"type": "string", "minLength": 1, "maxLength": 255},
            "data": _object(
                {"format": {"enum": sorted(FORMATS), "default": "string"}, "value": {}}, required=["value"]
            ),
            "ttl": {"type": "integer", "minimum": 0, "maximum": MAX_TTL_SECONDS, "default": 86_400},
            "permissions": {
                "type": "string",
                "pattern": "^[01]{4}$",
                "default": "1110",
                "description": "admin read, admin write, public read, public write",
            },
            "timestamp": _TIME | {"description": "Last change; set by the node"},
        },
        required=["index", "type", "data"],
        example=_VALUE,
    )
    values = _list(_ref("Value"), MAX_VALUES)
    template = _or_null(_TEXT | {"description": "Identifier of a published template"})
    withdrawn = _object({"reason": _or_null(_TEXT), "successor": _or_null(_TEXT), "at": _TIME})
    both = _object({"title": _TEXT, "detail": _TEXT, "remedy": _TEXT})
    field = _object({"path": _TEXT, "slug": _TEXT, "en": _TEXT, "zh": _TEXT}, required=["path", "slug", "en", "zh"])
    reason = _object(
        {"slug": _TEXT, "en": _TEXT, "zh": _TEXT, "errors": _list(_ref("FieldProblem"))}, required=["slug"]
    )
    handle = {"responseCode": _WHOLE, "handle": _TEXT, "values": values}
    return {
        "Value": value,
        "Registration": _object(
            {"identifier": {"type": "string", "maxLength": 255}, "values": values, "template": template},
            required=["identifier", "values"],
            example=_ITEM,
        ),
        "Revision": _object(
            {"values": values, "template": template, "identifier": _TEXT},
            required=["values"],
            example={"values": [_VALUE]},
        ),
        "Record": _object(
            {
                "identifier": _TEXT,
                "version": _WHOLE,
                "status": {"enum": ["active", "withdrawn"]},
                "template": template,
                "created_at": _TIME,
                "changed_at": _TIME,
                "values": values,
                "withdrawn": withdrawn,
            },
            required=["identifier", "version", "status", "created_at", "changed_at", "values"],
        ),
        "Template": _object(
            {
                "identifier": _TEXT | {"description": "<prefix>/META_…"},
                "items": _list(
                    _object(
                        {
                            "index": {"type": "integer", "minimum": 2000},
                            "type": _TEXT,
                            "name_zh": _TEXT,
                            "name_en": _TEXT,
                            "required": {"type": "boolean", "default": False},
                        },
                        required=["index", "type", "name_zh", "name_en"],
                    )
                ),
            },
            required=["identifier", "items"],
            example={
                "identifier": "88.118.8/META_component",
                "items": [{"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True}],
            },
        ),
        "Verdicts": _object(
            {
                "counts": {"type": "object", "additionalProperties": _WHOLE},
                "items": _list(
                    _object(
                        {
                            "identifier": _or_null(_TEXT),
                            "verdict": {"enum": ["created", "unchanged", "conflict", "invalid"]},
                            "version": _WHOLE,
                            "reason": reason,
                        },
                        required=["identifier", "verdict"],
                    )
                ),
            },
            required=["counts", "items"],
        ),
        "HandleAnswer": _object(handle, required=["responseCode", "handle", "values"]),
        "BatchAnswer": _object(
            {
                "identifier": _TEXT,
                "status": {"enum": ["found", "withdrawn", "unknown", "malformed", "not-responsible", "unavailable"]},
                **handle,
                "withdrawn": withdrawn,
                "problem": reason,
            },
            required=["identifier", "status", "responseCode"],
        ),
        "FieldProblem": field,
        "Problem": _object(
            {
                "type": _TEXT,
                "title": _TEXT,
                "status": _WHOLE,
                "detail": _TEXT,
                "slug": {"enum": sorted(kind.slug for kind in all_problems())},
                "zh": both,
                "en": both,
                "retryable": {"type": "boolean"},
                "errors": _list(_ref("FieldProblem")),
                "request_id": _TEXT,
            },
            required=["type", "title", "status", "detail", "slug", "zh", "en", "retryable"],
        ),
    }


def _object(properties: Schema, *, required: list[str] | None = None, example: Any = None) -> Schema:
    made: Schema = {"type": "object", "properties": properties}
    if required:
        made["required"] = required
    if example is not None:
        made["examples"] = [example]
    return made


def _list(items: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": items} | ({"minItems": 1, "maxItems": most} if most else {})


def _or_null(schema: Schema) -> Schema:
    return schema | {"type": [schema["type"], "null"]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem(description: str) -> Schema:
    return {"description": description, "content": {"application/problem+json": {"schema": _ref("Problem")}}}


def _path() -> Schema:
    return {
        "name": "identifier",
        "in": "path",
        "required": True,
        "schema": _TEXT,
        "description": "Percent-encoded; `/` may stay as it is",
        "example": _EXAMPLE,
    }


def _query(name: str, schema: Schema, description: str, *, required: bool = False) -> Schema:
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": description}
