"""What Handle clients call to change things: records, lists, sessions, the site."""

from __future__ import annotations

from node.openapi.parts import (
    TEXT,
    VALUE,
    WHOLE,
    Schema,
    json,
    list_,
    object_,
    operation,
    path,
    problem,
    query,
    ref,
    said,
)
from registry.handle.listing import COUNTED, MAX_PAGE

_TAG = "Handle administration Handle 管理"
_REFUSED = {
    "401": problem(
        "No administrator and no key, or a wrong one (402, 400, 403); WWW-Authenticate",
        "未认证，或凭证错误（402、400、403）；见 WWW-Authenticate",
    ),
    "403": problem(
        "HS_ADMIN does not let them (401), the same where there is nothing; or not over TLS",
        "HS_ADMIN 未授予该权限（401），标识不存在时应答相同；或未经 TLS",
    ),
    "429": problem("Too often: Retry-After", "过于频繁，请按 Retry-After 重试"),
}
_FLAG = {"enum": ["true", "false"]}


def handle_tag() -> Schema:
    return {
        "name": _TAG,
        **said(
            "The HTTP JSON interface of Handle clients. By Basic (`index:handle` percent-encoded, the secret as it is), a "
            "session, a client certificate, or a key; over TLS. Errors have a `responseCode`.",
            "Handle 客户端的 HTTP JSON 接口。认证方式：Basic（`索引:标识` 经百分号编码，口令原样）、会话、客户端证书或密钥；须经 TLS。"
            "错误应答含 `responseCode`。",
        ),
    }


def handle_schemas() -> Schema:
    code = {"type": "integer"} | said("RFC 3652 §2.2.2.2; 1: success", "RFC 3652 §2.2.2.2，1 为成功")
    session = {
        "sessionId": TEXT,
        "nonce": TEXT | said("To be answered, base64", "待应答的随机数，base64"),
        "authenticated": {"const": True},
        "id": TEXT | said("Whose it is, index:handle", "所属管理员，索引:标识"),
        "serverAlg": {"const": "SHA256"},
        "serverSignature": TEXT
        | said(
            "Over nonce and the `cnonce` that was sent, by the key of this node's HS_SITE; base64",
            "对 nonce 与请求中的 `cnonce` 的签名，由本节点 HS_SITE 中的密钥作出；base64",
        ),
    }
    proof = dict.fromkeys(
        ("sessionId", "id", "type", "cnonce", "alg", "signature", "salt", "iterations", "length"), TEXT
    )
    return {
        "HandleDone": object_({"responseCode": code, "handle": TEXT}, required=["responseCode", "handle"]),
        "HandleSession": object_(session, required=["sessionId", "nonce"]),
        "HandleProof": object_(proof | {"version": {"const": "0"}}, example={"sessionId": "c2Vzc2lvbg=="}),
        "HandleValues": object_({"handle": TEXT, "values": list_(ref("Value"))}, example={"values": [VALUE]}),
    }


def handle() -> Schema:
    session, done = ref("HandleSession"), ref("HandleDone")
    ended = {"401": problem("No such session, or nobody", "会话不存在，或未认证"), "403": _REFUSED["403"]}
    this = {
        name: _secured(
            operation(
                f"{verb}HandleSession",
                _TAG,
                summary,
                {"200": json("The session", "会话", session), **_REFUSED},
            )
        )
        for name, verb, summary in (
            ("get", "read", "The session named by `Authorization: Handle`. 查看会话。"),
            ("put", "prove", "Answer its nonce, once; by header or body. 以请求头或请求体应答会话质询（仅一次）。"),
            ("post", "answer", "The same. 同 PUT。"),
        )
    }
    proof = {"required": False, "content": {"application/json": {"schema": ref("HandleProof")}}}
    for name in ("put", "post"):
        this[name]["requestBody"] = proof
    this["delete"] = _secured(
        operation("endHandleSession", _TAG, "End it. 结束会话。", {"204": said("Ended", "已结束"), **ended})
    )
    return {
        "/api/handles/{identifier}": {"put": _put(done), "delete": _delete(done)},
        "/api/handles": {"get": _list()},
        "/api/sessions": {
            "post": operation(
                "beginHandleSession",
                _TAG,
                "Begin a session: its nonce is to be answered within a minute. 建立会话，须在一分钟内应答质询。",
                {"201": json("The session", "会话", session), **_REFUSED},
            )
        },
        "/api/sessions/this": this,
        "/api/site": {
            "get": operation(
                "handleSite",
                _TAG,
                "Where this node is reached, and its key: HS_SITE. 本节点的服务站点与公钥（HS_SITE）。",
                {"200": json("The site", "站点", {"type": "object"})},
            )
        },
        "/api/prefixes": {"get": _prefixes()},
        "/": {"post": _message()},
    }


