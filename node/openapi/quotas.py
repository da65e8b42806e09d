"""Quotas: what an enterprise or a key may do at most."""

from __future__ import annotations

from core.quota import MAX_BURST, MAX_RATE, MAX_REGISTRATIONS
from node.openapi.parts import (
    TEXT,
    TIME,
    WHOLE,
    Schema,
    json,
    object_,
    operation,
    path_parameter,
    problem,
    refusals,
    said,
)

_TAG = "Onboarding 接入"
_EXAMPLE = {
    "requests_per_second": 50,
    "burst": 100,
    "registrations_per_day": 1_000_000,
    "registrations_total": None,
}


def quotas() -> Schema:
    enterprise = path_parameter("id", "Number of the enterprise", "企业编号")
    key = path_parameter("key_id", "The public half of the key", "密钥编号")
    return {
        "/api/v1/quotas/enterprises/{id}": {
            "get": _read(
                "readEnterpriseQuota",
                "An enterprise's quota and use. 企业的配额与用量。",
                "enterprise_id",
                WHOLE,
                enterprise,
            ),
            "put": _set(
                "setEnterpriseQuota", "Set an enterprise's quota. 设定企业的配额。", "enterprise_id", WHOLE, enterprise
            ),
        },
        "/api/v1/quotas/keys/{key_id}": {
            "get": _read("readKeyQuota", "A key's quota and use. 密钥的配额与用量。", "key_id", TEXT, key),
            "put": _set("setKeyQuota", "Set a key's quota. 设定密钥的配额。", "key_id", TEXT, key),
        },
    }


def _read(name: str, summary: str, member: str, kind: Schema, path: Schema) -> Schema:
    return operation(name, _TAG, summary, _answers(member, kind), parameters=[path], key=True)


def _set(name: str, summary: str, member: str, kind: Schema, path: Schema) -> Schema:
    wrong = problem("Everything wrong with the body, with field paths", "请求体中的全部问题，逐项指明字段路径")
    body = object_(_limits(), example=_EXAMPLE)
    answers = _answers(member, kind) | {"422": wrong}
    return operation(name, _TAG, summary, answers, parameters=[path], body=body, key=True)


def _answers(member: str, kind: Schema) -> Schema:
    own = said("Set for this one; else the defaults of the node", "为其单独设定；否则为本节点的默认值")
    used = said(
        "Of an enterprise what was registered; of a key what was taken since it has a quota",
        "企业为已注册数；密钥为设定配额以来已占用数",
    )
    shown = object_(
        {
            member: kind,
            "own": {"type": "boolean", **own},
            "limits": object_(_limits(), required=list(_EXAMPLE)),
            "used": object_({"registrations_today": WHOLE, "registrations_total": WHOLE}) | used,
            "day_renews_at": TIME | said("Midnight of Beijing", "北京时间零点"),
        }
    )
    return {
        "200": json("The quota as it is now", "当前配额", shown),
        **refusals(),
        "404": problem("There is none, or it is another enterprise's", "不存在，或属于其他企业"),
    }


def _limits() -> Schema:
    def most(least: int, most: int, en: str, zh: str) -> Schema:
        return {"type": ["integer", "null"], "minimum": least, "maximum": most, **said(en, zh)}

    return {
        "requests_per_second": most(1, MAX_RATE, "null: unlimited", "null 表示不限"),
        "burst": most(1, MAX_BURST, "At once; null: those of one second", "瞬时请求数；null 表示等于一秒的请求数"),
        "registrations_per_day": most(0, MAX_REGISTRATIONS, "A day of Beijing (UTC+8)", "按北京时间（UTC+8）自然日"),
        "registrations_total": most(0, MAX_REGISTRATIONS, "For ever", "累计"),
    }
