"""What becomes of one row, decided by the same functions as a single registration: slow, and always right. Pure.

`registry.bulk.admit` decides most rows at once; it may only say yes where this would, and leaves every other row to this.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.errors import FieldProblem, IdentifierMalformed
from core.identifier import Identifier, parse_identifier
from core.schemes import scheme_of_prefix
from core.template import fit_values
from core.value_intake import check_size, parse_values
from core.values import pack
from registry.bulk.layout import Column, Target
from registry.bulk.whole_rows import body_of, is_whole, withdrawal_of
from registry.intake import parse_registration

# A dotted number before a slash is a prefix: taken as a suffix it would be a surprise.
FOREIGN_PREFIX = r"^[0-9]+(?:\.[0-9A-Za-z]+)+/"
_FOREIGN = re.compile(FOREIGN_PREFIX)
_LONGEST_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Admitted:
    """A row to be merged. `shown` None: the same as `key`."""

    row: int
    key: str
    shown: str | None
    template_id: int | None
    value: str
    withdrawal: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a row is not merged. `row` counts from 1, the header included; `column` is as the file names it."""

    row: int
    identifier: str
    column: str
    slug: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Cells:
    """A row as it was read: what stands in the columns that are values."""

    row: int
    identifier: str
    cells: Sequence[tuple[Column, str]]


@dataclass(frozen=True, slots=True)
class Item:
    """A row that is an item of the API's own."""

    row: int
    body: dict[str, Any]


def judge(wish: Cells | Item, target: Target) -> Admitted | Refused:
    if isinstance(wish, Cells) and is_whole(wish.cells):
        wish = Item(wish.row, body_of(wish.identifier, wish.cells))
    return judge_cells(wish, target) if isinstance(wish, Cells) else judge_item(wish, target)


def judge_cells(wish: Cells, target: Target) -> Admitted | Refused:
    """Empty cells are absent values."""
    problems: list[FieldProblem] = []
    identifier = read_identifier(wish.identifier, target, problems)
    present = [(column, text) for column, text in wish.cells if text]
    raw = [
        {"index": column.index, "type": column.type, "data": {"format": "string", "value": text}}
        for column, text in present
    ]
    values = parse_values(raw, "values", problems)
    if values and target.template is not None:
        values = fit_values(target.template, values, "values", problems)
    packed = pack(values)
    check_size(packed, "values", problems)
    if identifier is None or problems:
        named = {f"values[{position}]": column.name for position, (column, _) in enumerate(present)}
        return refuse(wish.row, wish.identifier, problems, named)
    return _admit(wish.row, identifier, target, target.template.id if target.template else None, packed)


def judge_item(wish: Item, target: Target) -> Admitted | Refused:
    """`{"identifier", "values", "template"}`, and of a withdrawn one `status` and `withdrawn`; without a template of its own
    the job's counts."""
    problems: list[FieldProblem] = []
    named = wish.body.get("identifier")
    named = named if isinstance(named, str) else ""
    identifier = read_identifier(named, target, problems)
    body = {**wish.body, "identifier": str(identifier)} if identifier is not None else wish.body
    registration = parse_registration(body, "", problems) if not problems else None
    if identifier is None or registration is None:
        return refuse(wish.row, named, problems)
    template = target.template
    if registration.template is not None:
        key = registration.template.key(target.prefix.suffix_case_sensitive)
        template = target.templates.get(key)
        if template is None:
            problems.append(
                FieldProblem("template", "template-draft", "the template is a draft", "该模板为草稿，尚未发布")
                if key in target.drafts
                else FieldProblem("template", "template-unknown", "there is no such template here", "该模板不存在")
            )
    packed = registration.packed
    if template is not None:
        fitted = fit_values(template, registration.values, "values", problems)
        if fitted is not registration.values:
            packed = pack(fitted)
            check_size(packed, "values", problems)
    withdrawal = withdrawal_of(wish.body, identifier, target, problems)
    if problems:
        return refuse(wish.row, named, problems)
    admitted = _admit(wish.row, identifier, target, template.id if template else None, packed)
    return replace(admitted, withdrawal=withdrawal) if withdrawal else admitted


def read_identifier(text: str, target: Target, problems: list[FieldProblem]) -> Identifier | None:
    """Whole, or the suffix alone: text that does not begin with the job's prefix and a slash is a suffix, unless it begins
    with what looks like another prefix."""
    prefix = target.prefix
    try:
        if not text:
            raise IdentifierMalformed("identifier-missing", "the identifier is empty", "标识为空")
        before, slash, _ = text.partition("/")
        whole = bool(slash) and Identifier(before, "x").prefix_key == prefix.key
        if not whole and _FOREIGN.match(text) and scheme_of_prefix(prefix.key) is None:
            raise IdentifierMalformed(
                "prefix-differs",
                f"looks like an identifier of the prefix {before[:64]}, not {prefix.shown}; if it is a suffix, write "
                f"{prefix.shown}/ before it",
                f"看起来属于前缀 {before[:64]}，而不是 {prefix.shown}；如果它是后缀，请在前面写上 {prefix.shown}/",
            )
        found = parse_identifier(text if whole else f"{prefix.shown}/{text}")
        found.lies_under(prefix.key)
        return found
    except IdentifierMalformed as wrong:
        problems.append(wrong.at("identifier"))
        return None


def refuse(row: int, identifier: str, problems: list[FieldProblem], named: dict[str, str] | None = None) -> Refused:
    """One line for a row: the slug and column of its first problem, the texts of all."""
    first = problems[0]
    path = first.path.partition("]")[0] + "]" if "[" in first.path else first.path
    column = (named or {}).get(path, first.path)
    en, zh = "; ".join(one.en for one in problems), "；".join(one.zh for one in problems)
    return Refused(row, identifier[:_LONGEST_SHOWN], column, first.slug, en[:2_000], zh[:2_000])


def _admit(row: int, identifier: Identifier, target: Target, template_id: int | None, packed: bytes) -> Admitted:
    key, shown = identifier.key(target.prefix.suffix_case_sensitive), str(identifier)
    return Admitted(row, key, shown if shown != key else None, template_id, packed.decode())
