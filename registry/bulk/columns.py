"""The rules of template items as Polars expressions, for whole columns at once. Pure.

Each says yes exactly where `core.data_types` finds no fault, but for references that are not printable ASCII of the Handle form
(`88.118.8/…`), where it says no and leaves the row to the slow way. Patterns are matched by Rust's `regex` here as there, from the same plain form; numbers are
compared as decimals of 38 digits, which hold every number of the grammar exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import polars as pl

from core.data_types import BOOLEANS, DATE, FILE, MAX_FILE, MAX_URL, NUMBER, URL
from core.identifier import MAX_BYTES, MAX_PREFIX_BYTES
from core.pattern import anchored
from core.template_item import MAX_LENGTH, TemplateItem

_DECIMAL = pl.Decimal(38, 18)
_SEGMENT = r"[!-\-0-~]+"  # printable ASCII but space, `.` and `/`
_REFERENCE = rf"[0-9][!-\-0-~]*(?:\.{_SEGMENT})+/[ -~]+"  # beyond doubt of the Handle form


def fits(item: TemplateItem, text: pl.Expr) -> pl.Expr:
    """Whether a text that is there is good by the item; a disabled one takes none."""
    if not item.enabled:
        return pl.lit(value=False)
    good = _OF_TYPE[item.data_type](item, text)
    if item.min_length or item.max_length is not None:
        most = MAX_LENGTH if item.max_length is None else item.max_length
        good &= text.str.len_chars().is_between(item.min_length or 0, most)
    if item.pattern is not None:
        good &= text.str.contains(anchored(item.pattern))
    return good.fill_null(value=False)


def asks(item: TemplateItem) -> bool:
    """Whether there is anything to decide beyond presence."""
    return (
        not item.enabled
        or item.data_type != "string"
        or bool(item.min_length)
        or item.max_length is not None
        or item.pattern is not None
    )


def _matches(text: pl.Expr, expression: str, most_bytes: int) -> pl.Expr:
    return (text.str.len_bytes() <= most_bytes) & text.str.contains(rf"\A(?:{expression})\z")


def _any(_item: TemplateItem, _text: pl.Expr) -> pl.Expr:
    return pl.lit(value=True)


def _number(item: TemplateItem, text: pl.Expr) -> pl.Expr:
    good = _matches(text, NUMBER, 40)
    number = text.cast(_DECIMAL, strict=False)
    if item.minimum is not None:
        good &= number >= pl.lit(Decimal(item.minimum)).cast(_DECIMAL)
    if item.maximum is not None:
        good &= number <= pl.lit(Decimal(item.maximum)).cast(_DECIMAL)
    return good


def _date(item: TemplateItem, text: pl.Expr) -> pl.Expr:
    day = text.str.slice(0, 10)
    exists = day.str.to_date("%Y-%m-%d", strict=False).is_not_null() & ~day.str.starts_with("0000")
    good = _matches(text, DATE, 40) & exists
    if item.minimum is not None:
        good &= day >= pl.lit(item.minimum)
    if item.maximum is not None:
        good &= day <= pl.lit(item.maximum)
    return good


def _boolean(_item: TemplateItem, text: pl.Expr) -> pl.Expr:
    return text.is_in(list(BOOLEANS))


def _url(_item: TemplateItem, text: pl.Expr) -> pl.Expr:
    return _matches(text, URL, MAX_URL)


def _enumeration(item: TemplateItem, text: pl.Expr) -> pl.Expr:
    return text.is_in([choice.code for choice in item.choices])


def _reference(_item: TemplateItem, text: pl.Expr) -> pl.Expr:
    return _matches(text, _REFERENCE, MAX_BYTES) & (text.str.find("/", literal=True) <= MAX_PREFIX_BYTES)


def _file(_item: TemplateItem, text: pl.Expr) -> pl.Expr:
    return _matches(text, FILE, MAX_FILE)


_OF_TYPE: dict[str, Callable[[TemplateItem, pl.Expr], pl.Expr]] = {
    "string": _any, "number": _number, "date": _date, "boolean": _boolean, "url": _url, "enumeration": _enumeration,
    "reference": _reference, "file": _file,
}  # fmt: skip
