"""CSV: rows in columns where a line is plainly one row, one by one where it is not.

The grammar is that of Python's `csv` module in its strict mode. A record that it cannot read (a quote never closed, text
behind a closing quote) costs its first line only: reading goes on at the next, so that no good row is lost. Rows count as a
spreadsheet shows them: the header is row 1, blank lines count, a record over several lines is one row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from registry.bulk.decoding import MAX_LINE_BYTES, Decoder
from registry.bulk.law import Cells
from registry.bulk.layout import Column, Layout, LayoutWrong, Target, lay_out
from registry.bulk.reading import NUL, Batch, unreadable

_DELIMITERS = (",", ";", "\t")
_MAX_RECORD_LINES = 200_000
_CONTROLS = bytes(range(0x20))
csv.field_size_limit(2 * MAX_LINE_BYTES)


class CsvRows:
    """Reads one file. After the first batch `layout` is known."""

    def __init__(self, path: Path, target: Target, decoder: Decoder | None = None) -> None:
        self._decoder = decoder or Decoder(path)
        self._target = target
        self._row = 0  # rows read so far
        self._delimiter = ","
        self._plain = ""
        self.layout: Layout | None = None

    @property
    def encoding(self) -> str | None:
        return self._decoder.encoding

    def batches(self) -> Iterator[Batch]:
        """Raises `LayoutWrong` when the header cannot be used, or there is none."""
        held = b""
        read = 0
        for block in self._decoder.blocks():
            read = block.read
            batch, held = self._batch(held + block.octets, read, last=False)
            yield batch
        if held:
            batch, _ = self._batch(held, read, last=True)
            yield batch
        if self.layout is None:
            raise LayoutWrong("file-empty", "the file has no header row", "文件没有标题行")

    def _batch(self, octets: bytes, read: int, *, last: bool) -> tuple[Batch, bytes]:
        """What the block says, and the beginning of a record that is not yet complete."""
        if not last and not octets.endswith(b"\n"):  # the last line of the file: only the end tells that it is whole
            cut = octets.rfind(b"\n") + 1
            octets, tail = octets[:cut], octets[cut:]
        else:
            tail = b""
        start = 0
        if self.layout is None:
            start = self._read_header(octets, last=last)
            if start < 0:
                return Batch(None, [], read=read), octets + tail
            octets = octets[start:]
        if self._whole_block(octets, batch := Batch(None, self._columns(), read=read)):
            return batch, tail
        lines = _lines(octets)
        plain = lines.str.contains(self._plain) if self._plain else pl.Series([False] * len(lines), dtype=pl.Boolean)
        taken = len(lines)
        if plain.all():
            batch.frame = self._frame(octets, len(lines))
            batch.frame = None if batch.frame is None else self._numbered(batch.frame, None)
        if batch.frame is None or len(batch.frame) != len(lines):
            taken = self._mixed(lines, plain, batch, last=last)
        rest = lines[taken:].to_list()
        return batch, ("\n".join(rest) + "\n").encode() + tail if rest else tail

    def _whole_block(self, octets: bytes, batch: Batch) -> bool:
        """Whether every line is one row by itself, read in one go. Without quotes that is so when no line has too many
        cells, of which Polars complains, and all together have as many as they must."""
        assert self.layout is not None
        lines = octets.count(b"\n") + (bool(octets) and not octets.endswith(b"\n"))
        wanted = lines * (len(self.layout.columns) - 1)
        if not (self._plain and lines) or any(found in octets for found in (b'"', b"\r", b"\0")):
            return False
        if octets.count(self._delimiter.encode()) != wanted or (frame := self._frame(octets, lines)) is None:
            return False
        batch.frame = self._numbered(frame, None)
        batch.clean = b"\\" not in octets and len(octets.translate(None, _CONTROLS)) == len(octets) - octets.count(
            b"\n"
        )
        return True

    def _read_header(self, octets: bytes, *, last: bool) -> int:
        """Where the rows begin; -1 when the header is not whole yet. Raises `LayoutWrong`."""
        text = octets.decode("utf-8", "replace")
        wrong: LayoutWrong | None = None
        for delimiter in sorted(_DELIMITERS, key=text.partition("\n")[0].count, reverse=True):
            self._delimiter = delimiter
            lines = _first_lines(text)
            position = 0
            header: list[str] | None = []
            while position < len(lines) and not any(header or ()):  # blank lines before the header count as rows
                header, used = self._record(lines, position, last=last)
                if header is None:
                    raise LayoutWrong("header-unreadable", "the first row cannot be read", "无法读取首行")
                if used == 0:
                    break
                position += used
                self._row += 1
            if not header or not any(header):
                self._row = 0
                if last:
                    raise LayoutWrong("header-unreadable", "the first row cannot be read", "无法读取首行")
                return -1
            try:
                self.layout = lay_out(header, self._target)
            except LayoutWrong as unfit:
                wrong, self._row = wrong or unfit, 0
                continue
            self._plain = _plain_line(len(header), delimiter) if len(header) > 1 else ""
            return len("".join(lines[:position]).encode())
        assert wrong is not None
        raise wrong

    def _columns(self) -> list[tuple[int, Column]]:
        assert self.layout is not None
        return [(at, column) for at, column in enumerate(self.layout.columns) if isinstance(column, Column)]

    def _frame(self, octets: bytes, count: int) -> pl.DataFrame | None:
        """Plain lines in columns; None when Polars sees them otherwise than we do."""
        assert self.layout is not None
        names = [f"c{at}" for at in range(len(self.layout.columns))]
        try:
            frame = pl.read_csv(
                octets, has_header=False, separator=self._delimiter, schema=dict.fromkeys(names, pl.String),
                quote_char='"' if b'"' in octets else None,
            )  # fmt: skip
        except pl.exceptions.PolarsError:
            return None
        return frame if len(frame) == count else None

    def _numbered(self, frame: pl.DataFrame, rows: pl.Series | None) -> pl.DataFrame:
        """With `row` and `identifier`, and only the columns that are values."""
        assert self.layout is not None
        if rows is None:
            first = self._row + 1
            self._row += len(frame)
            rows = pl.int_range(first, first + len(frame), dtype=pl.UInt64, eager=True)
        return frame.select(
            rows.alias("row"),
            pl.col(f"c{self.layout.identifier_at}").alias("identifier"),
            *(f"c{at}" for at, _ in self._columns()),
        )

    def _mixed(self, lines: pl.Series, plain: pl.Series, batch: Batch, *, last: bool) -> int:
        """Lines of which some are not plain: those one by one, the others in columns. How many lines were taken."""
        text = lines.to_list()
        alone = (~plain).arg_true().to_list()
        skipped: list[int] = []
        free, taken = 0, len(text)
        shift = 0  # lines that were not rows of their own so far
        for at in alone:
            if at < free:
                continue
            row = self._row + at - shift + 1
            fields, used = self._record(text, at, last=last)
            if fields is not None and used == 0:
                taken = at
                break
            self._take_one(row, fields, text[at], batch)
            free = at + used
            skipped.extend(range(at + 1, free))
            shift += used - 1
        keep = plain[:taken]
        if skipped:
            keep = keep.scatter(skipped, False)
        starts = pl.Series("row", range(self._row + 1, self._row + taken + 1), dtype=pl.UInt64)
        if skipped:
            joined = pl.Series([0] * taken, dtype=pl.UInt64).scatter(skipped, 1).cum_sum()
            starts = starts - joined
        good = lines[:taken].filter(keep)
        if len(good):
            octets = (good.str.join("\n")[0] + "\n").encode()
            frame = self._frame(octets, len(good))
            if frame is None:
                for row, line in zip(starts.filter(keep).to_list(), good.to_list(), strict=True):
                    fields, _ = self._record([line], 0, last=True)
                    self._take_one(row, fields, line, batch)
            else:
                batch.frame = self._numbered(frame, starts.filter(keep))
        self._row += taken - shift
        return taken

    def _record(self, lines: list[str], at: int, *, last: bool) -> tuple[list[str] | None, int]:
        """The record that begins at a line, and how many lines it takes: (None, 1) when it cannot be read, ([], 0) when
        its end may still come."""
        waiting = _Counted(lines, at)
        try:
            fields = next(csv.reader(waiting, delimiter=self._delimiter, strict=True))
        except (csv.Error, StopIteration):
            if waiting.ran_out and not last and waiting.size < MAX_LINE_BYTES:
                return [], 0
            return None, 1
        return fields, waiting.used

    def _take_one(self, row: int, fields: list[str] | None, line: str, batch: Batch) -> None:
        assert self.layout is not None
        wanted = len(self.layout.columns)
        if fields is None:
            batch.refused.append(unreadable(row, "the quotes do not close as they must", "引号未正确闭合", line))
        elif not fields:
            return  # a blank line
        elif any("\0" in cell for cell in fields):
            batch.refused.append(unreadable(row, *NUL, line))
        elif len(fields) != wanted:
            batch.refused.append(
                unreadable(
                    row,
                    f"it has {len(fields)} cells, the first row has {wanted}",
                    f"该行有 {len(fields)} 格，首行有 {wanted} 格",
                    line,
                )
            )
        else:
            named = [(column, fields[at]) for at, column in self._columns()]
            batch.singles.append(Cells(row, fields[self.layout.identifier_at], named))


class _Counted:
    """Lines for the csv reader from one on, counted; bounded, so that one open quote does not read everything."""

    def __init__(self, lines: list[str], at: int) -> None:
        self._lines = islice(lines, at, at + _MAX_RECORD_LINES)
        self._most = len(lines) - at
        self.used = self.size = 0
        self.ran_out = False

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        if self.size > MAX_LINE_BYTES:
            raise StopIteration
        for line in self._lines:
            self.used += 1
            self.size += len(line)
            return line if line.endswith("\n") else line + "\n"
        self.ran_out = self.used == self._most
        raise StopIteration


def _plain_line(columns: int, delimiter: str) -> str:
    """Matches a line that is one record of that many cells by itself."""
    at = re.escape(delimiter)
    cell = f'(?:[^"{at}\\n\\r\\x00]*|"(?:[^"\\n\\r\\x00]|"")*")'
    return f"^{cell}(?:{at}{cell}){{{columns - 1}}}$"


def _lines(octets: bytes) -> pl.Series:
    """One text for each line."""
    count = octets.count(b"\n") + (not octets.endswith(b"\n") and bool(octets))
    if not count:
        return pl.Series([], dtype=pl.String)
    if b"\x01" not in octets and b"\n\n" not in octets and not octets.startswith(b"\n"):
        lines = pl.read_csv(
            octets, has_header=False, separator="\x01", quote_char=None, schema={"line": pl.String},
            empty_string_is_null=False,
        )["line"]  # fmt: skip
        if len(lines) == count:
            return lines
    return pl.Series(octets.removesuffix(b"\n").decode().split("\n"), dtype=pl.String)


def _first_lines(text: str) -> list[str]:
    """The header may go over lines, not over thousands."""
    return list(islice(io.StringIO(text, newline="\n"), 2_000))
