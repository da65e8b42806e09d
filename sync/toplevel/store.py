"""The box's own store: one SQLite file. Knows SQL, no HTTP and no EPP.

SQLite, not the node's PostgreSQL: the box is another party, so nothing of it may stand in the node's database, and it starts
without a server. In WAL mode a commit survives kill -9 of the process; a power cut may take the last ones, which a stand-in
can bear.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from core.sqlfiles import load_sql

_SQL = {**load_sql("sync.toplevel", "box.sql"), **load_sql("sync.toplevel", "operations.sql")}
_SCHEMAS = ("schema.sql", "operations_schema.sql")
_FIRST_ENTERPRISE, _FIRST_MESSAGE = 58_210, 700_001
_FIRST_TRID = 8_800_000_001


class Store:
    """One connection, one process. `path` None: in memory, for tests."""

    def __init__(self, path: Path | None = None) -> None:
        self._database = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None, timeout=10)
        self._database.row_factory = sqlite3.Row
        if path is not None:
            path.chmod(0o600)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("PRAGMA foreign_keys = ON")
        for schema in _SCHEMAS:
            self._database.executescript((files("sync.toplevel") / "sql" / schema).read_text("utf-8"))
        self._number_from("enterprise", _FIRST_ENTERPRISE)
        self._number_from("message", _FIRST_MESSAGE)

    def _number_from(self, table: str, first: int) -> None:
        """Numbers as long as real ones, from the beginning; never given twice."""
        self._database.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, ?2 WHERE NOT EXISTS "
            "(SELECT 1 FROM sqlite_sequence WHERE name = ?1)",
            (table, first - 1),
        )

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it, or nothing."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def one(self, statement: str, /, **values: Any) -> Any:
        return self._database.execute(_SQL[statement], values).fetchone()

    def all(self, statement: str, /, **values: Any) -> list[Any]:
        return self._database.execute(_SQL[statement], values).fetchall()

    def run(self, statement: str, /, **values: Any) -> int:
        """How many rows it touched."""
        return self._database.execute(_SQL[statement], values).rowcount

    def value(self, statement: str, /, **values: Any) -> Any:
        row = self._database.execute(_SQL[statement], values).fetchone()
        return row[0] if row else None

    def next_sv_trid(self) -> str:
        """In a transaction that also writes the log."""
        return f"bms-{_FIRST_TRID + self.value('next_log') - 1}"

    def fact(self, name: str) -> Any:
        content = self.value("fact", name=name)
        return orjson.loads(content) if content else None

    def put_fact(self, name: str, content: Any) -> None:
        self.run("put_fact", name=name, content=orjson.dumps(content).decode())


def as_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
