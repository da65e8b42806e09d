"""Refused rows as CSV on disk: one file from the plan, one for each chunk that refused something.

Written by the runner, streamed by the workers. A chunk's file is written before the chunk commits, so a chunk that is
merged has its file, and one that is merged again writes the same.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from registry.bulk.law import Refused

HEADER = ("row", "identifier", "column", "slug", "zh", "en")
PLAN = "refused-plan.csv"


class Refusals:
    """The file of the plan, while it is being written."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / PLAN
        self._file: IO[str] | None = None
        self.count = 0
        self.samples: list[Refused] = []

    def add(self, refused: Iterable[Refused], most_samples: int) -> None:
        for one in refused:
            if self._file is None:
                self._file = self._path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file, lineterminator="\n").writerow(line_of(one))
            self.count += 1
            if len(self.samples) < most_samples:
                self.samples.append(one)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def write_chunk(directory: Path, number: int, refused: Sequence[Refused]) -> None:
    path = chunk_path(directory, number)
    if not refused:
        path.unlink(missing_ok=True)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(map(line_of, refused))


def chunk_path(directory: Path, number: int) -> Path:
    return directory / f"refused-{number:06d}.csv"


def refusal_paths(directory: Path) -> list[Path]:
    """In order of the file for what the plan refused, then in order of key."""
    return sorted(directory.glob("refused-*.csv"), key=lambda path: (path.name != PLAN, path.name))


def line_of(one: Refused) -> tuple[int, str, str, str, str, str]:
    """On one line, whatever the file holds: Python's writer leaves a lone carriage return bare."""
    return (
        one.row,
        _printable(one.identifier),
        _printable(one.column),
        one.slug,
        _printable(one.zh),
        _printable(one.en),
    )


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
