"""The audit: every call that changes something leaves one entry, and no entry can be touched without being found out."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from core.database import open_pool
from registry.audit import sealer, verify
from registry.audit.sealer import Sealer
from registry.audit.verify import KeyNeeded, Step, walk
from tests.harness import ROOT, Node, item, until

KEY = b"a key that is not in the database"
ENTRIES = 25


@pytest.fixture
async def chain(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A connection of a superuser to a database whose 25 entries are sealed by tens, and triggers that do not hinder it."""
    monkeypatch.setattr(sealer, "MAX_ENTRIES", 10)
    connection = await asyncpg.connect(database)
    pool = await open_pool(database, connections=2, timeout_seconds=5)
    for number in range(ENTRIES):
        await connection.execute("INSERT INTO audit (action, object) VALUES ('register', $1)", f"88.118.8/{number}")
    await settled(connection)
    for expected in (10, 10, 5, 0):
        assert await Sealer(pool, KEY).seal_once() == expected
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await pool.close()
    await connection.close()


async def settled(connection: Any) -> None:
    """Until no transaction of another database holds the horizon back: autovacuum and other tests come and go."""

    async def above() -> bool:
        found: bool = await connection.fetchval(
            "SELECT coalesce(max(xid) < pg_snapshot_xmin(pg_current_snapshot()), true) FROM audit"
        )
        return found

    await until(above, 10)


async def findings(connection: Any, key: bytes = KEY, first: int = 1) -> list[tuple[int, str]]:
    return [(one.seal, one.en) async for step in walk(connection, first, key) for one in step.findings]


async def test_what_nobody_touched_is_whole(chain: Any) -> None:
    steps: list[Step] = [step async for step in walk(chain, 1, KEY)]
    assert [(step.seal, step.entries, step.findings) for step in steps] == [(1, 10, ()), (2, 10, ()), (3, 5, ())]
    assert await findings(chain, first=2) == []


TAMPERING = {
    "an entry changed": (
        "UPDATE audit SET object = 'x' WHERE id = 14",
        [(2, "entries changed or put in: 14; 1 sealed entries are not there as they were, among ids 11 … 20")],
    ),
    "its time moved by a microsecond": (
        "UPDATE audit SET at = at + interval '1 microsecond' WHERE id = 1",
        [(1, "entries changed or put in: 1; 1 sealed entries are not there as they were, among ids 1 … 10")],
    ),
    "an entry removed": (
        "DELETE FROM audit WHERE id = 14",
        [(2, "1 sealed entries are not there as they were, among ids 11 … 20")],
    ),
    "an entry put among the sealed": (
        "INSERT INTO audit (id, xid, action, object) OVERRIDING SYSTEM VALUE SELECT 999, xid, 'x', 'y' FROM audit WHERE id = 13",
        [(2, "entries changed or put in: 999")],
    ),
    "an entry put before all": (
        "INSERT INTO audit (id, xid, action, object) OVERRIDING SYSTEM VALUE VALUES (999, '1', 'x', 'y')",
        [(1, "entries changed or put in: 999")],
    ),
    "entries moved into another order": (
        "UPDATE audit SET xid = (SELECT xid FROM audit WHERE id = 12) WHERE id = 11",
        [(2, "entries changed or put in: 11; 1 sealed entries are not there as they were, among ids 11 … 20")],
    ),
    "a seal changed": (
        "UPDATE audit_seal SET sealed_at = sealed_at - interval '1 day' WHERE number = 2",
        [(2, "the seal itself, or the one before it, was changed")],
    ),
    "a hash changed": (
        "UPDATE audit_seal SET hash = sha256('x') WHERE number = 2",
        [
            (2, "the seal itself, or the one before it, was changed"),
            (3, "the seal itself, or the one before it, was changed"),
        ],
    ),
    "a seal removed": ("DELETE FROM audit_seal WHERE number = 2", [(3, "seals removed before it: 2")]),
    "the first seal removed": ("DELETE FROM audit_seal WHERE number = 1", [(2, "seals removed before it: 1")]),
    "a seal said to be without key": (
        "UPDATE audit_seal SET keyed = false WHERE number = 3",
        [(3, "the seal itself, or the one before it, was changed"), (3, "is not keyed, seals before it are")],
    ),
}


