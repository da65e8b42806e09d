"""Bodies of IIIDAP: who is shown what of the registration data. Pure.

| who      | members                                                                                   |
|----------|-------------------------------------------------------------------------------------------|
| stranger | identifier, regTime, status, country; name and type of the node                           |
| partner  | (any key) also nature, subType, address                                                   |
| owner    | (its enterprise, operators, auditors) also idNumber, idType; persons, masked              |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from core.errors import Problem
from core.timestamps import rfc3339
from resolver.iiidap.query import in_path
from resolver.iiidap.vocabulary import CREDIT_CODE, NATURES, NODE_TYPE, industry_words

CONFORMANCE = ["iiidap_level_0"]
LANGUAGE = "zh-CN"
MEDIA_TYPE = "application/iiidap+json"
MOST_HITS_OF_STRANGERS = 25
MOST_HITS = 200
_Notice = dict[str, Any]
_TRUNCATED: _Notice = {
    "title": "数据访问策略",
    "type": "information truncated due to authorization",
    "description": ["部分登记信息未对当前用户展示。", "请使用授权账号查询完整信息。"],
}
_OBSCURED: _Notice = {
    "title": "个人信息",
    "type": "obscured",
    "description": ["法定代表人与联系人信息经掩码处理。"],
}
_CUT: _Notice = {
    "title": "检索策略",
    "type": "result set truncated due to authorization",
    "description": ["检索结果超过当前用户每次可获得的条数，其余未列出。"],
}


class Sight(IntEnum):
    STRANGER = 0
    PARTNER = 1
    OWNER = 2


@dataclass(frozen=True, slots=True)
class Registration:
    """What is on record of one prefix. `personal` is masked, by field as in `contact.name`."""

    shown: str
    registered_at: datetime
    held: bool
    name: str
    enterprise_id: int | None
    credit_code: str | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    personal: Mapping[str, str] = field(default_factory=dict)
    node_itself: bool = False
    application_id: int | None = None


def whole(registration: Registration, sight: Sight, base: str, others: Iterable[str] = ()) -> dict[str, Any]:
    """The answer about one prefix. `base` is our address up to `/iiidap/`; `others` are prefixes of the same enterprise."""
    remarks = [_TRUNCATED] if sight is not Sight.OWNER and not registration.node_itself else []
    if sight is Sight.OWNER and registration.personal:
        remarks.append(_OBSCURED)
    links = [_link(base, registration.shown, "self"), *(_link(base, other, "related") for other in others)]
    return {
        "iiidapConformance": CONFORMANCE,
        "notices": remarks,
        "lang": LANGUAGE,
        **one(registration, sight),
        "remarks": remarks,
        "links": links,
    }


def found_many(registrations: Iterable[tuple[Registration, Sight]], cut: bool) -> dict[str, Any]:
    """The answer to a search; none found is an empty list."""
    listed = list(registrations)
    hidden = any(sight is not Sight.OWNER for _, sight in listed)
    return {
        "iiidapConformance": CONFORMANCE,
        "notices": [*([_TRUNCATED] if hidden else []), *([_CUT] if cut else [])],
        "lang": LANGUAGE,
        "NodeSearchResults": [one(registration, sight) for registration, sight in listed],
    }


def one(registration: Registration, sight: Sight) -> dict[str, Any]:
    return {
        "identifier": registration.shown,
        "regTime": rfc3339(registration.registered_at),
        "status": "hold" if registration.held else "ok",
        "country": "CN",
        "node": _node(registration, sight),
    }


def help_body(lookups: int, searches: int, contact: str) -> dict[str, Any]:
    """`lookups`, `searches`: of one address in a minute, 0 without limit."""
    limits = "，".join(f"{what}每分钟 {most} 次" for what, most in (("查询", lookups), ("检索", searches)) if most)
    notices = [
        ("服务说明", ["支持 identifier、name、names、help 四类查询；GET 返回内容，HEAD 仅判断是否存在。"]),
        ("检索语法", ["names?name=名称*：末尾的 * 表示任意后续字符；不区分大小写与全角半角。"]),
        ("使用条款", ["仅供工业互联网标识登记信息查询。"]),
        ("限速", [f"匿名用户：{limits or '不限'}；超出返回 429 与 Retry-After。"]),
        ("认证方式", ["HTTP Basic（仅限 TLS，用户名为密钥编号，密码为完整密钥），或 Bearer 密钥。"]),
        ("隐私政策", ["联系人与证照信息仅向授权用户展示，且经掩码处理；查询内容不作记录。"]),
        ("技术支持", [contact]),
    ]
    told = [{"title": title, "description": lines} for title, lines in notices]
    return {"iiidapConformance": CONFORMANCE, "lang": LANGUAGE, "notices": told}


def error_body(problem: Problem) -> dict[str, Any]:
    lines = [f"{wrong.path}：{wrong.zh}" if wrong.path else wrong.zh for wrong in problem.errors] or [problem.zh]
    return {
        "iiidapConformance": CONFORMANCE,
        "lang": LANGUAGE,
        "errorCode": problem.status,
        "title": problem.title_zh,
        "description": lines,
    }


def _node(registration: Registration, sight: Sight) -> dict[str, Any]:
    form, told = registration.form, {"name": registration.name}
    if registration.node_itself:
        return told | {"type": NODE_TYPE}
    kind, finer = industry_words(str(form["industry"])) if "industry" in form else ("other", None)
    told["type"] = kind
    if sight >= Sight.PARTNER:
        nature = NATURES.get(form.get("nature", 0))
        told |= _there({"nature": nature, "subType": finer, "address": form.get("address")})
    if sight >= Sight.OWNER:
        if registration.credit_code:
            told |= {"idNumber": registration.credit_code, "idType": CREDIT_CODE}
        told |= _persons(registration.personal)
    return told


def _persons(personal: Mapping[str, str]) -> dict[str, Any]:
    legal = _there({"name": personal.get("legal_person.name"), "idNumber": personal.get("legal_person.id_number")})
    contact = {"name": "contact.name", "phone": "contact.mobile", "email": "contact.email"}
    reached = _there({member: personal.get(path) for member, path in contact.items()})
    return _there({"legalPerson": [legal] if legal else None, "contact": [reached] if reached else None})


def _there(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _link(base: str, shown: str, relation: str) -> dict[str, str]:
    here = f"{base}identifier/{in_path(shown)}"
    return {"value": here, "rel": relation, "href": here, "type": MEDIA_TYPE}
