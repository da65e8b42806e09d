"""What every reader of rows gives: a batch of rows not yet judged, in columns where they could be read so, else one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from core.identifier import shorten
from registry.bulk.law import Cells, Item, Refused
from registry.bulk.layout import Column


@dataclass(slots=True)
class Batch:
    """`frame` has `row`, `identifier` and a text column for each of `columns` (position, column); `singles` are rows that
    were read one by one; `refused` could not be read at all. `read` bytes of the file so far. `clean`: no text of the frame has
    a character that JSON escapes, as far as is known."""

    frame: pl.DataFrame | None
    columns: list[tuple[int, Column]]
    singles: list[Cells | Item] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    read: int = 0
    clean: bool = False


def unreadable(row: int, why_en: str, why_zh: str, line: str) -> Refused:
    """A row that cannot be read, with how it begins."""
    begins = shorten(line, 60)
    return Refused(row, "", "", "row-unreadable", f"{why_en}; it begins {begins}", f"{why_zh}；该行开头为 {begins}")


NUL = (
    "has a NUL character or bytes that are not text in the file's encoding",
    "含有 NUL 字符，或含有不符合文件编码的字节",
)