@pytest.mark.parametrize("name", TAMPERING)
async def test_tampering_is_found_and_named(chain: Any, name: str) -> None:
    statement, expected = TAMPERING[name]
    await chain.execute(statement)
    assert await findings(chain) == expected


async def test_a_seal_rewritten_with_its_entry_needs_the_key(chain: Any, database: str) -> None:
    """Somebody with the whole database, and not the key, seals anew what he changed: the hash gives him away."""
    await chain.execute("UPDATE audit SET object = 'x' WHERE id = 22")
    await chain.execute("DELETE FROM audit_seal WHERE number = 3")
    pool = await open_pool(database, connections=1, timeout_seconds=5)
    try:
        assert await Sealer(pool, b"a guess").seal_once() == 5
    finally:
        await pool.close()
    assert [seal for seal, _ in await findings(chain)] == [3]
    with pytest.raises(KeyNeeded):
        await findings(chain, b"")


async def test_nothing_is_sealed_that_an_older_transaction_may_still_come_before(chain: Any, database: str) -> None:
    await chain.execute("SET session_replication_role = origin")
    slow = await asyncpg.connect(database)
    pool = await open_pool(database, connections=2, timeout_seconds=5)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("INSERT INTO audit (action, object) VALUES ('register', 'slow')")
        await chain.execute("INSERT INTO audit (action, object) VALUES ('register', 'fast')")
        assert await Sealer(pool, KEY).seal_once() == 0, "the fast one waits for the slow one"
        await transaction.commit()
        await settled(chain)
        assert await Sealer(pool, KEY).seal_once() == 2
        assert await findings(chain) == []
    finally:
        await pool.close()
        await slow.close()


async def test_two_sealers_at_once_make_one_chain(chain: Any, database: str) -> None:
    await chain.execute("SET session_replication_role = origin")
    await chain.execute("INSERT INTO audit (action, object) SELECT 'register', n::text FROM generate_series(1, 200) n")
    await settled(chain)
    pools = [await open_pool(database, connections=2, timeout_seconds=5) for _ in range(2)]
    try:

        async def drain(pool: Any) -> int:
            done = 0
            while await chain_unsealed(pool):
                done += await Sealer(pool, KEY).seal_once()
            return done

        assert sum(await asyncio.gather(*map(drain, pools))) == 200
        assert await findings(chain) == []
    finally:
        for pool in pools:
            await pool.close()


async def chain_unsealed(pool: Any) -> int:
    head = await pool.fetchrow(verify.SQL["newest_seal"])
    row = await pool.fetchrow(verify.SQL["unsealed"], head["last_xid"], head["last_id"], 10_000)
    return int(row["entries"])


@pytest.mark.parametrize("table", ["audit", "audit_seal"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET {column} = {column}"])
async def test_neither_table_can_be_changed_by_the_way(chain: Any, table: str, statement: str) -> None:
    await chain.execute("SET session_replication_role = origin")
    column = "action" if table == "audit" else "marks"
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await chain.execute(statement.format(table, column=column))


async def test_the_command_says_what_it_finds(node: Node, database: str) -> None:
    """Over a node of its own, whose worker seals by itself."""
    for number in range(5):
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{number}"))

    async def sealed() -> bool:
        head = await node.operator.get("/api/v1/audit/head")
        rows = await connection.fetchval("SELECT count(*) FROM audit")
        done = await connection.fetchval("SELECT coalesce(sum(entries), 0) FROM audit_seal")
        return head.json["seal"] > 0 and rows == done

    connection = await asyncpg.connect(database)
    try:
        await until(sealed, 15)
        head = (await node.operator.get("/api/v1/audit/head")).json
        kept = f"{head['seal']}:{head['hash']}"
        whole = await command(node, "verify", "--head", kept)
        assert whole.returncode == 0 and "nothing touched" in whole.stdout and kept in whole.stdout, whole.stderr
        listed = await command(node, "list", "--action", "register", "--limit", "3")
        assert listed.returncode == 0 and len(listed.stdout.splitlines()) == 3, listed.stderr
        assert f"{node.prefix}/4" in listed.stdout.splitlines()[0], "newest first"
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("UPDATE audit SET object = object || 'x' WHERE id = 1")
        touched = await command(node, "verify")
        assert touched.returncode == 1 and "entries changed or put in: 1;" in touched.stdout
        await connection.execute("UPDATE audit SET object = rtrim(object, 'x') WHERE id = 1")
        assert (await command(node, "verify")).returncode == 0, "and is whole again"
        await connection.execute("DELETE FROM audit_seal WHERE number = $1", head["seal"])
        cut = await command(node, "verify", "--head", kept)
        # The worker may have sealed the freed entries again: at another time, so with another hash.
        assert cut.returncode == 1 and "its end was cut" in cut.stdout
    finally:
        await connection.close()
    wrong = await command(node, "verify", "--head", "nonsense")
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr


async def command(node: Node, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **node.settings.as_environment()}
    return await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "node.entry", "audit", *arguments], capture_output=True, text=True,
        timeout=60, cwd=ROOT, env=environment,
    )  # fmt: skip


