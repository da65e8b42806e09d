"""The verdict on each row, streamed: refused rows, and when asked every row. Reads the job's files, never the table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import orjson

from registry.bulk.refusals import HEADER, refusal_paths

_BLOCK_LINES = 2_000


def refused_csv(directory: Path) -> Iterator[bytes]:
    """As it lies on disk, under a header; with a mark, so that spreadsheets read the Chinese."""
    yield ("\ufeff" + ",".join(HEADER) + "\n").encode()
    for path in refusal_paths(directory):
        with path.open("rb") as file:
            while octets := file.read(256 * 1024):
                yield octets


def refused_ndjson(directory: Path) -> Iterator[bytes]:
    for path in refusal_paths(directory):
        with path.open(encoding="utf-8", newline="") as file:
            lines: list[bytes] = []
            for row, *texts in csv.reader(file):
                lines.append(orjson.dumps({"row": int(row), **dict(zip(HEADER[1:], texts, strict=True))}))
                if len(lines) == _BLOCK_LINES:
                    yield b"\n".join(lines) + b"\n"
                    lines.clear()
            if lines:
                yield b"\n".join(lines) + b"\n"


def others(directory: Path, *, as_json: bool) -> Iterator[bytes]:
    """Rows that were not refused, in order of key: `slug` says created, unchanged or changed."""
    from registry.bulk.verdict_files import read_verdicts  # Polars, which a worker needs for nothing else

    for rows in read_verdicts(directory):
        if as_json:
            yield b"".join(
                orjson.dumps({"row": row, "identifier": shown, "slug": slug}) + b"\n" for row, shown, slug in rows
            )
        else:
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="\n").writerows((row, shown, "", slug, "", "") for row, shown, slug in rows)
            yield text.getvalue().encode()
