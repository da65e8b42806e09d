"""What the operator may call."""

from __future__ import annotations

from core.access import Role
from node.openapi.parts import (
    TEXT,
    TIME,
    WHOLE,
    Schema,
    json,
    object_,
    operation,
    or_null,
    problem,
    said,
)


def onboarding() -> Schema:
    denied = {
        "401": problem("No key, or a wrong one", "没有密钥，或密钥不正确"),
        "403": problem("Not an operator's key", "不是运营方密钥"),
    }
    wrong = denied | {
        "422": problem("Everything wrong with the body, with field paths", "请求体中的全部问题，逐项指明字段路径")
    }
    enterprise = object_({"id": WHOLE, "name": TEXT, "credit_code": or_null(TEXT)}, required=["id", "name"])
    prefix = object_({"prefix": TEXT, "enterprise_id": WHOLE, "suffix_case_sensitive": {"type": "boolean"}})
    key = object_(
        {
            "key": TEXT,
            "key_id": TEXT,
            "role": {"enum": list(Role)},
            "enterprise_id": or_null(WHOLE),
            "label": TEXT,
            "expires_at": or_null(TIME),
        }
    )
    return {
        "/api/v1/enterprises": {
            "post": operation(
                "createEnterprise",
                "Onboarding 接入",
                "Take an enterprise aboard. 登记企业。",
                {"201": json("Created", "已登记", enterprise), "200": json("There already", "此前已登记", enterprise)}
                | wrong
                | {"409": problem("The name or credit code is another's", "名称或信用代码已被其他企业使用")},
                body=object_(
                    {
                        "name": {"type": "string", "maxLength": 255},
                        "credit_code": or_null({"type": "string", "minLength": 18, "maxLength": 18}),
                    },
                    required=["name"],
                    example={"name": "苏州精密元件有限公司"},
                ),
                key=True,
            )
        },
        "/api/v1/prefixes": {
            "post": operation(
                "grantPrefix",
                "Onboarding 接入",
                "Give an enterprise a prefix: the one asked for, or the next free. 为企业分配前缀。",
                {"201": json("Given", "已分配", prefix), "200": json("Given before", "此前已分配", prefix)}
                | wrong
                | {
                    "404": problem("No such enterprise", "企业不存在"),
                    "409": problem("Given to another", "已分配给其他企业"),
                },
                body=object_(
                    {
                        "enterprise_id": WHOLE,
                        "prefix": TEXT,
                        "suffix_case_sensitive": {"type": "boolean", "default": False},
                    },
                    required=["enterprise_id"],
                    example={"enterprise_id": 1, "prefix": "88.118.8"},
                ),
                key=True,
            )
        },
        "/api/v1/keys": {
            "post": operation(
                "issueKey",
                "Onboarding 接入",
                "Issue a key; it is shown this once and kept only as a digest. 签发密钥，仅显示一次。",
                {"201": json("Issued", "已签发", key)} | wrong | {"404": problem("No such enterprise", "企业不存在")},
                body=object_(
                    {
                        "role": {"enum": list(Role)},
                        "enterprise_id": WHOLE,
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
            "delete": operation(
                "revokeKey",
                "Onboarding 接入",
                "Revoke a key, everywhere within a second. 吊销密钥，一秒内处处生效。",
                {"200": json("Revoked", "已吊销", object_({"key_id": TEXT, "revoked_at": TIME}))}
                | denied
                | {"404": problem("No such key", "密钥不存在")},
                parameters=[
                    {
                        "name": "key_id",
                        "in": "path",
                        "required": True,
                        "schema": TEXT,
                        **said("`key_id` as issued, not the key itself", "签发时返回的 key_id，不是密钥本身"),
                    }
                ],
                key=True,
            )
        },
    }
