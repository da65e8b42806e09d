"""What the box holds of escrow: SQLite files of its own. Knows SQL and what a deposit is made of, no HTTP. Blocking."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import orjson

from core.sqlfiles import load_sql
from sync.escrow.names import FULL, HELD, NODE, RECORD, utc_text
from sync.escrow.proof import Proof, Range
from sync.escrow.reading import Gone, Held, Piece, Shown
from sync.escrow.rows import Row, digest
from sync.escrow.writing import END, Head

_SQL = load_sql("sync.toplevel", "escrow.sql")
COPIES, DOCUMENTS = "escrow-copies.sqlite", "escrow-documents.sqlite"
_BATCH = 5_000
_RANGES = "ranges"


class CopyRefused(Exception):
    """A deposit that does not fit what is held, with its numbered result."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code, self.description = code, description


class EscrowStore:
    """Copies and documents stand in two files: a deposit of hours keeps no report waiting."""

    def __init__(self, directory: Path, file: str) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = str(directory / file)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._database = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript((files("sync.toplevel") / "sql" / "escrow_schema.sql").read_text("utf-8"))

    def close(self) -> None:
        self._database.close()

    def run(self, statement: str, *values: Any) -> None:
        self._database.execute(_SQL[statement], values)

    def rows(self, statement: str, *values: Any) -> list[Any]:
        return self._database.execute(_SQL[statement], values).fetchall()

    def value(self, statement: str, *values: Any) -> Any:
        row = self._database.execute(_SQL[statement], values).fetchone()
        return None if row is None else row[0]

    def fact(self, sln: str, name: str) -> Any:
        content = self.value("fact", sln, name)
        return None if content is None else orjson.loads(content)

    def put_fact(self, sln: str, name: str, content: Any) -> None:
        self.run("put_fact", sln, name, orjson.dumps(content).decode())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def last_full(self, sln: str) -> date | None:
        row = self.rows("base", sln)
        return date.fromisoformat(row[0][1]) if row else None

    def take(self, sln: str, pieces: Iterator[Piece], agrees: Callable[[Head], None]) -> tuple[Head, dict[str, int]]:
        """A whole deposit into the copy, or nothing of it; what is counted then. `agrees` raises `CopyRefused`, as this does; raises as
        the reading does."""
        with self.transaction():
            head = next(pieces)
            assert isinstance(head, Head)
            agrees(head)
            self._begin(sln, head)
            proof = Proof(())
            batch: list[Row] = []
            for piece in pieces:
                if isinstance(piece, Row):
                    batch.append(piece)
                    if len(batch) >= _BATCH:
                        self._put(sln, batch)
                        batch = []
                elif isinstance(piece, Gone):
                    self._drop(sln, piece)
                elif isinstance(piece, Held):
                    self.run("put_other", sln, HELD, f"{piece.object} {piece.key}")
                elif isinstance(piece, Shown):
                    self.run("put_other", sln, piece.namespace, piece.key)
                else:
                    proof = cast(Proof, piece)
                    self.run("put_other", sln, HELD, _RANGES)
            self._put(sln, batch)
            counts = self._counted(sln)
            if dict(head.counts) != counts:
                raise CopyRefused(2004, f"记录数与头部不一致：头部 {dict(head.counts)}，实际 {counts}")
            self._check(sln, proof.ranges)
            last_full = head.watermark.date() if head.kind == FULL else self.last_full(sln)
            self.run("put_base", sln, head.id, str(last_full))
        return head, counts

    def _begin(self, sln: str, head: Head) -> None:
        if head.sln != sln:
            raise CopyRefused(2201, f"头部前缀 {head.sln} 不是 {sln}")
        if head.kind == FULL:
            for table in ("empty_copy", "empty_content", "empty_other"):
                self.run(table, sln)
            return
        base = self.value("base", sln)
        if base is None or head.previous != base:
            raise CopyRefused(2004, f"差异托管基于 {head.previous}，而最近通过的是 {base}")

    def _put(self, sln: str, rows: list[Row]) -> None:
        self._database.executemany(_SQL["put_copy"], ((sln, row.key, digest(row)) for row in rows))
        self._database.executemany(_SQL["put_content"], ((sln, row.key, _dump(row)) for row in rows))

    def _drop(self, sln: str, piece: Gone) -> None:
        self.run("drop_copy", sln, piece.key)
        self.run("drop_content", sln, piece.key)
        self.run("drop_other", sln, piece.namespace, piece.key)

    def _counted(self, sln: str) -> dict[str, int]:
        counts = dict.fromkeys((NODE, RECORD, HELD), 0)
        counts.update(self.rows("count_other", sln))
        counts[RECORD] += self.value("count_copy", sln)
        return counts

    def _check(self, sln: str, ranges: tuple[Range, ...]) -> None:
        """What the deposit left behind is what its maker has."""
        firsts: list[str | None] = [one.first for one in ranges]
        for one, end in zip(ranges, [*firsts[1:], None], strict=True):
            if (found := self.range(sln, one.first, end)) != (one.rows, one.total):
                raise CopyRefused(2004, f"自 {one.first!r} 起的摘要不一致：{found[0]} 条，应为 {one.rows} 条")

    def range(self, sln: str, first: str, end: str | None) -> tuple[int, int]:
        """(rows, sum of their digests)."""
        count, high, low = self._database.execute(_SQL["range_digest"], (sln, first, end or END)).fetchone()
        return count, (high << 32) + low

    def digests(self, sln: str, first: str, end: str | None, most: int) -> list[tuple[str, int]]:
        return self.rows("digests_between", sln, first, end or END, most)

    def content(self, sln: str, keys: list[str]) -> list[Any]:
        found = ((key, self.value("content_of", sln, key)) for key in keys)
        return [orjson.loads(row) for _, row in found if row is not None]

    def put_report(self, sln: str, id_: str, day: date, at: datetime, document: bytes) -> None:
        self.run("put_report", sln, id_, day.isoformat(), utc_text(at), document)

    def put_notification(
        self, sln: str, day: date, status: str, id_: str | None, revision: int | None, at: datetime, document: bytes
    ) -> None:
        self.run("put_notification", sln, day.isoformat(), status, id_, revision, utc_text(at), document)


def _dump(row: Row) -> bytes:
    return orjson.dumps(
        [*row[:4], utc_text(row.created_at), row.changed_at and utc_text(row.changed_at), *row[6:9], row.value.decode()]
    )
