"""NDJSON: one object a line, its members named as the columns of a CSV would be, or the API's own items.

A member may be text, a number or true and false, which stand as JSON writes them; null is absent. Each line is read by a
JSON parser in C and then spread over columns, about half a million a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from registry.bulk.decoding import Decoder
from registry.bulk.law import Item, Refused
from registry.bulk.layout import IDENTIFIER, Column, Layout, Names, Target
from registry.bulk.reading import NUL, Batch, unreadable


class JsonRows:
    """Reads one file. `layout` grows with the members that are met."""

    def __init__(self, path: Path, target: Target, decoder: Decoder | None = None) -> None:
        self._decoder = decoder or Decoder(path)
        self._names = Names(target)
        self._row = 0
        self._unknown: dict[str, None] = {}
        self._columns: dict[int, Column] = {}

    @property
    def encoding(self) -> str | None:
        return self._decoder.encoding

    @property
    def layout(self) -> Layout:
        return Layout((IDENTIFIER, *self._columns.values()), tuple(self._unknown))

    def batches(self) -> Iterator[Batch]:
        for block in self._decoder.blocks():
            yield self._batch(block.octets.removesuffix(b"\n").split(b"\n"), block.read)

    def _batch(self, lines: list[bytes], read: int) -> Batch:
        batch = Batch(None, [], read=read)
        rows: list[int] = []
        identifiers: list[str] = []
        cells: dict[int, list[str | None]] = {}
        for line in lines:
            self._row += 1
            body = self._object(line, batch)
            if body is None:
                continue
            if "identifier" not in body and isinstance(body.get("export"), dict):
                continue  # the last line of an export, which says that it is whole
            if isinstance(body.get("values"), list):
                batch.singles.append(Item(self._row, body))
                continue
            placed = self._placed(body, batch)
            if placed is None:
                continue
            rows.append(self._row)
            identifiers.append(placed.pop(0, ""))
            for index, text in placed.items():
                column = cells.setdefault(index, [])
                column.extend([None] * (len(rows) - 1 - len(column)))
                column.append(text)
        batch.columns = [(index, self._columns[index]) for index in sorted(cells)]
        if rows:
            for column in cells.values():
                column.extend([None] * (len(rows) - len(column)))
            named = {f"c{index}": pl.Series(cells[index], dtype=pl.String) for index in sorted(cells)}
            batch.frame = pl.DataFrame(
                {
                    "row": pl.Series(rows, dtype=pl.UInt64),
                    "identifier": pl.Series(identifiers, dtype=pl.String),
                    **named,
                }
            )
        return batch

    def _object(self, line: bytes, batch: Batch) -> dict[str, Any] | None:
        if not line or line.isspace():
            return None
        if b"\0" in line:
            batch.refused.append(unreadable(self._row, *NUL, line[:300].decode("utf-8", "replace")))
            return None
        try:
            body = orjson.loads(line)
        except orjson.JSONDecodeError as wrong:
            said = line[:300].decode("utf-8", "replace")
            batch.refused.append(unreadable(self._row, f"is not JSON ({wrong.msg})", "不是有效的 JSON", said))
            return None
        if not isinstance(body, dict):
            said = line[:300].decode("utf-8", "replace")
            batch.refused.append(unreadable(self._row, "is not a JSON object", "不是 JSON 对象", said))
            return None
        return body

    def _placed(self, body: dict[str, Any], batch: Batch) -> dict[int, str] | None:
        """Text by index, the identifier under 0; None when the row is refused."""
        placed: dict[int, str] = {}
        for name, said in body.items():
            column = self._names.find(name)
            if column is None:
                if len(self._unknown) < 1_000:
                    self._unknown[name[:100]] = None
                continue
            index = 0 if isinstance(column, str) else column.index
            if isinstance(column, Column):
                self._columns.setdefault(index, column)
            text = _text(said)
            if text is None or index in placed:
                named = body.get(IDENTIFIER)
                batch.refused.append(_wrong(self._row, named if isinstance(named, str) else "", name, text is None))
                return None
            placed[index] = text
        return placed


def _text(said: Any) -> str | None:
    """A member as the text of a cell; None when it cannot be one."""
    if isinstance(said, str):
        return said
    if said is None:
        return ""
    return None if isinstance(said, dict | list) else orjson.dumps(said).decode()


def _wrong(row: int, identifier: str, name: str, no_text: bool) -> Refused:
    if no_text:
        return Refused(
            row,
            identifier[:300],
            name[:100],
            "data-invalid",
            "must be text, not a list or an object",
            "必须是文本，而不是数组或对象",
        )
    return Refused(
        row,
        identifier[:300],
        name[:100],
        "column-twice",
        "another member means the same value",
        "另一个成员对应同一个值",
    )
