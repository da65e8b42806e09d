"""Faults and policies that can be dialled in. Pure; the box asks it at each turn.

A fault is a number of turns: so many of the next requests have it, -1 all of them, 0 none. A policy is a word or an amount.
"""

from __future__ import annotations

import fnmatch
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from core.errors import FieldProblem

FAULTS = (
    "reject", "vanish", "lose_answer", "duplicate", "reorder", "bad_signature", "http_error", "garbage", "forget",
)  # fmt: skip
RESULTS = ("approve", "reject", "hold")
MOST_TURNS, MOST_MILLISECONDS, MOST_SKEW_SECONDS, MOST_RULES = 1_000_000, 60_000, 86_400, 100


@dataclass(frozen=True, slots=True)
class Rule:
    """Prefixes of this form (`88.118.4*`) are decided so, whatever the policy says."""

    match: str
    result: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Dials:
    """`reject`: answer `reject_code` (400 to statistics) and do nothing. `vanish`: cut the connection and do nothing.
    `lose_answer`: do it, then cut. `duplicate`: queue a message twice. `reorder`: deliver the second of the queue first.
    `bad_signature`: sign the reply wrongly. `http_error`: answer `http_status`, after doing it every second time. `garbage`: do
    it, answer no EPP. `forget`: neither remember nor recognise a clTRID. `pending_code`: 1001 or 1000. `update_audit`: full
    updates wait for an audit."""

    reject: int = 0
    reject_code: int = 2400
    vanish: int = 0
    lose_answer: int = 0
    duplicate: int = 0
    reorder: int = 0
    bad_signature: int = 0
    http_error: int = 0
    http_status: int = 503
    garbage: int = 0
    forget: int = 0
    slow_milliseconds: int = 0
    clock_skew_seconds: int = 0
    pending_code: int = 1001
    audit: str = "approve"
    audit_delay_milliseconds: int = 300
    audit_message: str = ""
    update_audit: bool = False
    rules: tuple[Rule, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_BOUNDS = {
    **dict.fromkeys(FAULTS, (-1, MOST_TURNS)),
    "reject_code": (2000, 2599),
    "http_status": (400, 599),
    "slow_milliseconds": (0, MOST_MILLISECONDS),
    "clock_skew_seconds": (-MOST_SKEW_SECONDS, MOST_SKEW_SECONDS),
    "pending_code": (1000, 1001),
    "audit_delay_milliseconds": (0, MOST_MILLISECONDS * 60),
}


def turned(dials: Dials, wish: Any, problems: list[FieldProblem]) -> Dials:
    """The dials with those of `wish` in their new place."""
    if not isinstance(wish, dict):
        problems.append(FieldProblem("", "not-an-object", "must be a JSON object", "必须是 JSON 对象"))
        return dials
    known = {one.name for one in fields(Dials)}
    changed: dict[str, Any] = {}
    for name, value in wish.items():
        before = len(problems)
        if name not in known:
            _wrong(problems, name[:80], "is no dial", "不是可调项")
        elif name in _BOUNDS:
            low, high = _BOUNDS[name]
            if not (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
                _wrong(problems, name, f"must be a whole number from {low} to {high}", f"应为 {low} 到 {high} 的整数")
        elif name == "rules":
            value = _rules(value, problems)
        elif name == "audit" and value not in RESULTS:
            _wrong(problems, name, f"must be one of {', '.join(RESULTS)}", f"应为 {'、'.join(RESULTS)} 之一")
        elif name == "audit_message" and not (isinstance(value, str) and len(value) <= 500):
            _wrong(problems, name, "must be a text of at most 500 characters", "应为不超过 500 个字符的文字")
        elif name == "update_audit" and not isinstance(value, bool):
            _wrong(problems, name, "must be true or false", "应为 true 或 false")
        if len(problems) == before:
            changed[name] = value
    return dials if problems else replace(dials, **changed)


def take(dials: Dials, fault: str) -> tuple[bool, Dials]:
    """Whether this turn has the fault, and the dials after it."""
    left = getattr(dials, fault)
    if left > 0:
        return True, replace(dials, **{fault: left - 1})
    return left < 0, dials


def decision(dials: Dials, prefix: str) -> tuple[str, str]:
    """(approve, reject or hold; the clerk's words)."""
    for rule in dials.rules:
        if fnmatch.fnmatchcase(prefix, rule.match):
            return rule.result, rule.message
    return dials.audit, dials.audit_message


def _rules(raw: Any, problems: list[FieldProblem]) -> tuple[Rule, ...]:
    found = []
    for place, one in enumerate(raw if isinstance(raw, list) and len(raw) <= MOST_RULES else [None]):
        said = one if isinstance(one, dict) else {}
        match, result, message = said.get("match"), said.get("result"), said.get("message", "")
        if isinstance(match, str) and 0 < len(match) <= 64 and result in RESULTS and isinstance(message, str):
            found.append(Rule(match, str(result), message[:500]))
        else:
            en = f"needs match, result ({', '.join(RESULTS)}) and maybe message"
            _wrong(problems, f"rules[{place}]", en, "须含 match、result，可含 message")
    return tuple(found)


def _wrong(problems: list[FieldProblem], path: str, en: str, zh: str) -> None:
    problems.append(FieldProblem(path, "dial-invalid", en, zh))
