"""Decide most rows at once: Polars expressions that may only say yes where `registry.bulk.law` would.

Whatever is not plainly good (identifiers beyond printable ASCII, a missing value, a template with rules other than presence and length) is
handed back for the slow and exact way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from core.identifier import MAX_BYTES, fold_case
from core.template import TemplateItem
from core.values import MAX_DATA_BYTES, MAX_PACKED_BYTES, MAX_TYPE_BYTES, HandleValue, pack
from registry.bulk.law import FOREIGN_PREFIX
from registry.bulk.layout import Column, Target

ROW, NAME = "row", "identifier"
PREPARED = {"row": pl.UInt64, "key": pl.String, "shown": pl.String, "template_id": pl.Int32, "value": pl.String}
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


def admit(frame: pl.DataFrame, columns: list[tuple[int, Column]], target: Target) -> Sorted:
    """`frame` has `row`, `identifier` and for each (position, column) a text column; null and empty are the same."""
    if not _rules_known(columns, target):
        return Sorted(pl.DataFrame(schema=PREPARED), frame)
    ordered = sorted(columns, key=lambda placed: placed[1].index)
    hostile = _hostile_columns(frame, ordered)
    value = pl.concat_str(
        [_packed(cell_name(at), column, at in hostile) for at, column in ordered], separator=",", ignore_nulls=True
    )
    key, shown, named_well = _identifier(target)
    template = target.template.id if target.template else None
    made = frame.with_columns(
        key.alias("key"),
        shown.alias("shown"),
        pl.lit(template, pl.Int32).alias("template_id"),
        (pl.lit("[") + value + pl.lit("]")).alias("value"),
        (named_well & _values_good(ordered, target)).fill_null(value=False).alias("good"),
    )
    good = pl.col("good") & (pl.col("value").str.len_bytes() <= MAX_PACKED_BYTES)
    admitted = made.filter(good).select(
        ROW,
        "key",
        pl.when(pl.col("shown") != pl.col("key")).then(pl.col("shown")).alias("shown"),
        "template_id",
        "value",
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
    """Something is there, everything required is, and nothing is too long."""
    names = [cell_name(at) for at, _ in columns]
    good = pl.any_horizontal([pl.col(name).fill_null("") != "" for name in names])
    for name in names:
        good &= pl.col(name).fill_null("").str.len_bytes() <= MAX_DATA_BYTES
    at_index = {column.index: cell_name(at) for at, column in columns}
    for item in target.template.items if target.template else ():
        if item.index in at_index and (item.min_length or item.max_length is not None):
            text = pl.col(at_index[item.index]).fill_null("")
            most = MAX_DATA_BYTES if item.max_length is None else item.max_length
            good &= (text == "") | text.str.len_chars().is_between(item.min_length or 0, most)
        if item.required:
            good &= pl.col(at_index[item.index]).fill_null("") != "" if item.index in at_index else pl.lit(value=False)
    return good


def _hostile_columns(frame: pl.DataFrame, columns: list[tuple[int, Column]]) -> set[int]:
    """Where some text has a character that JSON escapes: rare, and costly to replace."""
    if not columns:
        return set()
    found = frame.select(pl.col(cell_name(at)).str.contains(_HOSTILE).any() for at, _ in columns).row(0)
    return {at for (at, _), hostile in zip(columns, found, strict=True) if hostile}


def _packed(name: str, column: Column, hostile: bool) -> pl.Expr:
    """As `core.values.pack`, one value; null where the cell is empty."""
    made = pack([HandleValue(column.index, column.type, _MARK)]).decode()[1:-1]
    before, _, after = made.partition("\\u001f")
    text = pl.col(name)
    escaped = text.str.replace_many(list(_ESCAPES), list(_ESCAPES.values())) if hostile else text
    return pl.when(text != "").then(pl.concat_str([pl.lit(before), escaped, pl.lit(after)]))


def _rules_known(columns: list[tuple[int, Column]], target: Target) -> bool:
    """Whether types are plain and the template asks for nothing but presence."""
    for _, column in columns:
        usual = HandleValue(column.index, column.type, "")
        plain = column.type.isprintable() and len(column.type.encode()) <= MAX_TYPE_BYTES and "\x1f" not in column.type
        if not plain or column.type.startswith("HS_") or usual.format != "string":
            return False
    if target.template is not None and getattr(target.template, "retired", False):
        return False
    return bool(columns) and all(map(_known, target.template.items if target.template else ()))


def _known(item: TemplateItem) -> bool:
    """Whether an item asks for presence and length only: items may learn further rules, which are not decided here."""
    plain = TemplateItem(
        item.index,
        item.type,
        item.name_zh,
        item.name_en,
        item.required,
        min_length=item.min_length,
        max_length=item.max_length,
    )
    return item == plain
