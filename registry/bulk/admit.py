"""Decide most rows at once: Polars expressions that may only say yes where `registry.bulk.law` would.

Whatever is not plainly good (identifiers beyond printable ASCII or of another scheme, a missing value, one that breaks a rule of the template) is handed back
for the slow and exact way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from core.identifier import MAX_BYTES, fold_case
from core.schemes import scheme_of_prefix
from core.values import (
    DEFAULT_PERMISSIONS,
    MAX_DATA_BYTES,
    MAX_PACKED_BYTES,
    MAX_TYPE_BYTES,
    VISIBILITIES,
    HandleValue,
    pack,
)
from registry.bulk.columns import asks, fits
from registry.bulk.law import FOREIGN_PREFIX
from registry.bulk.layout import Column, Target

ROW, NAME = "row", "identifier"
PREPARED = {
    "row": pl.UInt64, "key": pl.String, "shown": pl.String, "template_id": pl.Int32, "value": pl.String, "withdrawal": pl.String,
}  # fmt: skip
_HOSTILE = r'["\\\x00-\x1f]'
_MARK = "\x1f"  # stands for the text while the rest of a value is made
_ESCAPES = {chr(code): f"\\u{code:04x}" for code in range(0x20)} | {
    "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sorted:
    """`admitted` has the columns of `PREPARED`; `rest` those that were given, for the slow way."""

    admitted: pl.DataFrame
    rest: pl.DataFrame


def cell_name(position: int) -> str:
    return f"c{position}"


def admit(frame: pl.DataFrame, columns: list[tuple[int, Column]], target: Target, *, clean: bool = False) -> Sorted:
    """`frame` has `row`, `identifier` and for each (position, column) a text column; null and empty are the same. `clean`: it
    is known that no text has a character that JSON escapes."""
    whole = any(column.index < 0 for _, column in columns)  # columns that are no values: registry.bulk.whole_rows
    if whole or not _plain_types(columns) or scheme_of_prefix(target.prefix.key) is not None:
        return Sorted(pl.DataFrame(schema=PREPARED), frame)
    ordered = sorted(columns, key=lambda placed: placed[1].index)
    hostile = set() if clean else _hostile_columns(frame, ordered)
    value = _packed(ordered, _permissions(target), hostile, _full_columns(frame, ordered))
    key, shown, named_well = _identifier(target)
    template = target.template.id if target.template else None
    made = frame.with_columns(
        key.alias("key"),
        shown.alias("shown"),
        pl.lit(template, pl.Int32).alias("template_id"),
        value.alias("value"),
        (named_well & _values_good(ordered, target)).fill_null(value=False).alias("good"),
    )
    good = pl.col("good") & (pl.col("value").str.len_bytes() <= MAX_PACKED_BYTES)
    admitted = made.filter(good).select(
        ROW,
        "key",
        pl.when(pl.col("shown") != pl.col("key")).then(pl.col("shown")).alias("shown"),
        "template_id",
        "value",
        pl.lit(None, pl.String).alias("withdrawal"),
    )
    rest = frame.clear() if len(admitted) == len(frame) else frame.filter(~made.select(good).to_series())
    return Sorted(admitted, rest)


def _identifier(target: Target) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Key, spelling, and whether both are certain."""
    prefix, name = target.prefix, pl.col(NAME)
    length = len(prefix.key)
    begins = f"(?i)^{re.escape(prefix.key)}/" if prefix.key.isascii() else "^$x"
    whole = name.str.contains(begins)
    suffix = pl.when(whole).then(name.str.slice(length + 1)).otherwise(name)
    spelled = pl.when(whole).then(name).otherwise(pl.concat_str([pl.lit(f"{prefix.shown}/"), name]))
    key = pl.concat_str(
        [pl.lit(f"{prefix.key}/"), suffix if prefix.suffix_case_sensitive else suffix.str.to_uppercase()]
    )
    certain = (
        name.str.contains(r"^[\x20-\x7e]+$")
        & (whole | ~name.str.contains(FOREIGN_PREFIX))
        & (suffix.str.len_bytes() > 0)
        & (spelled.str.len_bytes() <= MAX_BYTES)
        & pl.lit(prefix.key.isascii() and fold_case(prefix.shown) == prefix.key)
    )
    return key, spelled, certain


