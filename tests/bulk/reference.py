"""The slow, obviously right way to read a file of rows: Python's csv module, the identifier law, `core.values.pack`."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field

from core.errors import FieldProblem, IdentifierMalformed
from core.identifier import parse_identifier
from core.template import check_values
from core.value_intake import check_size
from core.values import HandleValue, pack
from registry.bulk.layout import Target

csv.field_size_limit(64 * 2**20)


@dataclass
class Expected:
    """What must become of a file: key → (row, packed) and row → slug."""

    admitted: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    unchanged: set[int] = field(default_factory=set)


def decode(octets: bytes, encoding: str) -> str:
    """With NUL for what does not read."""
    text = octets.decode(encoding, "biaojie.nul")
    return text.replace("\r\n", "\n")


def records(text: str) -> list[tuple[int, list[str] | None]]:
    """(row, cells) of each record, None where the csv module cannot read it: that costs its first line only."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    found: list[tuple[int, list[str] | None]] = []
    at, row = 0, 0
    while at < len(lines):
        row += 1
        used = 0

        def rest(start: int = at) -> object:
            nonlocal used
            for line in lines[start:]:
                used += 1
                yield line + "\n"

        try:
            found.append((row, next(csv.reader(rest(), strict=True))))
        except (csv.Error, StopIteration):
            found.append((row, None))
            used = 1
        at += used
    return found


def expect(text: str, target: Target, columns: list[tuple[int, str]]) -> Expected:
    """`columns` are (index, type) behind the identifier, in the order of the header."""
    expected = Expected()
    for row, cells in records(text)[1:]:
        if cells == []:
            continue
        slug = _slug(cells, columns)
        if slug is not None or cells is None:
            expected.refused[row] = slug or "row-unreadable"
            continue
        problems: list[FieldProblem] = []
        key = _key(cells[0], target, problems)
        values = [
            HandleValue(index, kind, cell) for (index, kind), cell in zip(columns, cells[1:], strict=True) if cell
        ]
        values.sort(key=lambda value: value.index)
        if not values:
            problems.append(FieldProblem("", "values-missing", "", ""))
        for value in values:
            if len(value.data.encode()) > 65_536:
                problems.append(FieldProblem("", "data-too-large", "", ""))
        if target.template is not None and values and not any(one.slug == "data-too-large" for one in problems):
            check_values(target.template, values, "", problems)
        if not problems:
            check_size(pack(values), "", problems)
        if problems or key is None:
            expected.refused[row] = problems[0].slug
        elif key not in expected.admitted:
            expected.admitted[key] = (row, pack(values))
        elif expected.admitted[key][1] == pack(values):
            expected.unchanged.add(row)
        else:
            expected.refused[row] = "identifier-twice"
    return expected


def _slug(cells: list[str] | None, columns: list[tuple[int, str]]) -> str | None:
    if cells is None or any("\0" in cell for cell in cells) or len(cells) != len(columns) + 1:
        return "row-unreadable"
    return None


def _key(text: str, target: Target, problems: list[FieldProblem]) -> str | None:
    prefix = target.prefix
    try:
        if not text:
            raise IdentifierMalformed("identifier-missing", "-", "-")
        before, slash, _ = text.partition("/")
        whole = slash and before.upper() == prefix.key
        if not whole and slash and "." in before and before.replace(".", "").isalnum() and before.isascii():
            parts = before.split(".")
            if parts[0].isdigit() and all(parts):
                raise IdentifierMalformed("prefix-differs", "-", "-")
        return parse_identifier(text if whole else f"{prefix.shown}/{text}").key(prefix.suffix_case_sensitive)
    except IdentifierMalformed as wrong:
        problems.append(wrong.at("identifier"))
        return None
