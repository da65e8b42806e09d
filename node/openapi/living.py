"""What becomes of an identifier later."""

from __future__ import annotations

from node.openapi.parts import (
    TEXT,
    TIME,
    VALUE,
    WHOLE,
    Schema,
    json,
    list_,
    object_,
    operation,
    or_null,
    path,
    problem,
    query,
    ref,
    refusals,
    said,
)
from registry.minting import DEFAULT_PATTERN, MAX_PATTERN
from registry.verbs.mint import MAX_COUNT

_TAG = "Registering 注册"
_MATCH: Schema = {
    "name": "If-Match",
    "in": "header",
    "schema": TEXT,
    **said("The ETag that was read", "读取时得到的 ETag"),
}


def living() -> Schema:
    """Merged into the paths of the same address that `registering` describes."""
    denied = {
        **refusals("Not your prefix", "不是您的前缀"),
        "404": problem("Not registered", "标识未注册"),
    }
    changed = denied | {
        "409": problem("It was withdrawn, or it is too late", "标识已注销，或已过期限"),
        "412": problem("Changed since: If-Match does not hold", "此后已被修改，If-Match 不符"),
    }
    side = {"type": ["object", "null"]}
    differs = object_({"index": WHOLE, "kind": TEXT, "before": side, "after": side})
    version = object_(
        {
            "version": WHOLE,
            "at": TIME,
            "kind": TEXT,
            "by": object_({"key_id": or_null(TEXT), "label": or_null(TEXT)}),
            "reason": or_null(TEXT),
            "difference": list_(differs),
        },
        required=["version", "at", "kind"],
    )
    return {
        "/api/v1/identifiers:mint": {
            "post": operation(
                "mint",
                _TAG,
                "Register identifiers whose suffixes the node makes. 由节点生成后缀并注册。",
                {
                    "201": json(
                        "Made",
                        "已生成",
                        object_({"count": WHOLE, "identifiers": list_(TEXT)}, required=["identifiers"]),
                    ),
                    "409": problem("The pattern's numbers are taken", "该规则的编号已被占用"),
                    "422": problem("Everything wrong with the body", "请求体中的全部问题"),
                }
                | {status: denied[status] for status in ("401", "403")},
                body=object_(
                    {
                        "prefix": TEXT,
                        "count": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT},
                        "pattern": {
                            "type": "string",
                            "maxLength": MAX_PATTERN,
                            "default": DEFAULT_PATTERN,
                            **said(
                                "Text with {uuid7}, {seq} or {seq:8}, {date}, {check} (ISO 7064 MOD 37,36), {gs1}",
                                "文本，可含 {uuid7}、{seq} 或 {seq:8}、{date}、{check}（ISO 7064 MOD 37,36）、{gs1}",
                            ),
                        },
                        "values": list_(ref("Value")),
                        "template": or_null(TEXT),
                    },
                    required=["prefix", "count", "values"],
                    example={
                        "prefix": "88.118.8",
                        "count": 2,
                        "pattern": "BAV99-{date}-{seq:8}{check}",
                        "values": [VALUE],
                    },
                ),
                key=True,
            )
        },
        "/api/v1/identifiers/{identifier}": {
            "patch": operation(
                "merge",
                _TAG,
                "Set some values, take some away, leave the others. 部分更新：设置或移除所列的值，其余不变。",
                {
                    "200": json("The new version", "新版本", ref("Record")),
                    "422": problem("Everything wrong with the body", "请求体中的全部问题"),
                }
                | changed,
                body=object_(
                    {
                        "values": list_(ref("Value")),
                        "remove": list_(WHOLE) | said("Indexes to take away", "要移除的索引"),
                        "template": or_null(TEXT),
                    },
                    example={"values": [VALUE], "remove": [2005]},
                ),
                parameters=[path(), _MATCH],
                key=True,
            )
        },
        "/api/v1/identifiers/{identifier}/restore": {
            "post": operation(
                "restore",
                _TAG,
                "Take a withdrawal back within the grace period. 在期限内恢复已注销的标识。",
                {"200": json("As it was, in a new version", "已恢复，版本加一", ref("Record"))} | changed,
                parameters=[path(), _MATCH],
                key=True,
            )
        },
        "/api/v1/history/{identifier}": {
            "get": operation(
                "history",
                _TAG,
                "Every version, who made it, when, and what differs. 全部版本：何人、何时、有何不同。",
                {
                    "200": json(
                        "Newest first",
                        "由新到旧",
                        object_(
                            {"identifier": TEXT, "items": list_(version), "next": or_null(WHOLE)}, required=["items"]
                        ),
                    ),
                    "400": problem("A parameter is wrong", "参数不正确"),
                }
                | denied,
                parameters=[
                    path(),
                    query("before", WHOLE, "Continue below this version: `next`", "从此版本之前继续，即 next"),
                    query("limit", WHOLE, "Most versions", "最多返回的版本数"),
                ],
                key=True,
            )
        },
    }
