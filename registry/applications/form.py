"""What an applicant says: reading and judging it, and telling personal data from the rest. Pure.

A draft may have gaps, a submitted application may not. Personal data leaves this file as texts by field, to be sealed;
`form` has nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.errors import FieldProblem
from core.identifier import fold_case
from registry.codes import industry, region
from registry.credit_code import is_credit_code
from registry.fields import read_number, read_prefix, read_text
from registry.hosting import HOSTING_MEMBERS, parse_hosting, refuse_itself

MEMBERS = frozenset(
    (
        *("name", "credit_code", "nature", "region", "industry", "address", "contact", "legal_person", "prefix"),
        *("state", *HOSTING_MEMBERS),
    )
)
CONTACT = {"name": 128, "email": 128, "mobile": 20, "id_number": 32}
LEGAL_PERSON = {"name": 128, "id_number": 32}
USER = {"name": 50, "email": 50, "mobile": 50}  # who applied for it at the SNMS door
PERSONS = {"contact": CONTACT, "legal_person": LEGAL_PERSON, "user": USER}
NEEDED = ("name", "credit_code", "nature", "region", "industry", "address")
NEEDED_PERSONAL = ("contact.name", "contact.email", "contact.mobile", "legal_person.name", "legal_person.id_number")
MAX_NAME, MAX_ADDRESS = 255, 255
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+")
_MOBILE = re.compile(r"\+?[0-9][0-9 -]{5,18}")
_RESIDENT_ID = re.compile(r"[0-9]{17}[0-9X]")
_ID_NUMBER = re.compile(r"[0-9A-Za-z()-]{5,32}")


@dataclass(frozen=True, slots=True)
class Statement:
    """`form` is what is nobody's personal data, `personal` the rest by field (None: taken back)."""

    form: dict[str, Any]
    personal: dict[str, str | None]


def parse_statement(body: dict[str, Any], node_prefix: str, problems: list[FieldProblem]) -> Statement:
    """The members that are there, each judged by itself; a member that is null counts as left out."""
    form: dict[str, Any] = {}
    for name, read in _READERS.items():
        if body.get(name) is not None:
            form[name] = read(body[name], name, problems)
    if body.get("prefix") is not None:
        form["prefix"] = _wanted(body["prefix"], node_prefix, problems)
    form |= _hosting(body, form.get("prefix"), problems)
    personal: dict[str, str | None] = {}
    for person in PERSONS:
        if body.get(person) is not None:
            personal |= _person(body[person], person, problems)
    return Statement(form, personal)


def _hosting(body: dict[str, Any], prefix: str | None, problems: list[FieldProblem]) -> dict[str, Any]:
    if body.get("hosting") is None:
        en, zh = "needs hosting own-node", "须与 hosting own-node 同时填写"
        lonely = [name for name in ("site", "service") if body.get(name) is not None]
        problems += [FieldProblem(name, "hosting-invalid", en, zh) for name in lonely]
        return {}
    wish = parse_hosting({name: body.get(name) for name in HOSTING_MEMBERS}, "", problems)
    members = wish.as_members() if wish is not None else {}
    if prefix is not None:
        refuse_itself(members.get("service"), fold_case(prefix), problems)
    return members


def gaps(form: dict[str, Any], held: frozenset[str]) -> list[FieldProblem]:
    """What is missing for it to be submitted; `held` are the personal fields that there are."""
    missing = [name for name in NEEDED if name not in form] + [field for field in NEEDED_PERSONAL if field not in held]
    return [FieldProblem(path, "member-missing", "is needed", "必填") for path in missing]


def masked(field: str, text: str) -> str:
    """What may be shown without a look: enough to recognise, not to know."""
    kind = field.rpartition(".")[2]
    if kind == "email":
        name, _, host = text.partition("@")
        return f"{name[:1]}***@{host}"
    if kind == "mobile":
        return f"{text[:3]}****{text[-4:]}" if len(text) >= 11 else f"{text[:1]}****{text[-1:]}"
    if kind == "name":
        return text[:1] + "*" * max(1, min(len(text) - 1, 3))
    return f"{text[:1]}{'*' * max(1, len(text) - 2)}{text[-1:]}"


