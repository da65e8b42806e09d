"""Data types of template items: what a value of each must look like, and which rules each may have. Pure.

| data type   | value                                                                    | rules                     |
|-------------|--------------------------------------------------------------------------|---------------------------|
| string      | any text                                                                 | length, pattern, unit     |
| number      | decimal, at most 18 digits before and after the point, no exponent       | range, unit               |
| date        | RFC 3339 full-date or date-time (upper-case `T`, `Z`; no leap second)    | range, of full-dates      |
| boolean     | `true` or `false`                                                        |                           |
| url         | absolute http or https (RFC 3986), at most 2,048 characters              | length, pattern           |
| enumeration | one of the codes of `choices`                                            | choices, unit             |
| reference   | an identifier                                                            | length, pattern           |
| file        | `sha256:<64 hex digits> <url>`, or `sm3:…`                               |                           |

A range of dates is compared with the day as it is written, whatever its zone. The expressions below are regular and the
same to Python as to Rust's `regex`, which decides in bulk jobs (`registry.bulk.columns`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from core.errors import IdentifierMalformed
from core.identifier import parse_identifier
from core.pattern import matcher
from core.template_item import MAX_LENGTH, TemplateItem

Fault = tuple[str, str, str]  # slug, English, Chinese
Check = Callable[[str], Fault | None]

NUMBER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?"
DAY = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
DATE = rf"{DAY}(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{{1,9}})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))?"
URL = (
    r"[Hh][Tt][Tt][Pp][Ss]?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:[/?#][!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]*)?"
)
MAX_URL = 2_048
DIGEST = r"(?:sha256|sm3):[0-9a-f]{64}"
FILE = rf"{DIGEST} {URL}"
MAX_FILE = MAX_URL + 72
BOOLEANS = ("true", "false")

LENGTH, RANGE, PATTERN, CHOICES, UNIT = (
    frozenset(("min_length", "max_length")), frozenset(("minimum", "maximum")), frozenset(("pattern",)),
    frozenset(("choices",)), frozenset(("unit",)),
)  # fmt: skip
RULES: dict[str, frozenset[str]] = {
    "string": LENGTH | PATTERN | UNIT,
    "number": RANGE | UNIT,
    "date": RANGE,
    "boolean": frozenset(),
    "url": LENGTH | PATTERN,
    "enumeration": CHOICES | UNIT,
    "reference": LENGTH | PATTERN,
    "file": frozenset(),
}
_NUMBER, _DATE, _DAY, _URL, _FILE = (re.compile(one) for one in (NUMBER, DATE, DAY, URL, FILE))


def check_of(item: TemplateItem) -> Check | None:
    """What is asked of the text of a value, made once for a template; None where nothing is."""
    checks: list[Check] = []
    if (typed := _OF_TYPE[item.data_type](item)) is not None:
        checks.append(typed)
    if item.min_length or item.max_length is not None:
        checks.append(_length(item))
    if item.pattern is not None:
        checks.append(_pattern(item.pattern))
    if len(checks) < 2:
        return checks[0] if checks else None

    def check(text: str) -> Fault | None:
        for one in checks:
            if (fault := one(text)) is not None:
                return fault
        return None

    return check


def is_number(text: str) -> bool:
    return len(text) <= 40 and _NUMBER.fullmatch(text) is not None


def is_day(text: str) -> bool:
    """A full-date that the calendar has."""
    return _DAY.fullmatch(text) is not None and _exists(text)


def _any(_item: TemplateItem) -> Check | None:
    return None


def _number(item: TemplateItem) -> Check:
    least, most = (Decimal(bound) if bound is not None else None for bound in (item.minimum, item.maximum))

    def check(text: str) -> Fault | None:
        if not is_number(text):
            return "number-invalid", "must be a decimal number such as -12.50", "必须是十进制数，例如 -12.50"
        if least is None and most is None:
            return None
        number = Decimal(text)
        outside = (least is not None and number < least) or (most is not None and number > most)
        return _outside(item) if outside else None

    return check


def _date(item: TemplateItem) -> Check:
    least, most = item.minimum or "", item.maximum or "9999-12-31"

    def check(text: str) -> Fault | None:
        if len(text) > 40 or not _DATE.fullmatch(text) or not _exists(text[:10]):
            return (
                "date-invalid",
                "must be a date such as 2026-01-31 or 2026-01-31T08:30:00+08:00",
                "必须是日期，例如 2026-01-31 或 2026-01-31T08:30:00+08:00",
            )
        return None if least <= text[:10] <= most else _outside(item)

    return check


def _boolean(_item: TemplateItem) -> Check:
    def check(text: str) -> Fault | None:
        return None if text in BOOLEANS else ("boolean-invalid", "must be true or false", "必须是 true 或 false")

    return check


def _url(_item: TemplateItem) -> Check:
    def check(text: str) -> Fault | None:
        if len(text) <= MAX_URL and _URL.fullmatch(text):
            return None
        return (
            "url-invalid",
            f"must be an absolute http or https address of at most {MAX_URL} characters, others percent-encoded",
            f"必须是完整的 http 或 https 网址，最多 {MAX_URL} 个字符，特殊字符须做百分号编码",
        )

    return check


def _enumeration(item: TemplateItem) -> Check:
    codes = frozenset(choice.code for choice in item.choices)
    some = ", ".join(choice.code for choice in item.choices[:10]) + (", …" if len(codes) > 10 else "")

    def check(text: str) -> Fault | None:
        return None if text in codes else ("choice-unknown", f"must be one of {some}", f"必须是以下之一：{some}")

    return check


def _reference(_item: TemplateItem) -> Check:
    def check(text: str) -> Fault | None:
        try:
            parse_identifier(text)
        except IdentifierMalformed as wrong:
            return "reference-invalid", f"is not an identifier: {wrong.en}", f"不是有效的标识：{wrong.zh}"
        return None

    return check


def _file(_item: TemplateItem) -> Check:
    def check(text: str) -> Fault | None:
        if len(text) <= MAX_FILE and _FILE.fullmatch(text):
            return None
        return (
            "file-invalid",
            "must be sha256:<64 hex digits> <url>, or sm3:<64 hex digits> <url>",
            "必须写作 sha256:<64 位十六进制> <网址> 或 sm3:<64 位十六进制> <网址>",
        )

    return check


_OF_TYPE: dict[str, Callable[[TemplateItem], Check | None]] = {
    "string": _any, "number": _number, "date": _date, "boolean": _boolean, "url": _url, "enumeration": _enumeration,
    "reference": _reference, "file": _file,
}  # fmt: skip


def _length(item: TemplateItem) -> Check:
    least, most = item.min_length or 0, item.max_length if item.max_length is not None else MAX_LENGTH

    def check(text: str) -> Fault | None:
        if least <= len(text) <= most:
            return None
        return (
            "length-invalid",
            f"has {len(text)} characters; the template asks for {least} to {most}",
            f"长度为 {len(text)} 个字符，模板要求 {least} 到 {most} 个",
        )

    return check


def _pattern(pattern: str) -> Check:
    matches = matcher(pattern)

    def check(text: str) -> Fault | None:
        if matches(text):
            return None
        return "pattern-unmatched", f"does not match the pattern {pattern}", f"不符合模板要求的格式 {pattern}"

    return check


def _outside(item: TemplateItem) -> Fault:
    least, most = item.minimum, item.maximum
    if least is None or most is None:
        en, zh = (f"at least {least}", f"不小于 {least}") if most is None else (f"at most {most}", f"不大于 {most}")
    else:
        en, zh = f"from {least} to {most}", f"在 {least} 到 {most} 之间"
    return "range-invalid", f"must be {en}", f"必须{zh}"


def _exists(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True
