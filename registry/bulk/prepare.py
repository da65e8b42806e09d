"""From the uploaded file to sorted, packed, unique rows on disk and the refusals. Runs in a thread; knows no database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from registry.bulk.admit import PREPARED, admit
from registry.bulk.ahead import Behind, ahead
from registry.bulk.csv_rows import CsvRows
from registry.bulk.decoding import Decoder
from registry.bulk.json_rows import JsonRows
from registry.bulk.law import Admitted, Cells, Item, Refused, judge
from registry.bulk.layout import Column, Layout, Target
from registry.bulk.parquet_rows import ParquetRows
from registry.bulk.pieces import Chunk, Pieces, Repeat
from registry.bulk.reading import Batch
from registry.bulk.refusals import Refusals
from registry.bulk.sheet_rows import sheet_to_csv
from registry.bulk.verdict_files import write_repeats

SAMPLES = 10
_RUN_ROWS = 500_000


class Rows(Protocol):
    """A reader of one format."""

    @property
    def layout(self) -> Layout | None: ...
    @property
    def encoding(self) -> str | None: ...
    def batches(self) -> Iterator[Batch]: ...


@dataclass(slots=True)
class Prepared:
    """What the file alone says. `rows` without header and blank lines; `seconds` by stage."""

    rows: int = 0
    refused: int = 0
    unchanged: int = 0
    chunks: list[Chunk] = field(default_factory=list)
    encoding: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    unknown_columns: tuple[str, ...] = ()
    refused_samples: list[Refused] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


class Stopped(Exception):
    """Somebody paused or cancelled the job meanwhile."""


def prepare(source: Path, format_: str, target: Target, pieces: Pieces, progress: Callable[[int], None]) -> Prepared:
    """`progress` hears how many bytes are read, and may raise `Stopped`. Raises `LayoutWrong`."""
    pieces.clear()
    done = Prepared()
    refusals = Refusals(pieces.directory)
    began = time.perf_counter()
    try:
        rows = _open(source, format_, target, pieces.directory)
        with ahead(rows.batches()) as batches, Behind(pieces.add) as sorting:
            for frame in _runs(batches, target, refusals, progress):
                sorting.add(frame)
            sorting.settle()
        done.seconds["read"] = time.perf_counter() - began
        for number, repeats in enumerate(pieces.settle()):
            _settle_repeats(repeats, refusals, done)
            if same := [(one.row, one.shown) for one in repeats if one.same]:
                write_repeats(pieces.directory, number, same)
            progress(-1)
        done.seconds["sort"] = time.perf_counter() - began - done.seconds["read"]
    finally:
        refusals.close()
    done.chunks = pieces.chunks()
    done.refused = refusals.count
    done.rows = done.refused + done.unchanged + sum(chunk.rows for chunk in done.chunks)
    done.refused_samples = refusals.samples
    done.encoding = rows.encoding or ""
    if rows.layout is not None:
        done.unknown_columns = rows.layout.unknown
        done.columns = {c.name: f"{c.index}:{c.type}" for c in rows.layout.columns if isinstance(c, Column)}
    pieces.stamp()
    return done


def _open(source: Path, format_: str, target: Target, directory: Path) -> Rows:
    if format_ == "ndjson":
        return JsonRows(source, target)
    if format_ == "parquet":
        return ParquetRows(source, target)
    if format_ == "xlsx":
        as_csv = directory / "sheet.csv"
        sheet_to_csv(source, as_csv)
        decoder = Decoder(as_csv)
        decoder.encoding = "utf-8"
        return CsvRows(as_csv, target, decoder)
    return CsvRows(source, target)


def _runs(
    batches: Iterator[Batch], target: Target, refusals: Refusals, progress: Callable[[int], None]
) -> Iterator[pl.DataFrame]:
    """Admitted rows, some hundred thousand at a time."""
    held: list[pl.DataFrame] = []
    count = 0
    for batch in batches:
        held.append(_judged(batch, target, refusals))
        count += len(held[-1])
        progress(batch.read)
        if count >= _RUN_ROWS:
            yield pl.concat(held)
            held, count = [], 0
    if count:
        yield pl.concat(held)


def _judged(batch: Batch, target: Target, refusals: Refusals) -> pl.DataFrame:
    refused = list(batch.refused)
    admitted: list[Admitted] = []
    frames: list[pl.DataFrame] = []
    wishes: list[Cells | Item] = batch.singles
    if batch.frame is not None:
        decided = admit(batch.frame, batch.columns, target, clean=batch.clean)
        frames.append(decided.admitted)
        wishes = [*wishes, *_as_cells(decided.rest, batch.columns)]
    for wish in wishes:
        verdict = judge(wish, target)
        if isinstance(verdict, Refused):
            refused.append(verdict)
        else:
            admitted.append(verdict)
    refusals.add(sorted(refused, key=lambda one: one.row), SAMPLES)
    if admitted:
        frames.append(_frame(admitted))
    return pl.concat(frames) if frames else pl.DataFrame(schema=PREPARED)


def _as_cells(rest: pl.DataFrame, columns: list[tuple[int, Column]]) -> Iterator[Cells]:
    kinds = [column for _, column in columns]
    for row, identifier, *texts in rest.iter_rows():
        yield Cells(row, identifier or "", [(kind, text or "") for kind, text in zip(kinds, texts, strict=True)])


def _frame(admitted: list[Admitted]) -> pl.DataFrame:
    data: dict[str, list[Any]] = {name: [getattr(one, name) for one in admitted] for name in PREPARED}
    return pl.DataFrame(data, schema=PREPARED)


def _settle_repeats(repeats: list[Repeat], refusals: Refusals, done: Prepared) -> None:
    """The first of equal keys wins: the same again is unchanged, anything else refused."""
    done.unchanged += sum(one.same for one in repeats)
    refusals.add(
        (
            Refused(
                one.row, one.shown, "identifier", "identifier-twice",
                "an earlier row of the file has this identifier with other content",
                "文件中前面的行已有该标识，且内容不同",
            )
            for one in repeats
            if not one.same
        ),
        SAMPLES,
    )  # fmt: skip