def resident_id_is_right(number: str) -> bool:
    """The check character of a resident identity card, GB 11643-1999 (ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return number[17] == "10X98765432"[total % 11]


def _person(raw: Any, person: str, problems: list[FieldProblem]) -> dict[str, str | None]:
    if not isinstance(raw, dict):
        problems.append(FieldProblem(person, "not-an-object", "must be a JSON object", "必须是 JSON 对象"))
        return {}
    known = PERSONS[person]
    found: dict[str, str | None] = {}
    for member, value in raw.items():
        path = f"{person}.{member[:80]}"
        if member not in known:
            names = ", ".join(known)
            problems.append(
                FieldProblem(
                    path, "member-unknown", f"is not known here; known are {names}", f"未知成员；可用成员：{names}"
                )
            )
        elif value is None:
            found[path] = None
        else:
            found[path] = _personal(value, path, known[member], problems)
    return found


def _personal(raw: Any, path: str, most: int, problems: list[FieldProblem]) -> str:
    """Problems never repeat what was sent."""
    before, text = len(problems), read_text(raw, path, most, problems)
    if len(problems) > before:
        return ""
    kind = path.rpartition(".")[2]
    if kind == "email" and not _EMAIL.fullmatch(text):
        problems.append(FieldProblem(path, "email-invalid", "is not an e-mail address", "不是有效的电子邮箱"))
    if kind == "mobile" and not _MOBILE.fullmatch(text):
        problems.append(FieldProblem(path, "mobile-invalid", "is not a telephone number", "不是有效的电话号码"))
    if kind == "id_number":
        text = text.upper()
        wrong = _RESIDENT_ID.fullmatch(text) and not resident_id_is_right(text)
        if wrong or not _ID_NUMBER.fullmatch(text):
            problems.append(
                FieldProblem(
                    path,
                    "id-number-invalid",
                    "is not the number of an identity document (GB 11643: the last character is a check character)",
                    "不是有效的证件号码（居民身份证末位为校验码，GB 11643）",
                )
            )
    return text


def _read_code(raw: Any, path: str, problems: list[FieldProblem]) -> str:
    if isinstance(raw, str) and is_credit_code(raw):
        return raw
    problems.append(
        FieldProblem(
            path,
            "credit-code-invalid",
            "is not a unified social credit code: 18 characters, the last one a check character (GB 32100-2015)",
            "不是有效的统一社会信用代码：18 位，末位为校验码（GB 32100-2015）",
        )
    )
    return ""


def _read_region(raw: Any, path: str, problems: list[FieldProblem]) -> str:
    found = region.find(raw) if isinstance(raw, str) else None
    if found is None:
        problems.append(
            FieldProblem(
                path,
                "region-unknown",
                "is not a code of GB/T 2260; where a county is too new to be listed, give its city",
                "不是 GB/T 2260 行政区划代码；新设区县未收录时请填写所属市的代码",
            )
        )
        return ""
    return found.code


def _read_industry(raw: Any, path: str, problems: list[FieldProblem]) -> str:
    found = industry.find(raw) if isinstance(raw, str) else None
    if found is None:
        problems.append(
            FieldProblem(path, "industry-unknown", "is not a code of GB/T 4754-2017", "不是 GB/T 4754-2017 行业代码")
        )
        return ""
    return found.code


def _wanted(raw: Any, node_prefix: str, problems: list[FieldProblem]) -> str | None:
    before, found = len(problems), read_prefix(raw, "prefix", problems)
    if len(problems) == before and found is not None:
        above, _, last = fold_case(found).rpartition(".")
        if above != node_prefix or not last:
            problems.append(
                FieldProblem(
                    "prefix",
                    "prefix-not-ours",
                    f"must be one segment below the node's own prefix, as in {node_prefix}.8",
                    f"须为本节点前缀下的一段，例如 {node_prefix}.8",
                )
            )
    return found


def _read_name(raw: Any, path: str, problems: list[FieldProblem]) -> str:
    return read_text(raw, path, MAX_NAME, problems)


def _read_nature(raw: Any, path: str, problems: list[FieldProblem]) -> int:
    return read_number(raw, path, problems, most=5)


def _read_address(raw: Any, path: str, problems: list[FieldProblem]) -> str:
    return read_text(raw, path, MAX_ADDRESS, problems)


_READERS: dict[str, Callable[[Any, str, list[FieldProblem]], str | int]] = {
    "name": _read_name,
    "credit_code": _read_code,
    "nature": _read_nature,
    "region": _read_region,
    "industry": _read_industry,
    "address": _read_address,
}