def _values_good(columns: list[tuple[int, Column]], target: Target) -> pl.Expr:
    """Something is there, everything required is, and all of it is as the template asks."""
    names = [cell_name(at) for at, _ in columns]
    good = pl.any_horizontal([pl.col(name).fill_null("") != "" for name in names])
    for name in names:
        good &= pl.col(name).fill_null("").str.len_bytes() <= MAX_DATA_BYTES
    at_index = {column.index: cell_name(at) for at, column in columns}
    for item in target.template.items if target.template else ():
        present = pl.col(at_index[item.index]).fill_null("") if item.index in at_index else pl.lit("")
        if item.index in at_index and asks(item):
            good &= (present == "") | fits(item, present)
        if item.required and item.enabled:
            good &= present != ""
    return good


def _hostile_columns(frame: pl.DataFrame, columns: list[tuple[int, Column]]) -> set[int]:
    """Where some text has a character that JSON escapes: rare, and costly to replace."""
    if not columns:
        return set()
    found = frame.select(pl.col(cell_name(at)).str.contains(_HOSTILE).any() for at, _ in columns).row(0)
    return {at for (at, _), hostile in zip(columns, found, strict=True) if hostile}


def _full_columns(frame: pl.DataFrame, columns: list[tuple[int, Column]]) -> set[int]:
    """Where every row has a text."""
    names = {at: pl.col(cell_name(at)) for at, _ in columns}
    some = frame.select((text.null_count() == 0) & (text.str.len_bytes().min() > 0) for text in names.values()).row(0)
    return {at for at, full in zip(names, some, strict=True) if full}


def _packed(
    columns: list[tuple[int, Column]], permissions: dict[int, int], hostile: set[int], full: set[int]
) -> pl.Expr:
    """As `core.values.pack`; a cell that is empty is no value. Where the first column is full, each value brings the comma
    before it, so that all are written in one go."""
    values = [
        _one(at, column, permissions.get(column.index, DEFAULT_PERMISSIONS), at in hostile) for at, column in columns
    ]
    if columns[0][0] not in full:
        told = [
            pl.when(pl.col(cell_name(at)) != "").then(pl.concat_str(one))
            for (at, _), one in zip(columns, values, strict=True)
        ]
        return pl.lit("[") + pl.concat_str(told, separator=",", ignore_nulls=True) + pl.lit("]")
    pieces = [pl.lit("[")]
    for number, ((at, _), (before, text, after)) in enumerate(zip(columns, values, strict=True)):
        one = [pl.lit(",") + before if number else before, text, after]
        pieces += (
            one if at in full else [pl.when(pl.col(cell_name(at)) != "").then(pl.concat_str(one)).otherwise(pl.lit(""))]
        )
    return pl.concat_str([*pieces, pl.lit("]")])


def _one(at: int, column: Column, permissions: int, hostile: bool) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """What stands before the text of a value, the text, what stands behind it."""
    made = pack([HandleValue(column.index, column.type, _MARK, permissions=permissions)]).decode()[1:-1]
    before, _, after = made.partition("\\u001f")
    text = pl.col(cell_name(at))
    escaped = text.str.replace_many(list(_ESCAPES), list(_ESCAPES.values())) if hostile else text
    return pl.lit(before), escaped, pl.lit(after)


def _permissions(target: Target) -> dict[int, int]:
    """By index: a cell never says who sees it, so the template does."""
    items = target.template.items if target.template else ()
    return {item.index: VISIBILITIES[item.visibility] for item in items}


def _plain_types(columns: list[tuple[int, Column]]) -> bool:
    """Whether there are columns, of types that need no care."""
    for _, column in columns:
        usual = HandleValue(column.index, column.type, "")
        plain = column.type.isprintable() and len(column.type.encode()) <= MAX_TYPE_BYTES and "\x1f" not in column.type
        if not plain or column.type.startswith("HS_") or usual.format != "string":
            return False
    return bool(columns)
