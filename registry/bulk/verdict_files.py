"""What became of the rows that were not refused: a small file a chunk, written before the chunk commits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

_REPEATS = "verdicts-repeats"
_AT_ONCE = 10_000


def write_verdicts(directory: Path, number: int, frame: pl.DataFrame, not_created: dict[int, str]) -> None:
    """`not_created`: place in the chunk → verdict; every other row was created."""
    rows = frame.select("row", pl.coalesce("shown", "key").alias("shown"), pl.lit("created").alias("slug"))
    if not_created:
        slugs = ["created"] * len(frame)
        for place, slug in not_created.items():
            slugs[place] = slug
        rows = rows.with_columns(pl.Series("slug", slugs)).filter(pl.col("slug") != "refused")
    rows.write_ipc(directory / f"verdicts-{number:06d}.ipc", compression="zstd")


def write_repeats(directory: Path, number: int, repeats: list[tuple[int, str]]) -> None:
    """Rows that say again what an earlier row of the file says."""
    rows, shown = [row for row, _ in repeats], [text for _, text in repeats]
    frame = pl.DataFrame(
        {"row": rows, "shown": shown, "slug": "unchanged"},
        schema={"row": pl.UInt64, "shown": pl.String, "slug": pl.String},
    )
    frame.write_ipc(directory / f"{_REPEATS}-{number:06d}.ipc", compression="zstd")


def read_verdicts(directory: Path) -> Iterator[list[tuple[int, str, str]]]:
    """(row, identifier, verdict), a bounded list at a time."""
    for path in sorted(directory.glob("verdicts-*.ipc")):
        frame = pl.read_ipc(path)
        for start in range(0, len(frame), _AT_ONCE):
            yield frame.slice(start, _AT_ONCE).rows()
