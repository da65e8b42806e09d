"""The SNMS door. It answers HTTP 200 with an envelope, so that its operations name no security scheme."""

from __future__ import annotations

from typing import Any

from node.openapi.keys import SCOPES, SOURCES
from node.openapi.parts import (
    TEXT,
    WHOLE,
    Schema,
    json,
    list_,
    object_,
    operation,
    or_null,
    path_parameter,
    problem,
    query,
    ref,
    refusals,
    said,
)
from registry.snms.batches import MAX_BATCH
from registry.snms.prefix_doors import MAX_PAGE_SIZE

TAG = "SNMS 业务系统接口"
_VALUE = {"index": 2000, "type": "name", "data": {"format": "string", "value": "小型机械01"}, "auth": ""}
_ITEM = {"handle": "88.118.8/xx002", "templateVersion": "1.0", "value": [_VALUE]}
_NAMED = {"prefix": "88.118.8", "version": "1.0"}


def snms_tag() -> Schema:
    return {
        "name": TAG,
        **said(
            "The API of the business system SNMS, for software that is written against it. Answers are HTTP 200 with "
            "status 1, -1 (not logged in), -2 (refused), -3 (no permission) or -4 (internal), a Chinese sentence in "
            "message, and a stable slug in error. Calls carry Authorization: Bearer <token>, or a key of the enterprise.",
            "与业务系统 SNMS 兼容的接口，供已按其开发的软件直接使用。应答均为 HTTP 200；status 为 1 表示成功，-1 未登录，"
            "-2 业务失败，-3 没有权限，-4 系统内部错误；message 为说明，error 为固定的错误代号。"
            "调用时须带 Authorization: Bearer <token>，也可使用企业密钥。",
        ),
    }


def snms_schemas() -> Schema:
    value = object_(
        {"index": WHOLE, "type": TEXT, "auth": or_null(TEXT), "data": object_({"format": TEXT, "value": TEXT})},
        required=["index", "type", "data"],
    )
    limits = object_({"type": TEXT, "minLength": or_null(WHOLE), "maxLength": or_null(WHOLE)})
    item = object_(
        {
            "name": TEXT,
            "idType": TEXT,
            "idIndex": WHOLE | said("From 2000 on; not in version 3", "从 2000 起；v3 无此项"),
            "required": {"type": "boolean"},
            "state": {"enum": [0, 1]} | said("0 disabled, 1 enabled; not in version 3", "0 禁用，1 启用；v3 无此项"),
            "metadata": limits,
        },
        required=["name", "idType"],
    )
    industry = dict.fromkeys(("industryCategory", "industrySpecific", "industryTrade", "industrySubclass"), TEXT)
    template = {"prefix": TEXT, "version": TEXT, **industry, "type": {"enum": [1, 2]}, "description": TEXT}
    example = {**_NAMED, "items": [{"name": "名称", "idType": "name", "idIndex": 2000, "required": True, "state": 1}]}
    return {
        "SnmsItem": object_(
            {"handle": TEXT, "templateVersion": or_null(TEXT), "value": list_(value)},
            required=["handle", "value"],
            example=_ITEM,
        ),
        "SnmsTemplate": object_(
            {**template, "items": list_(item)}, required=["prefix", "version", "items"], example=example
        ),
        "SnmsLogin": object_(
            {"username": {"type": "string", "maxLength": 50}, "password": {"type": "string", "maxLength": 64}},
            required=["username", "password"],
            example={"username": "88.118.8/App_mes", "password": "…"},
        ),
    }


def snms() -> Schema:
    return _logins() | _identifiers() | _templates() | _prefixes() | _onboarding()


