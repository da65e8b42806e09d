"""How an owner lets partners see more."""

from __future__ import annotations

from node.openapi.parts import (
    EXAMPLE,
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
from registry.grants import MAX_TYPES

_TAG = "Registering 注册"
_TYPES: Schema = {"type": ["array", "null"], "items": TEXT, "maxItems": MAX_TYPES}


def granting() -> Schema:
    denied = refusals("Not your prefix", "不是您的前缀")
    to = object_({"key_id": TEXT, "enterprise_id": WHOLE})
    made = object_(
        {"id": WHOLE, "types": _TYPES, "to": to, "until": or_null(TIME), "created_at": TIME}, required=["id"]
    )
    listed = object_(
        {"id": WHOLE, "scope": TEXT, "object": TEXT, "types": _TYPES, "to": to, "revoked_at": or_null(TIME)}
    )
    return {
        "/api/v1/grants": {
            "post": operation(
                "grantSight",
                _TAG,
                "Let a partner see values of visibility `partners`. 授权合作伙伴查看 partners 可见性的值。",
                {
                    "201": json("Granted", "已授权", made),
                    "404": problem("The identifier is not registered", "标识未注册"),
                    "422": problem("Everything wrong with the body", "请求体中的全部问题"),
                }
                | denied,
                body=object_(
                    {
                        "identifier": TEXT | said("One identifier; or", "单个标识；或"),
                        "template": TEXT | said("all identifiers of a template; or", "某模板的全部标识；或"),
                        "prefix": TEXT | said("a whole prefix", "整个前缀"),
                        "types": _TYPES | said("Only values of these types", "仅限这些类型的值"),
                        "to": to,
                        "until": or_null(TIME),
                    },
                    required=["to"],
                    example={"identifier": EXAMPLE, "types": ["PRICE"], "to": {"enterprise_id": 1}},
                ),
                key=True,
            ),
            "get": operation(
                "listGrants",
                _TAG,
                "List the grants of a prefix. 列出一个前缀下的授权。",
                {
                    "200": json("A page", "一页", object_({"items": list_(listed), "next": or_null(WHOLE)})),
                    "400": problem("A parameter is wrong", "参数不正确"),
                }
                | denied,
                parameters=[
                    query("prefix", TEXT, "Whose grants", "所属前缀", required=True),
                    query("after", WHOLE, "Continue after this id", "从此编号之后继续"),
                    query("limit", WHOLE, "Most items", "最多返回条数"),
                ],
                key=True,
            ),
        },
        "/api/v1/grants/{id}": {
            "delete": operation(
                "revokeGrant",
                _TAG,
                "Take a grant back, everywhere within a second. 收回授权，一秒内处处生效。",
                {
                    "200": json("Taken back", "已收回", object_({"id": WHOLE, "revoked_at": TIME})),
                    "404": problem("No such grant", "授权不存在"),
                }
                | denied,
                parameters=[path_parameter("id", "Of the grant", "授权编号", WHOLE)],
                key=True,
            )
        },
    }
