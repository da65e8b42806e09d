"""Last use of keys: written in batches, never lost to a failure, never replaced by something older."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from core.database import StorePool, open_pool
from core.errors import StoreUnavailable
from core.key_use import KeyUse

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEYS = 2_500  # three statements


class Line:
    """To the database; `asked` is called for every statement, and says whether PostgreSQL is known to be lost."""

    def __init__(self) -> None:
        self.asked: Callable[[], bool] = lambda: False

    def is_lost(self) -> bool:
        return self.asked()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
async def pool(database: str, line: Line) -> AsyncIterator[StorePool]:
    opened = await open_pool(database, connections=1, timeout_seconds=5, is_lost=line.is_lost)
    await opened.execute(
        "INSERT INTO api_key (key_id, secret_digest, role) SELECT n::text, '', 'partner' FROM generate_series(1, $1) n",
        KEYS,
    )
    yield opened
    await opened.close()


async def used(pool: StorePool) -> dict[int, tuple[datetime, str]]:
    return {row["key"]: (row["used_at"], row["source"]) for row in await pool.fetch("SELECT * FROM api_key_use")}


async def test_what_could_not_be_written_is_written_later(pool: StorePool, line: Line) -> None:
    uses, statements = KeyUse(pool), itertools.count()
    for key in range(1, KEYS + 1):
        uses.note(key, NOON, "192.0.2.1")
    line.asked = lambda: next(statements) > 0
    with pytest.raises(StoreUnavailable):
        await uses.write()
    await uses.write_if_possible()
    line.asked = lambda: False
    assert len(await used(pool)) == 1_000
    await uses.write()
    assert await used(pool) == dict.fromkeys(range(1, KEYS + 1), (NOON, "192.0.2.1"))


async def test_a_use_during_the_writing_is_kept_for_the_next_time(pool: StorePool, line: Line) -> None:
    uses, later = KeyUse(pool), NOON + timedelta(seconds=1)

    def meanwhile() -> bool:
        uses.note(1, later, "later")
        return False

    uses.note(1, NOON, "first")
    line.asked = meanwhile
    await uses.write()
    line.asked = lambda: False
    assert await used(pool) == {1: (NOON, "first")}
    await uses.write()
    assert await used(pool) == {1: (later, "later")}


async def test_two_workers_leave_the_newer_use_whoever_writes_last(pool: StorePool) -> None:
    one, two = KeyUse(pool), KeyUse(pool)
    one.note(1, NOON + timedelta(seconds=1), "newer")
    two.note(1, NOON, "older")
    await one.write()
    await two.write()
    assert await used(pool) == {1: (NOON + timedelta(seconds=1), "newer")}