async def test_entries_are_listed_newest_first_and_filtered(node: Node, database: str) -> None:
    for number in range(6):
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{number}"))
    await node.owner.post(f"/api/v1/identifiers/{node.prefix}/3/withdraw", {"reason": "r"})
    await node.stranger.post("/api/v1/identifiers", item(f"{node.stranger_prefix}/s"))
    found = await walked(node.owner.get, "")
    assert [one["object"] for one in found] == [f"{node.prefix}/3", *(f"{node.prefix}/{n}" for n in range(5, -1, -1))]
    assert (found[0]["action"], found[0]["by"]["key_id"]) == ("withdraw", (node.owner.key or "").split("_")[1])
    everything = await walked(node.operator.get, "")
    assert f"{node.stranger_prefix}/s" in {one["object"] for one in everything}
    assert [one["id"] for one in everything] == sorted((one["id"] for one in everything), reverse=True)
    assert [one["object"] for one in await walked(node.operator.get, "&action=withdraw")] == [f"{node.prefix}/3"]
    assert len(await walked(node.operator.get, f"&object={node.prefix}%2F3")) == 2
    key_id = (node.stranger.key or "").split("_")[1]
    assert {one["object"] for one in await walked(node.operator.get, f"&actor={key_id}")} == {
        f"{node.stranger_prefix}/s"
    }
    connection = await asyncpg.connect(database)
    middle = (
        (await connection.fetchval("SELECT at FROM audit WHERE id = $1", found[3]["id"]))
        .isoformat()
        .replace("+", "%2B")
    )
    await connection.close()
    later, earlier = await walked(node.owner.get, f"&from={middle}"), await walked(node.owner.get, f"&to={middle}")
    assert len(later) + len(earlier) == len(found) and later and earlier


async def walked(get: Callable[[str], Awaitable[Any]], query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    before = ""
    for _ in range(100):
        page = await get(f"/api/v1/audit?limit=2{query}{before}")
        assert page.status == 200, page.body
        found += page.json["items"]
        if page.json["next"] is None:
            return found
        before = f"&before={page.json['next']}"
    raise AssertionError("the list does not end")


@pytest.mark.parametrize(
    ("query", "path", "slug"),
    [
        ("limit=0", "limit", "number-invalid"),
        ("from=yesterday", "from", "time-invalid"),
        ("to=2026-01-01T00:00:00", "to", "time-invalid"),
        ("action=x;y", "action", "action-invalid"),
        ("before=5", "before", "position-invalid"),
        ("before=99999999999999999999-1", "before", "position-invalid"),
    ],
)
async def test_a_wrong_parameter_is_named(node: Node, query: str, path: str, slug: str) -> None:
    answer = await node.operator.get(f"/api/v1/audit?{query}")
    assert [(one["path"], one["slug"]) for one in answer.json["errors"]] == [(path, slug)]


async def test_metrics_tell_of_the_audit_bulk_jobs_and_exports(node: Node) -> None:
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/1"))
    await node.owner.post(f"/api/v1/bulk-jobs?prefix={node.prefix}", raw=b"identifier,1:A\nx,y\n")

    async def told() -> bool:
        text = (await node.anybody.get("/metrics")).body.decode()
        waiting = (
            'biaojie_bulk_jobs{state="received"} 1.0' in text and 'biaojie_bulk_rows{verdict="created"} 0.0' in text
        )
        return waiting and "biaojie_exports_running 0.0" in text and "biaojie_audit_unsealed_entries" in text

    await until(told, 15)