def _logins() -> Schema:
    token = object_({"token": TEXT})
    identity = object_({"identity": TEXT, "password": TEXT, "key_id": TEXT, "label": TEXT}, required=["identity"])
    denied = refusals("Not your prefix", "不是您的前缀")
    return {
        "/identity/token": {
            "post": _call(
                "snmsLogin", "Log in: a token of 24 hours. 登录，取得 24 小时有效的令牌。", token, "SnmsLogin"
            )
        },
        "/identity/token/v1": {
            "post": _call(
                "snmsLoginByHash",
                "Log in by sha256(hex(sha256(secret)) + yyyy-MM-dd); can be switched off. 密文登录，可停用。",
                token,
                "SnmsLogin",
            )
        },
        "/api/v1/app-identities": {
            "post": operation(
                "issueAppIdentity",
                TAG,
                "Make an application identity, or renew its password; shown this once. 创建应用标识身份或重置密码，仅显示一次。",
                {
                    "201": json("Made", "已创建", identity),
                    "200": json("Renewed", "已重置", identity),
                    "409": problem("It exists", "已存在"),
                    "422": problem("Everything wrong with the body", "请求体中的全部问题"),
                }
                | denied,
                body=object_(
                    {
                        "identity": {"type": "string", "maxLength": 50},
                        "label": TEXT,
                        "renew": {"type": "boolean"},
                        "scopes": SCOPES,
                        "allowed_sources": SOURCES,
                    },
                    required=["identity"],
                    example={"identity": "88.118.8/App_mes", "label": "MES"},
                ),
                key=True,
            )
        },
        "/api/v1/app-identities/{key_id}": {
            "delete": operation(
                "revokeAppIdentity",
                TAG,
                "End an application identity: password and tokens. 吊销应用标识身份，密码与令牌随即失效。",
                {
                    "200": json("Revoked", "已吊销", object_({"identity": TEXT, "key_id": TEXT, "revoked_at": TEXT})),
                    "404": problem("No such identity", "应用标识身份不存在"),
                }
                | denied,
                parameters=[path_parameter("key_id", "As it was returned", "创建时返回的 key_id")],
                key=True,
            )
        },
    }


def _identifiers() -> Schema:
    done: Schema = {"type": "boolean"}
    verdicts = list_(object_({"handle": or_null(TEXT), "code": WHOLE, "msg": TEXT, "error": TEXT}, required=["msg"]))
    items = _many(ref("SnmsItem"), [_ITEM])
    detail = object_(
        {"code": TEXT, "prefix": TEXT, "handle": TEXT, "templateVersion": TEXT, "value": {"type": "array"}}
    )
    handle = [query("handle", TEXT, "The identifier", "标识", required=True)]
    optional = [query("handle", TEXT, "For clients that send no body with DELETE", "供 DELETE 不带请求体的客户端使用")]
    one, data = object_({"handle": TEXT}, required=["handle"], example={"handle": "88.118.8/xx002"}), "/identityv2/data"
    return {
        f"{data}/detail": {"get": _call("snmsDetail", "One identifier. 查询标识。", detail, parameters=handle)},
        "/api/identityv2/query/data": {
            "get": _call("snmsQuery", "The same at another address. 同上，另一地址。", detail, parameters=handle)
        },
        data: {
            "post": _call(
                "snmsCreate", "Register; the same again is success. 注册标识，重复提交视为成功。", done, "SnmsItem"
            ),
            "put": _call("snmsUpdate", "New values. 更新标识。", done, "SnmsItem"),
            "delete": _call(
                "snmsDelete",
                "Withdraw; it may be registered again. 删除（注销），之后可重新注册。",
                done,
                one,
                parameters=optional,
            ),
        },
        f"{data}/batchCreate": {"post": _call("snmsBatchCreate", "Register many. 批量注册。", verdicts, items)},
        f"{data}/batchUpdate": {"put": _call("snmsBatchUpdate", "Change many. 批量更新。", verdicts, items)},
        f"{data}/batchDelete": {
            "delete": _call(
                "snmsBatchDelete",
                "Withdraw many. 批量删除。",
                verdicts,
                _many(TEXT, ["88.118.8/xx002", "88.118.8/xx003"]),
            )
        },
    }


def _templates() -> Schema:
    done: Schema = {"type": "boolean"}
    named = [
        query("prefix", TEXT, "The prefix", "前缀", required=True),
        query("version", TEXT, "The version of the template", "模板版本", required=True),
    ]
    which = object_({"prefix": TEXT, "version": TEXT}, required=["prefix", "version"], example=_NAMED)
    found = object_({"id": WHOLE, "prefix": TEXT, "version": TEXT, "handle": TEXT, "items": {"type": "array"}})
    paths: Schema = {}
    for version in ("3", "5"):
        paths[f"/snms/api/v{version}/template"] = {
            "get": _call(f"snmsTemplateV{version}", "A template. 查询数据模板。", found, parameters=named),
            "post": _call(f"snmsCreateTemplateV{version}", "Create a template. 新增数据模板。", done, "SnmsTemplate"),
            "delete": _call(
                f"snmsDeleteTemplateV{version}",
                "Retire a template; it keeps resolving. 删除数据模板：停止新注册，仍可解析。",
                done,
                which,
            ),
        }
    paths["/snms/api/v5/template"]["put"] = _call(
        "snmsChangeTemplate", "Add, rename or disable items. 编辑数据模板：新增、改名或禁用属性。", done, "SnmsTemplate"
    )
    return paths


