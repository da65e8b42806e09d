"""Rows of a job on disk between plan and merge: sorted by key, unique, in files of some hundred thousand.

They are written once in order of the file (`runs`); where that is not the order of keys already they are merged range by
range, so that memory holds one range and not the file. Nothing is synchronised to disk: they are made again from the upload
when the machine has been restarted since (`stamp`).
"""

from __future__ import annotations

import shutil
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl

from registry.bulk.admit import PREPARED
from registry.bulk.ahead import ahead

CHUNK_ROWS = 40_000
RANGE_ROWS = 8 * CHUNK_ROWS
_SAMPLE = 256
_BATCH = 8_192
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Run:
    """One sorted file; `samples` is every 256th key, beginning with the first."""

    number: int
    rows: int
    first: str
    last: str
    samples: list[str]
    repeats: bool  # some key more than once


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row whose key an earlier row of the file has; `same` when it also says the same."""

    row: int
    shown: str
    same: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one transaction merges: a slice of a piece."""

    number: int
    piece: int
    start: int
    rows: int
    first: str
    last: str


class Pieces:
    """The directory of one job."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._runs: list[Run] = []

    def clear(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, mode=0o700)

    def add(self, frame: pl.DataFrame) -> None:
        """A run."""
        if not len(frame):
            return
        number = len(self._runs)
        frame = frame.sort("key", "row")
        frame.write_ipc(self._path("run", number), compression="zstd", record_batch_size=_BATCH)
        keys = frame["key"]
        repeats = bool((keys == keys.shift(1)).any())
        samples = keys.gather_every(_SAMPLE).to_list()
        self._runs.append(Run(number, len(frame), keys[0], keys[-1], samples, repeats))

    def settle(self) -> Iterator[list[Repeat]]:
        """Bring all runs into one order of keys, each key once; gives the rows whose key an earlier row has, some at a time."""
        runs = self._runs
        if all(one.last < other.first for one, other in pairwise(runs)):
            for run in runs:
                self._path("run", run.number).rename(self._path("piece", run.number))
                if run.repeats:
                    yield self._write_unique(run.number, self.read(run.number))
            return
        bounds = [None, *self._bounds(), None]
        ranges = (self._range(low, high).sort("key", "row") for low, high in pairwise(bounds))
        with ahead(ranges) as frames:
            for number, frame in enumerate(frames):
                yield self._write_unique(number, frame)
        for run in runs:
            self._path("run", run.number).unlink()

    def chunks(self) -> list[Chunk]:
        """Every piece cut into chunks, in order of key."""
        chunks: list[Chunk] = []
        piece = 0
        while self._path("piece", piece).exists():
            keys = pl.scan_ipc(self._path("piece", piece)).select("key").collect()["key"]
            for start in range(0, len(keys), CHUNK_ROWS):
                rows = min(CHUNK_ROWS, len(keys) - start)
                chunks.append(Chunk(len(chunks), piece, start, rows, keys[start], keys[start + rows - 1]))
            piece += 1
        return chunks

    def read(self, piece: int) -> pl.DataFrame:
        return pl.read_ipc(self._path("piece", piece))

    def stamp(self) -> None:
        """All pieces are whole."""
        (self.directory / "whole").write_text(_boot())

    @property
    def whole(self) -> bool:
        """Whether the pieces are all there, as they were written."""
        try:
            return (self.directory / "whole").read_text() == _boot()
        except OSError:
            return False

    def drop(self) -> None:
        """The rows are merged: only verdicts stay."""
        (self.directory / "whole").unlink(missing_ok=True)
        for path in self.directory.glob("piece-*.ipc"):
            path.unlink()

    def _path(self, kind: str, number: int) -> Path:
        return self.directory / f"{kind}-{number:06d}.ipc"

    def _write_unique(self, number: int, frame: pl.DataFrame) -> list[Repeat]:
        frame, repeats = unique(frame)
        unfinished = self._path("unfinished", number)
        frame.write_ipc(unfinished, compression="zstd", record_batch_size=_BATCH)
        unfinished.rename(self._path("piece", number))  # never over a file that is being read
        return repeats

    def _bounds(self) -> list[str]:
        """Keys that divide all rows into ranges of about `RANGE_ROWS`."""
        samples = sorted(sample for run in self._runs for sample in run.samples)
        return sorted(set(samples[RANGE_ROWS // _SAMPLE :: RANGE_ROWS // _SAMPLE]))

    def _range(self, low: str | None, high: str | None) -> pl.DataFrame:
        """All rows with low ≤ key < high, of whichever run."""
        parts = [pl.DataFrame(schema=PREPARED)]
        for run in self._runs:
            if (high is not None and run.first >= high) or (low is not None and run.last < low):
                continue
            start = 0 if low is None else max(0, bisect_left(run.samples, low) - 1) * _SAMPLE
            stop = run.rows if high is None else min(run.rows, bisect_left(run.samples, high) * _SAMPLE)
            part = pl.scan_ipc(self._path("run", run.number)).slice(start, stop - start).collect()
            if low is not None:
                part = part.filter(pl.col("key") >= low)
            parts.append(part if high is None else part.filter(pl.col("key") < high))
        return pl.concat(parts)


def unique(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Repeat]]:
    """The first row of each key of a frame sorted by key and row, and the others."""
    first = (frame["key"] != frame["key"].shift(1)).fill_null(value=True)
    if first.all():
        return frame, []
    kept = frame.filter(first)
    others = frame.filter(~first).join(
        kept.select("key", "value", "template_id", "withdrawal"), on="key", suffix="_first"
    )
    same = pl.col("value").eq(pl.col("value_first"))
    for name in ("template_id", "withdrawal"):
        same &= pl.col(name).eq_missing(pl.col(f"{name}_first"))
    told = others.select("row", pl.coalesce("shown", "key").alias("shown"), same.alias("same"))
    return kept, [Repeat(row, shown, equal) for row, shown, equal in told.iter_rows()]


def _boot() -> str:
    """This start of the machine."""
    return _BOOT.read_text().strip() if _BOOT.exists() else "unknown"
