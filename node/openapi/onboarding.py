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
)


def onboarding() -> Schema:
    denied = {"401": problem("No key, or a wrong one"), "403": problem("Not an operator's key")}
    wrong = denied | {"422": problem("Everything wrong with the body, with field paths")}
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
                {"201": json("Created", enterprise), "200": json("There already", enterprise)}
                | wrong
                | {"409": problem("The name or credit code is another's")},
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
                {"201": json("Given", prefix), "200": json("Given before", prefix)}
                | wrong
                | {"404": problem("No such enterprise"), "409": problem("Given to another")},
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
                {"201": json("Issued", key)} | wrong | {"404": problem("No such enterprise")},
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
                {"200": json("Revoked", object_({"key_id": TEXT, "revoked_at": TIME}))}
                | denied
                | {"404": problem("No such key")},
                parameters=[{"name": "key_id", "in": "path", "required": True, "schema": TEXT}],
                key=True,
            )
        },
    }