def _prefixes() -> Schema:
    state = {"enum": [0, 1, 2, 3, 4, 5]} | said(
        "0 disabled, 1 enabled, 2 to be deleted, 3 rejected, 4 awaiting audit, 5 in audit",
        "0 停用，1 启用，2 待删除，3 被驳回，4 待审核，5 审核中",
    )
    hosting = {"enum": [1, 2, 3, 4]} | said(
        "1 not hosted, 2 applied for, 3 rejected, 4 hosted", "1 未托管，2 托管申请中，3 托管被驳回，4 已托管"
    )
    names = {"prefix": TEXT, "entPrefix": TEXT, "entId": WHOLE, "entName": TEXT, "entNameCn": TEXT}
    one = object_(
        names | {"state": state, "status": state, "hosting": hosting, "proxyState": hosting}, required=["prefix"]
    )
    page = object_({"pageNum": WHOLE, "pageSize": WHOLE, "total": WHOLE, "list": list_(one)}, required=["list"])
    size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": 10}
    return {
        "/snms/api/prefix/query": {
            "get": _call(
                "snmsPrefix",
                "One prefix. 查询前缀。",
                one,
                parameters=[query("prefix", TEXT, "The prefix", "前缀", required=True)],
            )
        },
        "/snms/api/prefix/page": {
            "get": _call(
                "snmsPrefixes",
                "The prefixes of the enterprise. 分页查询企业前缀。",
                page,
                parameters=[
                    query("pageNum", {"type": "integer", "minimum": 1, "default": 1}, "From 1 on", "页码，从 1 起"),
                    query("pageSize", size, "Rows of a page", "每页条数"),
                ],
            )
        },
    }


def _onboarding() -> Schema:
    done: Schema = {"type": "boolean"}
    config = object_(
        {"proxyServerId": WHOLE | said("Hosted here", "托管于本节点"), "entPrefixConfig": {"type": "object"}},
        required=["entPrefixConfig"],
        example={
            "entPrefixConfig": {
                "entPrefix": "88.118.8",
                "hdlType": "HS_SITE",
                "ipType": 6,
                "ip": "2031:0:1f1f::100:11a0:addf",
                "tcpPort": "2643",
            }
        },
    )
    applied = _call(
        "snmsApply",
        "An enterprise applies; number and token of the application stand beside data. 企业申请；申请编号与令牌随应答返回。",
        done,
        object_(
            {
                "sysUser": {"type": "object"},
                "entBasicInfo": {"type": "object"},
                "entRegisterManageInfo": {"type": "object"},
                "entHostingAndIdentifyServeInfo": {"type": "object"},
            },
            required=["entBasicInfo"],
            example={"entBasicInfo": {"orgName": "北京泰尔英福网络科技有限责任公司", "orgNature": 1}},
        ),
    )
    envelope = applied["responses"]["200"]["content"]["application/json"]["schema"]
    envelope["properties"]["application"] = object_({"id": WHOLE, "state": TEXT, "token": TEXT})
    return {
        "/snms/api/v3/ent/apply": {"post": applied},
        "/snms/api/ent/config": {
            "post": _call(
                "snmsConfigure", "Where a prefix is answered. 配置前缀的托管方式或企业节点地址。", done, config
            )
        },
    }


def _call(
    name: str, summary: str, data: Schema, body: str | Schema | None = None, *, parameters: list[Schema] | None = None
) -> Schema:
    """One operation. Every answer is 200 with the envelope: also where a body is not JSON, or the database is away."""
    made: dict[str, Any] = {
        "operationId": name,
        "tags": [TAG],
        "summary": summary,
        "responses": {"200": json("The envelope: done, or why not", "统一应答：成功，或失败原因", _envelope(data))},
    }
    if parameters:
        made["parameters"] = parameters
    if body is not None:
        schema = ref(body) if isinstance(body, str) else body
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return made


def _envelope(data: Schema) -> Schema:
    members = {
        "status": {"enum": [1, -1, -2, -3, -4]},
        "message": TEXT,
        "data": {"anyOf": [data, {"type": "null"}]},
        "error": TEXT | said("Stable slug of a failure", "失败时固定的错误代号"),
    }
    return object_(members, required=["status", "message", "data"])


def _many(schema: Schema, example: Any) -> Schema:
    return list_(schema, MAX_BATCH) | {"examples": [example]}