def _message() -> Schema:
    """The one call whose body is not JSON: RFC 3652 as it is."""
    message = {"application/x-hdl-message": {"schema": {"type": "string", "format": "binary"}}}
    made = operation(
        "sendHandleMessage",
        _TAG,
        "A message of the Handle protocol, as over TCP but for logins. 以 HTTP 传送 Handle 协议报文（登录除外）。",
        {
            "200": said(
                "Its answer, whatever its code; several messages one after another for a list",
                "应答报文（无论应答码为何）；列表为多条报文依次相接",
            )
            | {"content": message},
            "400": problem("Not one whole message of this type", "不是一条完整的此类报文"),
            "404": problem("No Handle protocol is spoken here", "本节点未启用 Handle 协议"),
            "413": problem("The message is too large", "报文过大"),
        },
    )
    return made | {"requestBody": {"required": True, "content": message}}


def _put(done: Schema) -> Schema:
    return _secured(
        operation(
            "putHandle",
            _TAG,
            "Make or replace a record; with `index` some of its values. 创建或覆盖标识；带 `index` 时仅写入所列值。",
            {
                "200": json("Replaced", "已覆盖", done),
                "201": json("New", "已创建", done),
                **_REFUSED,
                "400": problem(
                    "Malformed (102), wrong values (202), not served here (301), not JSON (4)",
                    "格式不正确（102）、值有误（202）、不由本节点负责（301）、不是 JSON（4）",
                ),
                "404": problem("With `index`: no such record (100)", "带 `index` 时标识不存在（100）"),
                "409": problem("There is one (101), or such a value (201)", "标识已存在（101）或值已存在（201）"),
            },
            parameters=[
                path(),
                query("overwrite", _FLAG, "`false`: 409 where there is one", "`false` 时若已存在则返回 409"),
                query(
                    "index",
                    {"type": "array", "items": TEXT},
                    "`various`, or exactly the indexes of the body: other values stay",
                    "`various`，或与请求体一致的索引：其余值保持不变",
                ),
                query("mintNewSuffix", _FLAG, "The name is a beginning; the node completes it", "由节点补全后缀"),
            ],
            body=ref("HandleValues"),
        )
    )


def _delete(done: Schema) -> Schema:
    return _secured(
        operation(
            "deleteHandle",
            _TAG,
            "Withdraw a record; with `index` take values away. 注销标识；带 `index` 时删除所列值。",
            {
                "200": json("Done", "完成", done),
                **_REFUSED,
                "400": problem("Malformed (102), or no such value (200)", "格式不正确（102），或值不存在（200）"),
                "404": problem("No such record (100)", "标识不存在（100）"),
            },
            parameters=[
                path(),
                query("index", {"type": "array", "items": WHOLE}, "These values only", "仅删除这些索引的值"),
            ],
        )
    )


def _list() -> Schema:
    listed = object_(
        {
            "responseCode": WHOLE,
            "prefix": TEXT,
            "totalCount": TEXT
            | said("Exact up to 10,000; beyond, how many were ever registered", "一万以内为准确值，超出时为累计注册量"),
            "page": WHOLE,
            "pageSize": WHOLE,
            "handles": list_(TEXT),
        },
        required=["responseCode", "prefix", "totalCount", "handles"],
    )
    return _secured(
        operation(
            "listHandles",
            _TAG,
            "Names under a prefix, a page at a time. 分页列出前缀下的标识。",
            {
                "200": json("A page", "一页", listed),
                **_REFUSED,
                "400": problem("A parameter is wrong", "参数有误"),
            },
            parameters=[
                query("prefix", TEXT, "For instance 88.118.8", "例如 88.118.8", required=True),
                query("page", WHOLE, "From 0", "从 0 开始"),
                query(
                    "pageSize",
                    WHOLE,
                    f"At most {MAX_PAGE}; 0 only counts; left out or negative: all, where there are no more than {COUNTED}",
                    f"最多 {MAX_PAGE}；0 仅计数；不填或为负数时返回全部（不超过 {COUNTED} 个）",
                ),
            ],
        )
    )


def _prefixes() -> Schema:
    paged = {"totalCount": TEXT, "page": WHOLE, "pageSize": WHOLE}
    listed = object_({"responseCode": WHOLE, "prefixes": list_(TEXT), **paged}, required=["responseCode", "prefixes"])
    return operation(
        "listHomedPrefixes",
        _TAG,
        "Prefixes that this node answers for. 本节点负责的前缀。",
        {"200": json("A page", "一页", listed), "400": problem("A parameter is wrong", "参数有误")},
        parameters=[
            query("after", TEXT, "The record of the last prefix that was read", "上一页最后一条"),
            query("limit", WHOLE, f"At most {MAX_PAGE}", f"最多 {MAX_PAGE}"),
            query("page", WHOLE, "Or by the number of a page, from 0", "或按页码，从 0 开始"),
            query("pageSize", WHOLE, f"At most {MAX_PAGE}", f"最多 {MAX_PAGE}"),
        ],
    )


def _secured(made: Schema) -> Schema:
    return made | {"security": [{"administrator": []}, {"key": []}]}
