"""PostgreSQL answers every hot statement from an index, with a table that is large enough to tempt it otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from core.sqlfiles import load_sql

ROWS = 20_000
FEED, REGISTRY, LOOKUP = (
    load_sql("core", "feed.sql"),
    load_sql("registry", "identifiers.sql"),
    load_sql("resolver", "lookup.sql"),
)
DIRECTORY = load_sql("core", "directory.sql")
VALUES, AUDIT, COUNTS = (load_sql("registry", f"{name}.sql") for name in ("value_index", "audit", "counts"))


@pytest.fixture
async def loaded(database: str) -> AsyncIterator[Any]:
    """A connection to a database with 20,000 identifiers, a change for each second one, and statistics."""
    connection = await asyncpg.connect(database)
    await connection.execute(
        f"""
        INSERT INTO enterprise (name) SELECT 'E' || n FROM generate_series(1, 2000) n;
        ALTER TABLE prefix DISABLE TRIGGER prefix_stamp;  -- as if each had been given in a transaction of its own
        ALTER TABLE api_key DISABLE TRIGGER api_key_stamp;
        INSERT INTO prefix (prefix, shown, enterprise_id, changed_xid)
            SELECT '88.118.' || n, '88.118.' || n, n, n::text::xid8 FROM generate_series(1, 2000) n;
        INSERT INTO api_key (key_id, secret_digest, role, changed_xid)
            SELECT to_hex(n), '\\x00', 'partner', n::text::xid8 FROM generate_series(1, 2000) n;
        INSERT INTO application (token_digest, state, credit_code, form, enterprise_id)
            SELECT '\\x00', 'active', n, '{{}}', n FROM generate_series(1, 2000) n;
        INSERT INTO identifier (key, value)
            SELECT '88.118.' || (n % 2000 + 1) || '/S' || n, '[[2001,"MODEL","BAV99"]]' FROM generate_series(1, {ROWS}) n;
        INSERT INTO identifier_change (xid, version, actor, kind, key, old_status, old_value, at)
            SELECT (n % 700 + 3)::text::xid8, 2, 1, 'revise', '88.118.8/S' || n, 1, '[]', now() - make_interval(days => n)
            FROM generate_series(1, {ROWS // 2}) n;
        UPDATE identifier SET status = 2 WHERE key LIKE '%7';
        UPDATE identifier SET owner_id = 7 WHERE key LIKE '%77';
        INSERT INTO value_index SELECT '88.118.8', 'MODEL', decode(repeat('37', 16), 'hex'), '88.118.8/S' || n
            FROM generate_series(1, 10000) n;
        INSERT INTO audit (xid, actor, action, object)
            SELECT (n % 700 + 3)::text::xid8, 1, 'register', 'x' || n FROM generate_series(1, 10000) n;
        INSERT INTO audit_seal SELECT n, 1, '3', n, '3', n, '', false, '', '2026-01-01'::timestamptz + n * interval '1 s'
            FROM generate_series(1, 10000) n;
        INSERT INTO enterprise_count SELECT e, '88.118.' || e, '2026-01-01'::timestamptz + h * interval '1 h', 0, 1
            FROM generate_series(1, 100) e, generate_series(1, 100) h;
        ANALYZE;
        """
    )
    yield connection
    await connection.close()


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


async def plan_of(connection: Any, statement: str, *arguments: Any) -> list[dict[str, Any]]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        found = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *arguments)
        return nodes(orjson.loads(found)[0]["Plan"])
    finally:
        await transaction.rollback()


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
BOUNDS = ("88.118.8/", "88.118.8/", "88.118.80", "88.118.80")
SOME = [f"88.118.{n % 2000 + 1}/S{n}" for n in range(1, 129)]
STATEMENTS = {
    "lookup find_many": (LOOKUP["find_many"], (SOME,)),
    "lookup find_many of one": (LOOKUP["find_many"], (SOME[:1],)),
    "lookup find_many of unknown": (LOOKUP["find_many"], ([f"88.118.8/none-{n}" for n in range(128)],)),
    "registry find_many": (REGISTRY["find_many"], (SOME,)),
    "find_one": (REGISTRY["find_one"], (SOME[0],)),
    "lock_one": (REGISTRY["lock_one"], (SOME[0],)),
    "page": (REGISTRY["page"], ("88.118.8/", "88.118.8/", "88.118.80", "88.118.80", 100)),
    "page after": (REGISTRY["page"], ("88.118.8/S10007", "88.118.8/", "88.118.80", "88.118.80", 100)),
    "page of a range": (REGISTRY["page"], ("88.118.8/", "88.118.8/S1", "88.118.8/S2", "88.118.8/S1999", 100)),
    "scan_page": (REGISTRY["scan_page"], (*BOUNDS, 200, 100, None, 1, LONG_AGO, None, None, None)),
    "scan_withdrawn": (REGISTRY["scan_withdrawn"], (*BOUNDS, 200, 100, None, 2, None, None, None, None)),
    "keys_with_value": (VALUES["keys_with_value"], ("88.118.8", "MODEL", b"7" * 16, *BOUNDS, 100)),
    "end_of_step": (VALUES["end_of_step"], ("88.118.8/", "88.118.80", 200)),
    "newest_seal": (AUDIT["newest_seal"], ()),
    "settled_entries": (AUDIT["settled_entries"], ("600", 0, 100)),
    "entries_between": (AUDIT["entries_between"], ("600", 0, "620", 0, 200)),
    "page_of_entries": (
        AUDIT["page_of_entries"],
        ("650", 0, "0", 0, 200, None, None, "register", None, None, None, 100),
    ),
    "sealed_before": (AUDIT["sealed_before"], (LONG_AGO,)),
    "counts_by_hour": (COUNTS["counts_by_hour"], (8, None, LONG_AGO, LONG_AGO + timedelta(days=1), 100)),
    "change_one": (REGISTRY["change_one"], (SOME[0], b"[]", None, 1, None, 2)),
    "changed_identifiers": (FEED["changed_identifiers"], ("690:702:690,695",)),
    "changed_prefixes": (FEED["changed_prefixes"], ("100000000:100000000:",)),
    "changed_keys": (FEED["changed_keys"], ("100000000:100000000:",)),
    "recently_changed_identifiers": (FEED["recently_changed_identifiers"], (3600,)),
    "one_key": (DIRECTORY["one_key"], ("7d0",)),
    "one_prefix": (DIRECTORY["one_prefix"], ("88.118.1500",)),
    "owned_elsewhere": (REGISTRY["owned_elsewhere"], (7, "88.118.8/S1", 100)),
}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_hot_statements_use_an_index(loaded: Any, name: str) -> None:
    statement, arguments = STATEMENTS[name]
    plan = await plan_of(loaded, statement, *arguments)
    scans = [node for node in plan if "Scan" in node["Node Type"]]
    assert scans and any("Index" in node["Node Type"] for node in scans)
    assert not [node for node in scans if node["Node Type"] == "Seq Scan"], [node["Node Type"] for node in plan]
    assert "Sort" not in {node["Node Type"] for node in plan}, "the order of the index is the order of the page"
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans) <= 2 * max(ROWS // 40, 300)


async def test_a_page_reads_no_more_rows_than_it_gives(loaded: Any) -> None:
    plan = await plan_of(loaded, REGISTRY["page"], *BOUNDS, 3)
    assert max(node["Actual Rows"] for node in plan) == 3


async def test_inserting_reads_nothing_of_the_table_but_its_key(loaded: Any) -> None:
    keys = [f"88.118.8/new-{n:04d}" for n in range(500)] + SOME
    keys.sort()
    columns = (keys, [None] * len(keys), [b"[]"] * len(keys), [None] * len(keys))
    plan = await plan_of(loaded, REGISTRY["insert_new"], *columns)
    assert {node["Node Type"] for node in plan} == {"ModifyTable", "Function Scan"}
    assert (plan[0]["Tuples Inserted"], plan[0]["Conflicting Tuples"]) == (500, 128)
    assert plan[0]["Conflict Arbiter Indexes"] == ["identifier_pkey"]


async def test_a_group_of_registrations_finds_its_prefixes_by_their_key(loaded: Any) -> None:
    """Whether each is still whose it was believed to be: a few neighbouring pages, not all prefixes of the node."""
    keys = sorted(f"88.118.{n}/group" for n in range(1, 65))
    same: list[list[Any]] = [[value] * len(keys) for value in (None, b"[]", None, 1, None, "r")]
    numbers = [int(key.split(".")[2].split("/")[0]) for key in keys]
    owners = [n if n % 2 else n + 1 for n in numbers]
    sent = (keys, *same, 3, owners, [0] * len(keys))
    plan = await plan_of(loaded, REGISTRY["insert_group"], *sent)
    assert any(node.get("Index Name") == "prefix_pkey" and node["Parent Relationship"] == "Inner" for node in plan)
    assert len(await loaded.fetch(REGISTRY["insert_group"], *sent)) == 32, "those that believed rightly"


async def test_counting_a_registration_touches_the_writers_own_row(loaded: Any) -> None:
    for _ in range(2):
        await loaded.execute(REGISTRY["count_registrations"], ["88.118.8", "88.118.9"], [3, 4], 5)
    rows = await loaded.fetch("SELECT prefix, slot, registered FROM enterprise_count WHERE slot = 5 ORDER BY prefix")
    assert [tuple(row) for row in rows] == [("88.118.8", 5, 6), ("88.118.9", 5, 8)]


async def test_a_scan_ends_at_its_page_or_its_bound(loaded: Any) -> None:
    """Rows looked at: those of the page where they are found early, else as many as allowed, whatever there is."""
    everything = ("88.118.", "88.118.", "88.119", "88.119")
    early = await plan_of(loaded, REGISTRY["scan_page"], *everything, 5_000, 10, None, 1, None, None, None, None)
    late = await plan_of(loaded, REGISTRY["scan_page"], *everything, 5_000, 10, 77, None, None, None, None, None)
    looked_at = [max(node["Actual Rows"] for node in plan if "Scan" in node["Node Type"]) for plan in (early, late)]
    assert looked_at[0] <= 20 and looked_at[1] <= 5_001
