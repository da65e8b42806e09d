"""What the operator may call."""

from __future__ import annotations

from core.schemes import SCHEMES
from node.openapi.parts import TEXT, WHOLE, Schema, json, object_, operation, or_null, problem, ref, refusals, said


def onboarding() -> Schema:
    denied = refusals("Not an operator's key", "不是运营方密钥")
    wrong = denied | {
        "422": problem("Everything wrong with the body, with field paths", "请求体中的全部问题，逐项指明字段路径")
    }
    enterprise = object_({"id": WHOLE, "name": TEXT, "credit_code": or_null(TEXT)}, required=["id", "name"])
    prefix = ref("Prefix")
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
                "Give an enterprise a prefix: the one asked for, or the next free; enterprises give what is below their own. "
                "为企业分配前缀；企业可下放自有前缀之下的前缀。",
                {"201": json("Given", "已分配", prefix), "200": json("Given before", "此前已分配", prefix)}
                | wrong
                | {
                    "404": problem("No such enterprise", "企业不存在"),
                    "409": problem("Given to another; the enterprise is suspended", "已分配给其他企业；企业已被暂停"),
                },
                body=object_(
                    {
                        "enterprise_id": WHOLE,
                        "scheme": {
                            "enum": ["handle", *SCHEMES],
                            "default": "handle",
                            **said(
                                "With another one `prefix` is its owner part: 9506000 of gs1, 1.2.156.3088 of oid",
                                "其他编码体系时，`prefix` 为其所有者部分：gs1 如 9506000，oid 如 1.2.156.3088",
                            ),
                        },
                        "prefix": TEXT,
                        "suffix_case_sensitive": {"type": "boolean", "default": False},
                        "foreign": {
                            "type": "boolean",
                            **said("Beside the node's own, as 20.500.123 is", "不在本节点前缀之下，例如 20.500.123"),
                        },
                    },
                    required=["enterprise_id"],
                    example={"enterprise_id": 1, "prefix": "88.118.8"},
                ),
                key=True,
            )
        },
    }
