"""What the bodies of `POST /api/v1/leases` and `…:report` say. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.errors import FieldProblem
from core.identifier import MAX_BYTES, Identifier
from core.value_intake import check_size, parse_values
from core.values import HandleValue, pack
from registry.fields import read_number, read_prefix, read_text, read_until
from registry.intake import template_named
from registry.leasing.formula import Formula, beijing_day, formula_of
from registry.leasing.ranges import Ranges
from registry.minting import parse_pattern

LEASE_MEMBERS = frozenset(("prefix", "pattern", "count", "template", "values", "until", "label"))
REPORT_MEMBERS = frozenset(("used", "final"))
_ITEM_MEMBERS = frozenset(("number", "suffix", "values"))
MAX_COUNT = 100_000
MAX_REPORTED = 10_000
MAX_LABEL = 200
LONGEST = timedelta(days=366)
_RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")


@dataclass(frozen=True, slots=True)
class LeaseWish:
    prefix: str
    formula: Formula
    count: int
    template: Identifier | None
    values: list[HandleValue]
    until: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Reported:
    """One range or suffix that was used. `values` None: those of the lease."""

    path: str
    numbers: tuple[int, int] | None
    suffix: str | None
    values: list[HandleValue] | None


def parse_lease(body: dict[str, Any], now: datetime, problems: list[FieldProblem]) -> LeaseWish | None:
    """The wish, or None when problems were added."""
    before = len(problems)
    prefix = read_prefix(body.get("prefix", ""), "prefix", problems)
    formula = _formula(body.get("pattern"), now, problems)
    count = read_number(body.get("count"), "count", problems, most=MAX_COUNT)
    template = template_named(body.get("template"), "template", problems)
    values = parse_values(body["values"], "values", problems) if body.get("values") is not None else []
    check_size(pack(values), "values", problems)
    until = read_until(body.get("until"), "until", now, LONGEST, problems)
    label = read_text(body.get("label"), "label", MAX_LABEL, problems)
    if len(problems) > before or prefix is None or formula is None:
        return None
    if len(f"{prefix}/{formula.suffix(10**18)}".encode()) > MAX_BYTES:
        problems.append(FieldProblem("pattern", "pattern-invalid", "makes identifiers too long", "生成的标识过长"))
        return None
    return LeaseWish(prefix, formula, count, template, values, until, label)


def _formula(raw: Any, now: datetime, problems: list[FieldProblem]) -> Formula | None:
    try:
        if not isinstance(raw, str):
            raise ValueError(
                "must be text with {seq}, such as L{seq:8}{check}", "必须是含 {seq} 的文本，例如 L{seq:8}{check}"
            )
        return formula_of(parse_pattern(raw), beijing_day(now))
    except ValueError as wrong:
        en, zh = wrong.args
        problems.append(FieldProblem("pattern", "pattern-invalid", en, zh))
        return None


def parse_report(body: dict[str, Any], problems: list[FieldProblem]) -> list[Reported]:
    """`used`, item by item: what is wrong with one is a problem whose path begins with `used[n]`, and costs no other."""
    raw = body.get("used", [])
    if not isinstance(raw, list) or len(raw) > MAX_REPORTED:
        en, zh = f"must be a list of at most {MAX_REPORTED} items", f"必须是最多 {MAX_REPORTED} 项的数组"
        problems.append(FieldProblem("used", "list-invalid", en, zh))
        return []
    found: list[Reported] = []
    for position, one in enumerate(raw):
        if (item := _reported(one, f"used[{position}]", problems)) is not None:
            found.append(item)
    return found


def _reported(raw: Any, path: str, problems: list[FieldProblem]) -> Reported | None:
    body = raw if isinstance(raw, dict) else {"number": raw}
    numbers, suffix = _numbers(body.get("number")), body.get("suffix")
    named = isinstance(suffix, str) and 0 < len(suffix) <= MAX_BYTES and body.get("number") is None
    if body.keys() - _ITEM_MEMBERS or (numbers is None) == (not named):
        en = 'must be a number, "from-to", or an object with number or suffix, and perhaps values'
        zh = '必须是编号、"起-止"，或含 number 或 suffix（可带 values）的对象'
        problems.append(FieldProblem(path, "use-invalid", en, zh))
        return None
    values = None
    if body.get("values") is not None:
        before = len(problems)
        values = parse_values(body["values"], f"{path}.values", problems)
        check_size(pack(values), f"{path}.values", problems)
        if len(problems) > before:
            values = []  # it was printed: it counts as used, and is reported again with better values
    return Reported(path, numbers, suffix if named else None, values)


def _numbers(raw: Any) -> tuple[int, int] | None:
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw < 10**18:
        return raw, raw
    match = _RANGE.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return (first, last) if 0 < first <= last else None


def reported_size(items: list[Reported]) -> int:
    return sum(1 if one.numbers is None else one.numbers[1] - one.numbers[0] + 1 for one in items)


def bounds(ranges: Ranges) -> tuple[int, int]:
    return ranges[0][0], ranges[-1][1]
