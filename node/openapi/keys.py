"""Keys: issuing, listing, changing, rotating, revoking."""

from __future__ import annotations

from core.access import Role, Scope
from node.openapi.parts import (
    TEXT,
    TIME,
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
    refusals,
    said,
)

_TAG = "Onboarding 接入"
_BODY_PROBLEMS = problem("Everything wrong with the body, with field paths", "请求体中的全部问题，逐项指明字段路径")
_UNKNOWN = problem("No such key, or another enterprise's", "密钥不存在，或属于其他企业")
_DENIED = refusals(
    "Role or scope is not enough, or the address is not allowed", "角色或权限范围不足，或来源地址不被允许"
)


SCOPES: Schema = {
    "type": ["array", "null"],
    "items": {"enum": list(Scope)},
    **said("null: all of the role", "null：角色的全部范围"),
}
SOURCES: Schema = {
    "type": ["array", "null"],
    "items": TEXT,
    "maxItems": 32,
    **said("Networks that calls may come from; null: everywhere", "允许调用的来源网络；null 表示不限"),
}


def keys() -> Schema:
    return {
        "/api/v1/keys": {"post": _issue(), "get": _list()},
        "/api/v1/keys/{key_id}": {"get": _read(), "patch": _change(), "delete": _revoke()},
        "/api/v1/keys/{key_id}:rotate": {"post": _rotate()},
    }


def _issue() -> Schema:
    shown = {
        "key": TEXT,
        "key_id": TEXT,
        "role": {"enum": list(Role)},
        "scopes": _scopes(),
        "enterprise_id": or_null(WHOLE),
    }
    shown |= {"label": TEXT, "allowed_sources": list_(TEXT), "expires_at": or_null(TIME)}
    asked = {"role": {"enum": list(Role)}, "enterprise_id": WHOLE, **_changeable()}
    example = {
        "role": "writer",
        "enterprise_id": 1,
        "label": "MES",
        "scopes": ["register"],
        "allowed_sources": ["10.1.0.0/16"],
    }
    return operation(
        "issueKey",
        _TAG,
        "Issue a key; it is shown this once and kept only as a digest. 签发密钥，仅显示一次。",
        {"201": json("Issued", "已签发", object_(shown))}
        | _DENIED
        | {"404": problem("No such enterprise, or another's", "企业不存在，或不是您的企业"), "422": _BODY_PROBLEMS},
        body=object_(asked, required=["role"], example=example),
        key=True,
    )


def _list() -> Schema:
    page = object_({"items": list_(_key()), "next": or_null(WHOLE)}, required=["items", "next"])
    return operation(
        "listKeys",
        _TAG,
        "Keys in the order they were issued: an enterprise's own; for operators and auditors all. 按签发顺序列出密钥。",
        {"200": json("A page; `next` goes on", "一页；用 `next` 继续", page)}
        | _DENIED
        | {
            "400": problem("A parameter is not valid", "参数不正确"),
            "404": problem("Another enterprise's", "不是您的企业"),
        },
        parameters=[
            query("enterprise_id", WHOLE, "Only keys of this enterprise", "仅列出该企业的密钥"),
            query("after", WHOLE, "`next` of the page before", "上一页的 `next`"),
            query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Page size", "每页数量"),
        ],
        key=True,
    )


def _read() -> Schema:
    return operation(
        "readKey",
        _TAG,
        "One key, without its secret; anybody may read their own. 查询单个密钥，不含密钥本身。",
        {"200": json("The key", "密钥", _key())} | _DENIED | {"404": _UNKNOWN},
        parameters=[_key_id()],
        key=True,
    )


def _change() -> Schema:
    return operation(
        "changeKey",
        _TAG,
        "Change label, end, scopes, allowed sources, everywhere within a second. 修改密钥，一秒内处处生效。",
        {"200": json("As it is now", "修改后的密钥", _key())}
        | _DENIED
        | {"404": _UNKNOWN, "409": problem("Revoked", "已吊销"), "422": _BODY_PROBLEMS},
        parameters=[_key_id()],
        body=object_(_changeable(), example={"scopes": ["register", "revise"], "allowed_sources": None}),
        key=True,
    )


def _rotate() -> Schema:
    overlap = {"type": "integer", "minimum": 0, "maximum": 30 * 86_400, "default": 86_400}
    overlap |= said("How long the old secret goes on", "旧密钥继续有效的秒数")
    rotated = object_({"key": TEXT, "key_id": TEXT, "former_secret_until": TIME})
    made = operation(
        "rotateKey",
        _TAG,
        "A new secret, shown this once; key id, role and history stay. A key may rotate itself. 换发新密钥，仅显示一次。",
        {"200": json("Rotated", "已换发", rotated)}
        | _DENIED
        | {"404": _UNKNOWN, "409": problem("Revoked or expired", "已吊销或已过期"), "422": _BODY_PROBLEMS},
        parameters=[_key_id()],
        body=object_({"overlap_seconds": overlap}, example={"overlap_seconds": 3600}),
        key=True,
    )
    made["requestBody"]["required"] = False
    return made


def _revoke() -> Schema:
    revoked = object_({"key_id": TEXT, "revoked_at": TIME})
    return operation(
        "revokeKey",
        _TAG,
        "Revoke a key, everywhere within a second. 吊销密钥，一秒内处处生效。",
        {"200": json("Revoked", "已吊销", revoked)} | _DENIED | {"404": _UNKNOWN},
        parameters=[_key_id()],
        key=True,
    )


def _key() -> Schema:
    return object_(
        {
            "key_id": TEXT,
            "role": {"enum": list(Role)},
            "scopes": _scopes(),
            "label": TEXT,
            "enterprise_id": or_null(WHOLE),
            "enterprise": or_null(TEXT),
            "allowed_sources": list_(TEXT),
            "created_at": TIME,
            "expires_at": or_null(TIME),
            "revoked_at": or_null(TIME),
            "former_secret_until": or_null(TIME)
            | said("How long the secret before the last rotation is good", "上一次换发前的密钥的有效期"),
            "last_used_at": or_null(TIME) | said("Up to half a minute late", "最多滞后半分钟"),
            "last_used_from": or_null(TEXT),
        }
    )


def _changeable() -> Schema:
    return {
        "label": {"type": "string", "maxLength": 100},
        "expires_in_seconds": {"type": ["integer", "null"], "minimum": 1, **said("null: never", "null：不过期")},
        "scopes": SCOPES,
        "allowed_sources": SOURCES,
    }


def _scopes() -> Schema:
    return {"type": "array", "items": {"enum": list(Scope)}}


def _key_id() -> Schema:
    return path_parameter("key_id", "`key_id` as issued, not the key itself", "签发时返回的 key_id，不是密钥本身")
