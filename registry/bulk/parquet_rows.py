"""Parquet: columns named as those of a CSV, read a slice at a time. Rows count from 1; whatever is no text becomes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from registry.bulk.layout import Column, Layout, LayoutWrong, Target, lay_out
from registry.bulk.reading import Batch

_SLICE = 50_000


class ParquetRows:
    """Reads one file. After the first batch `layout` is known."""

    def __init__(self, path: Path, target: Target) -> None:
        self._path = path
        self._target = target
        self.layout: Layout | None = None
        self.encoding = "parquet"

    def batches(self) -> Iterator[Batch]:
        """Raises `LayoutWrong` when the file or its columns cannot be used."""
        try:
            source = pl.scan_parquet(self._path)
            header = source.collect_schema().names()
            count = int(source.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as wrong:
            raise LayoutWrong(
                "file-unreadable", "is no Parquet file, or a broken one", "不是有效的 Parquet 文件"
            ) from wrong
        self.layout = lay_out(header, self._target)
        named = [(at, column) for at, column in enumerate(self.layout.columns) if isinstance(column, Column)]
        size = self._path.stat().st_size
        for start in range(0, count, _SLICE):
            try:
                frame = self._slice(source, header, named, start)
            except pl.exceptions.PolarsError as wrong:
                raise LayoutWrong("file-unreadable", f"cannot be read as text: {wrong}", "无法按文本读取") from wrong
            yield Batch(frame, named, read=size * min(count, start + _SLICE) // count)

    def _slice(
        self, source: pl.LazyFrame, header: list[str], named: list[tuple[int, Column]], start: int
    ) -> pl.DataFrame:
        assert self.layout is not None
        identifier = pl.col(header[self.layout.identifier_at]).cast(pl.String).fill_null("").alias("identifier")
        cells = [pl.col(header[at]).cast(pl.String).alias(f"c{at}") for at, _ in named]
        rows = pl.int_range(start + 1, start + 1 + pl.len(), dtype=pl.UInt64).alias("row")
        return source.slice(start, _SLICE).select(rows, identifier, *cells).collect()
