"""Numbered migrations, each in one transaction, applied in order and never changed afterwards.

They are written so that the version before them still runs on their result: add, never rename or drop in one step.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import asyncpg

_LOCK = 0x6269616F6A6965  # "biaojie": one migration at a time, whoever starts it
_TABLE = """
CREATE TABLE IF NOT EXISTS migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


class MigrationError(Exception):
    """The database is newer than this program, or an applied migration was edited afterwards."""


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def all_migrations() -> list[Migration]:
    found = [entry for entry in (files("core") / "migrations").iterdir() if entry.name.endswith(".sql")]
    return sorted(
        (Migration(int(entry.name[:4]), entry.name[5:-4], entry.read_text("utf-8")) for entry in found),
        key=lambda migration: migration.number,
    )


async def applied_numbers(connection: Any) -> set[int]:
    """Which migrations the database has; empty when it has never been migrated."""
    if await connection.fetchval("SELECT to_regclass('migration')") is None:
        return set()
    return {row["number"] for row in await connection.fetch("SELECT number FROM migration ORDER BY number LIMIT 10000")}


async def migrate(url: str, *, timeout_seconds: float = 600) -> list[Migration]:
    """Bring the database at `url` up to date; returns what was applied. Safe to run from several processes at once."""
    connection = await asyncpg.connect(url, timeout=10, command_timeout=timeout_seconds)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        rows = await connection.fetch("SELECT number, name, digest FROM migration ORDER BY number LIMIT 10000")
        todo = _pending(all_migrations(), {row["number"]: row["digest"] for row in rows})
        for migration in todo:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migration (number, name, digest) VALUES ($1, $2, $3)",
                    migration.number,
                    migration.name,
                    migration.digest,
                )
        return todo
    finally:
        await connection.close()


def _pending(known: list[Migration], applied: dict[int, str]) -> list[Migration]:
    newest = max((migration.number for migration in known), default=0)
    if applied and max(applied) > newest:
        raise MigrationError(
            f"the database has migration {max(applied)}, this program knows only up to {newest}: install a newer version"
        )
    for migration in known:
        if migration.number in applied and applied[migration.number] != migration.digest:
            raise MigrationError(f"migration {migration.number} ({migration.name}) was changed after it was applied")
    return [migration for migration in known if migration.number not in applied]
