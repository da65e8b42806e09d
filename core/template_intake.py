"""Reading the `items` of a template definition: everything that is wrong with them is found, with its path. Pure."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from core.data_types import LENGTH, RANGE, RULES, is_day, is_number
from core.errors import FieldProblem
from core.pattern import MAX_MATCHED, PatternWrong, matcher
from core.template_item import (
    DATA_TYPES,
    FIRST_INDEX,
    MAX_CHOICES,
    MAX_ITEMS,
    MAX_LENGTH,
    MAX_NAME,
    MAX_UNIT,
    PUBLIC,
    STRING,
    Choice,
    TemplateItem,
)
from core.values import VISIBILITIES

_MEMBERS = frozenset(TemplateItem.__slots__)
_CHOICE_MEMBERS = frozenset(Choice.__slots__)
_RULES = frozenset.union(*RULES.values())
Problems = list[FieldProblem]


def parse_items(raw: Any, problems: Problems) -> tuple[TemplateItem, ...]:
    """Read the `items` of a template; appends every problem found."""
    if not isinstance(raw, list) or not 0 < len(raw) <= MAX_ITEMS:
        en, zh = f"must be a list of 1 to {MAX_ITEMS}", f"必须是 1 到 {MAX_ITEMS} 项的数组"
        problems.append(FieldProblem("items", "items-missing", en, zh))
        return ()
    items = [_parse_item(item, f"items[{position}]", problems) for position, item in enumerate(raw)]
    whole = [item for item in items if item is not None]
    for member in ("index", "type"):
        used = Counter(getattr(item, member) for item in whole)
        for again in sorted(str(value) for value, times in used.items() if times > 1):
            problems.append(
                FieldProblem("items", f"{member}-twice", f"{member} {again} is used twice", f"{member} {again} 重复")
            )
    return tuple(sorted(whole, key=lambda item: item.index))


def _parse_item(raw: Any, path: str, problems: Problems) -> TemplateItem | None:
    before = len(problems)
    if not isinstance(raw, dict):
        problems.append(FieldProblem(path, "not-an-object", "must be an object", "必须是对象"))
        return None
    index, required, enabled = raw.get("index"), raw.get("required", False), raw.get("enabled", True)
    if not isinstance(index, int) or isinstance(index, bool) or not FIRST_INDEX <= index < 2**32:
        en, zh = f"must be {FIRST_INDEX} or more", f"必须不小于 {FIRST_INDEX}"
        problems.append(FieldProblem(f"{path}.index", "index-invalid", en, zh))
    for member in ("type", "name_zh", "name_en"):
        _text(raw.get(member), f"{path}.{member}", problems)
    for member, flag in (("required", required), ("enabled", enabled)):
        if not isinstance(flag, bool):
            en, zh = "must be true or false", "必须是 true 或 false"
            problems.append(FieldProblem(f"{path}.{member}", "not-boolean", en, zh))
    _refuse_unknown(raw, _MEMBERS, path, problems)
    rules = _parse_rules(raw, path, problems)
    if len(problems) > before:
        return None
    return TemplateItem(index, raw["type"], raw["name_zh"], raw["name_en"], required, enabled, **rules)  # type: ignore[arg-type]  # checked above


def _parse_rules(raw: dict[str, Any], path: str, problems: Problems) -> dict[str, Any]:
    """All of them optional; one that the data type does not know is refused by its name."""
    data_type = raw.get("data_type", STRING)
    if data_type not in DATA_TYPES:
        known = ", ".join(DATA_TYPES)
        problems.append(
            FieldProblem(
                f"{path}.data_type", "data-type-unknown", f"must be one of {known}", f"必须是以下之一：{known}"
            )
        )
        return {}
    given = {name: raw[name] for name in sorted(_RULES) if raw.get(name) is not None}
    for name in sorted(given.keys() - RULES[data_type]):
        fitting = ", ".join(sorted(RULES[data_type])) or "-"
        en = f"does not go with the data type {data_type}, which knows {fitting}"
        problems.append(
            FieldProblem(f"{path}.{name}", "rule-unfit", en, f"不适用于数据类型 {data_type}；可用：{fitting}")
        )
        del given[name]
    return {
        "data_type": data_type,
        "visibility": _visibility(raw.get("visibility", PUBLIC), f"{path}.visibility", problems),
        "unit": _text(given["unit"], f"{path}.unit", problems, MAX_UNIT) if "unit" in given else None,
        "choices": _choices(given.get("choices"), f"{path}.choices", problems) if data_type == "enumeration" else (),
        **_range(data_type, given, path, problems),
        **_pattern_and_lengths(given, path, problems),
    }


def _pattern_and_lengths(given: dict[str, Any], path: str, problems: Problems) -> dict[str, Any]:
    """A value with a pattern is bounded, whether the template says so or not: matching must stay cheap."""
    least, most, pattern = (given.get(name) for name in ("min_length", "max_length", "pattern"))
    bound = MAX_LENGTH if pattern is None else MAX_MATCHED
    most = bound if most is None and pattern is not None else most
    for name, length in zip(sorted(LENGTH, reverse=True), (least, most), strict=True):
        if length is not None and not (type(length) is int and 0 <= length <= bound):
            en, zh = f"must be a whole number from 0 to {bound}", f"必须是 0 到 {bound} 的整数"
            problems.append(FieldProblem(f"{path}.{name}", "length-invalid", en, zh))
    if type(least) is int and type(most) is int and least > most:
        problems.append(
            FieldProblem(f"{path}.max_length", "length-invalid", "is below min_length", "不得小于 min_length")
        )
    if pattern is not None:
        _check_pattern(pattern, f"{path}.pattern", problems)
    return {"min_length": least, "max_length": most, "pattern": pattern}


def _check_pattern(pattern: Any, path: str, problems: Problems) -> None:
    try:
        if not isinstance(pattern, str):
            raise PatternWrong("must be text", "必须是文本")
        matcher(pattern)
    except PatternWrong as wrong:
        problems.append(FieldProblem(path, "pattern-invalid", wrong.en, wrong.zh))


def _range(data_type: str, given: dict[str, Any], path: str, problems: Problems) -> dict[str, str | None]:
    """Bounds as texts: what a float would round is never a float."""
    bounds: dict[str, str | None] = dict.fromkeys(sorted(RANGE, reverse=True))
    for name in bounds.keys() & given.keys():
        said = given[name]
        text = said if isinstance(said, str) else repr(said) if type(said) in (int, float) else ""
        if not (is_day(text) if data_type == "date" else is_number(text)):
            wanted = ("a day such as 2026-01-31", "日期，例如 2026-01-31") if data_type == "date" else (
                "a decimal number such as -12.50", "十进制数，例如 -12.50"
            )  # fmt: skip
            problems.append(
                FieldProblem(f"{path}.{name}", "bound-invalid", f"must be {wanted[0]}", f"必须是{wanted[1]}")
            )
            return dict.fromkeys(RANGE)
        bounds[name] = text
    least, most = bounds["minimum"], bounds["maximum"]
    if least is not None and most is not None:
        upside_down = Decimal(least) > Decimal(most) if data_type == "number" else least > most
        if upside_down:
            problems.append(FieldProblem(f"{path}.maximum", "bound-invalid", "is below minimum", "不得小于 minimum"))
    return bounds


def _choices(raw: Any, path: str, problems: Problems) -> tuple[Choice, ...]:
    if not isinstance(raw, list) or not 0 < len(raw) <= MAX_CHOICES:
        en, zh = f"must be a list of 1 to {MAX_CHOICES} choices", f"必须是 1 到 {MAX_CHOICES} 个选项的数组"
        problems.append(FieldProblem(path, "choices-missing", en, zh))
        return ()
    found = []
    for position, said in enumerate(raw):
        here = f"{path}[{position}]"
        choice = said if isinstance(said, dict) else {"code": said}
        _refuse_unknown(choice, _CHOICE_MEMBERS, here, problems)
        code = _text(choice.get("code"), f"{here}.code", problems)
        labels = [_text(choice.get(tongue, code), f"{here}.{tongue}", problems) for tongue in ("zh", "en")]
        found.append(Choice(code, *labels))
    for code, times in Counter(choice.code for choice in found if choice.code).items():
        if times > 1:
            problems.append(FieldProblem(path, "choice-twice", f"the code {code} is used twice", f"代码 {code} 重复"))
    return tuple(found)


def _visibility(raw: Any, path: str, problems: Problems) -> str:
    if isinstance(raw, str) and raw in VISIBILITIES:
        return raw
    known = ", ".join(VISIBILITIES)
    problems.append(FieldProblem(path, "visibility-unknown", f"must be one of {known}", f"必须是以下之一：{known}"))
    return PUBLIC


def _text(raw: Any, path: str, problems: Problems, most: int = MAX_NAME) -> str:
    if isinstance(raw, str) and raw.isprintable() and 0 < len(raw) <= most:
        return raw
    en, zh = f"must be printable text of 1 to {most} characters", f"必须是 1 到 {most} 个字符的可打印文本"
    problems.append(FieldProblem(path, "text-invalid", en, zh))
    return ""


def _refuse_unknown(raw: dict[str, Any], known: frozenset[str], path: str, problems: Problems) -> None:
    """A misspelt `visibility` must not make values public."""
    for name in raw.keys() - known:
        names = ", ".join(sorted(known))
        en, zh = f"is not known here; known are {names}", f"未知成员；可用成员：{names}"
        problems.append(FieldProblem(f"{path}.{str(name)[:80]}", "member-unknown", en, zh))
