"""Writers of the formats: (record, template) after (record, template) into a file that is only ever written on."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import orjson

from core.record import Record
from core.template import Template
from registry.export.rows import COLUMNS, cells_of, item_of, named_cells

Rows = Iterator[tuple[Record, Template | None]]
FORMATS = ("ndjson", "csv", "parquet")
NAMES = ("zh", "en")
ENCODINGS = {"utf-8": "utf-8", "utf-8-bom": "utf-8-sig", "gb18030": "gb18030"}
MEDIA_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
_AT_ONCE = 500
_GROUP_ROWS = 20_000
_STATUS_NAMES = {"zh": "状态", "en": "status"}


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, as it is told to the process that does it. `template` is a canonical key. `owner` is the
    enterprise that asks: what was transferred to others is left out; None: nothing is."""

    prefix: str
    format: str
    template: str | None = None
    names: str = "zh"
    encoding: str = "utf-8"
    templates: bool = False
    owner: int | None = None


def write(order: Order, rows: Rows, template: Template | None, file: IO[bytes]) -> int:
    """How many rows were written. Raises as `file` does."""
    if order.format == "ndjson":
        return _write_ndjson(rows, file)
    if order.format == "parquet":
        return _write_parquet(rows, file)
    if template is None:
        return _write_csv(rows, file, COLUMNS, cells_of, ENCODINGS[order.encoding])
    names = [item.name_zh if order.names == "zh" else item.name_en for item in template.items]
    indexes = [item.index for item in template.items]
    header = ("identifier", _STATUS_NAMES[order.names], *names)
    return _write_csv(rows, file, header, lambda record, _: named_cells(record, indexes), ENCODINGS[order.encoding])


def _write_ndjson(rows: Rows, file: IO[bytes]) -> int:
    """The last line says how many there are and what they add up to: without it the file was broken off."""
    digest, count = hashlib.sha256(), 0
    for some in _some(rows):
        octets = b"".join(orjson.dumps(item_of(*row)) + b"\n" for row in some)
        digest.update(octets)
        file.write(octets)
        count += len(some)
    file.write(orjson.dumps({"export": {"rows": count, "sha256": digest.hexdigest()}}) + b"\n")
    return count


def _write_csv(
    rows: Rows, file: IO[bytes], header: Sequence[str], cells: Callable[[Record, Template | None], Sequence[str]],
    encoding: str,
) -> int:  # fmt: skip
    """RFC 4180 with CRLF. Nothing is put in front of cells that a spreadsheet may take for formulas: that would change them."""
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(header)
    file.write(text.getvalue().encode(encoding))
    after = "utf-8" if encoding == "utf-8-sig" else encoding  # one mark, at the beginning
    count = 0
    for some in _some(rows):
        text.seek(0)
        text.truncate()
        lines.writerows(cells(*row) for row in some)
        file.write(text.getvalue().encode(after))
        count += len(some)
    return count


def _write_parquet(rows: Rows, file: IO[bytes]) -> int:
    """The columns of the lossless CSV as text, zstd, groups of 20,000 rows; absent is empty, as there."""
    import polars as pl  # of no use to other formats
    from polars.io.plugins import register_io_source

    schema: dict[str, Any] = dict.fromkeys(COLUMNS, pl.String)
    count = 0

    def frames(*_: Any) -> Iterator[pl.DataFrame]:
        nonlocal count
        for some in _some(rows, _GROUP_ROWS):
            count += len(some)
            yield pl.DataFrame([cells_of(*row) for row in some], schema=schema, orient="row")

    register_io_source(frames, schema=schema).sink_parquet(file, compression="zstd", row_group_size=_GROUP_ROWS)
    return count


def _some(rows: Rows, most: int = _AT_ONCE) -> Iterator[list[tuple[Record, Template | None]]]:
    held: list[tuple[Record, Template | None]] = []
    for row in rows:
        held.append(row)
        if len(held) == most:
            yield held
            held = []
    if held:
        yield held
