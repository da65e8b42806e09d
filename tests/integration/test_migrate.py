"""Migrations: once each, by whoever comes first, never edited, never by a program older than its database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

import core.migrate
from core.migrate import Migration, MigrationError, all_migrations, applied_numbers, migrate
from tests.conftest import Servers


@pytest.fixture
async def empty(servers: Servers) -> AsyncIterator[str]:
    """The URL of a database with nothing in it."""
    admin = await asyncpg.connect(servers.named("postgres"))
    await admin.execute("DROP DATABASE IF EXISTS empty WITH (FORCE)")
    await admin.execute("CREATE DATABASE empty TEMPLATE template0 ENCODING 'UTF8'")
    yield servers.named("empty")
    await admin.execute("DROP DATABASE empty WITH (FORCE)")
    await admin.close()


async def executed(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def known(url: str) -> set[int]:
    connection = await asyncpg.connect(url)
    try:
        return await applied_numbers(connection)
    finally:
        await connection.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.number for migration in all_migrations()] == list(range(1, len(all_migrations()) + 1))


async def test_migrating_twice_is_migrating_once(empty: str) -> None:
    assert await known(empty) == set()
    assert await migrate(empty) == all_migrations()
    assert await migrate(empty) == []
    assert await known(empty) == {migration.number for migration in all_migrations()}


async def test_of_many_at_once_exactly_one_applies_each(empty: str) -> None:
    done = await asyncio.gather(*(migrate(empty) for _ in range(4)))
    assert sorted(map(len, done)) == [0, 0, 0, len(all_migrations())]


async def test_an_edited_migration_is_refused(empty: str) -> None:
    await migrate(empty)
    await executed(empty, "UPDATE migration SET digest = 'edited' WHERE number = 1")
    with pytest.raises(MigrationError, match=r"migration 1 \(ground\) was changed"):
        await migrate(empty)


async def test_a_newer_database_is_refused_and_left_alone(empty: str) -> None:
    await migrate(empty)
    await executed(empty, "INSERT INTO migration (number, name, digest) VALUES (9999, 'future', 'x')")
    with pytest.raises(MigrationError, match="migration 9999.*install a newer version"):
        await migrate(empty)


async def test_a_migration_that_fails_leaves_nothing_of_itself(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await migrate(empty)
    number = len(all_migrations()) + 1
    broken = Migration(number, "broken", "CREATE TABLE half (n int); SELECT 1/0")
    with_broken = [*all_migrations(), broken]
    monkeypatch.setattr(core.migrate, "all_migrations", lambda: with_broken)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty)
    connection = await asyncpg.connect(empty)
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    await connection.close()
    assert number not in await known(empty)


async def test_the_tables_stay_as_thin_as_decided(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        hot = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = 'identifier'")
        whole = [row["indexdef"] for row in hot if " WHERE " not in row["indexdef"]]
        summaries = [text for text in whole if " USING brin " in text]
        assert len(whole) == 2 and "identifier_pkey" in whole[0] + whole[1], "one index on the hot table"
        assert ["identifier_created" in text for text in summaries] == [True], "and a summary of which pages are new"
        partial = [row["indexdef"] for row in hot if " WHERE " in row["indexdef"]]
        assert sorted(text.rpartition(" WHERE ")[2] for text in partial) == [
            "(owner_id IS NOT NULL)",
            "(status = 2)",
        ], "and those that usual rows do not touch"
        order = "SELECT collname FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation WHERE attrelid = 'identifier'::regclass AND attname = 'key'"
        assert await connection.fetchval(order) == "C"
    finally:
        await connection.close()
