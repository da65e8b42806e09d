"""What changes flows to the top level in commit order, once, whatever is lost on the way; and what differs there is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest

from node.standby_lines import read_standby, standby_lines
from sync.escrow.writing import END
from sync.takeover.flow import rewind
from sync.takeover.lines import identifier_line, read_line
from sync.takeover.standby import SQL, pages
from sync.takeover.telling import NoBase
from sync.toplevel.store import _SQL
from tests.conftest import Servers
from tests.harness import at, item, text_value
from tests.takeover_stage import Stage, compared, held_here, held_there, older, settled, staged


@pytest.fixture
async def stage(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with staged(database, servers, session, tmp_path) as found:
        yield found


def line(stage: Stage, key: str) -> Any:
    found = stage.box.desk.store.value("line", app_id=stage.account["app_id"], key=key)
    return None if found is None else orjson.loads(found)


async def numbers(stage: Stage) -> list[int]:
    return [row["number"] for row in await stage.peered.pool.fetch("SELECT number FROM standby_change ORDER BY number")]


async def bases(stage: Stage) -> int:
    query = "SELECT count(*) FROM standby_snapshot WHERE completed_at IS NOT NULL"
    return int(await stage.peered.pool.fetchval(query))


async def test_what_changes_is_there_after_the_next_round(stage: Stage) -> None:
    node, keeper = stage.peered.node, stage.keeper
    there = f"/api/v1/identifiers/{at(node.prefix + '/A')}"
    await keeper.tick()
    before = await numbers(stage)
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/NEW"))
    many = [item(f"{node.prefix}/M{number}", "x" * 1_000) for number in range(2_500)]
    await node.owner.post("/api/v1/identifiers:batch", {"items": many})
    await node.owner.call("PUT", there, {"values": [text_value(1, "DESC", "new")]})
    await node.owner.post(f"/api/v1/identifiers/{at(node.prefix + '/B')}/withdraw", {"reason": "recalled"})
    await keeper.tick()
    assert line(stage, f"{node.prefix}/NEW")["version"] == 1 and line(stage, f"{node.prefix}/M2499") is not None
    assert line(stage, f"{node.prefix}/A")["values"][0]["data"]["value"] == "new"
    assert line(stage, f"{node.prefix}/B")["withdrawn"]
    assert len(await numbers(stage)) == len(before) + 2  # documents keep their bounds
    await keeper.tick()
    assert (
        len(await numbers(stage)) == len(before) + 2 and await bases(stage) == 1
    )  # nothing is told that did not change
    order = stage.order()
    for name, status in (("NEW", 200), ("A", 200), ("B", 410)):
        assert (await stage.box.api.get(f"/api/handles/{at(f'{node.prefix}/{name}')}")).status == status, name
    assert await stage.send(order) == "accepted"
    assert (await stage.hand_back(order))["reconcile"]["different"] == 0


async def test_prefix_data_flow_with_their_holder_and_state(stage: Stage) -> None:
    node = stage.peered.node
    told = line(stage, node.prefix)
    assert told["state"] == "active" and told["answering"] and told["holder"]["name"]
    assert (
        await node.operator.post(f"/api/v1/prefixes/{node.prefix}:suspend", {"reason": "x", "stop_answering": True})
    ).status == 200
    await stage.keeper.tick()
    assert (line(stage, node.prefix)["state"], line(stage, node.prefix)["answering"]) == ("suspended", False)
    page = (await stage.box.api.get("/watch", headers={"Accept-Language": "en"})).body.decode()
    assert "Prefixes that changed last" in page and f"{node.prefix}</span> suspended, held by" in page
    order = stage.order()
    assert (await stage.box.api.get(f"/api/handles/{at(node.prefix + '/A')}")).status == 404  # nor is it answered there
    assert await stage.send(order) == "accepted"
    assert (await node.operator.post(f"/api/v1/prefixes/{node.prefix}:resume")).status == 200
    await stage.keeper.tick()  # what protects goes on to flow
    assert (await stage.box.api.get(f"/api/handles/{at(node.prefix + '/A')}")).status == 200
    assert (await stage.hand_back(order))["decision"] == "accept"
    granted = {"enterprise_id": 1, "prefix": "88.118.4711"}
    assert (await node.operator.post("/api/v1/prefixes", granted)).status == 201
    await stage.keeper.tick()
    held = line(stage, "88.118.4711")["holder"]["name"]
    await stage.peered.pool.execute("UPDATE enterprise SET name = name || ' (更名)' WHERE id = 1")
    await stage.keeper.tick()
    assert line(stage, "88.118.4711")["holder"]["name"] == f"{held} (更名)"
    assert (await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": "20.500"})).status == 201
    await stage.keeper.tick()  # one that lies under another node's prefix holds nothing up
    assert (await compared(stage)).different == 0 and await bases(stage) == 1


async def test_what_is_committed_late_is_told_late_and_not_lost(stage: Stage, database: str) -> None:
    """Its transaction began before that of a row that is told already, and has the lower number."""
    node = stage.peered.node
    connection = await asyncpg.connect(database)
    try:
        slow = connection.transaction()
        await slow.start()
        await connection.execute(
            "INSERT INTO identifier (key, value) SELECT $1, value FROM identifier WHERE key = $2",
            f"{node.prefix}/SLOW",
            f"{node.prefix}/A",
        )
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/QUICK"))
        await stage.keeper.tick()
        assert line(stage, f"{node.prefix}/QUICK") and line(stage, f"{node.prefix}/SLOW") is None
        await slow.commit()
        await stage.keeper.tick()
        assert line(stage, f"{node.prefix}/SLOW")
    finally:
        await connection.close()


async def test_changes_are_sent_again_on_wish_and_where_the_top_level_lacks_them(stage: Stage) -> None:
    node, pool, store = stage.peered.node, stage.peered.pool, stage.box.desk.store
    for name in ("ONE", "TWO", "THREE"):
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{name}"))
        await stage.keeper.tick()
    first, *_, last = await numbers(stage)
    assert await rewind(pool, first) == last - first + 1
    said = await read_standby(pool)
    assert said["waiting"] == last - first + 1 and f"{said['waiting']:,}" in standby_lines(said)[0]
    await stage.keeper.tick()  # duplicates
    assert (await read_standby(pool))["waiting"] == 0
    await older(stage)
    assert line(stage, f"{node.prefix}/TWO") is None
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/FOUR"))
    await stage.keeper.tick()
    assert all(line(stage, f"{node.prefix}/{name}") for name in ("ONE", "TWO", "THREE", "FOUR"))
    assert await bases(stage) == 1
    store._database.execute("DELETE FROM standby_stream")
    store._database.execute("DELETE FROM standby_base")
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/FIVE"))
    await stage.keeper.tick()
    await stage.keeper.tick()
    assert line(stage, f"{node.prefix}/FIVE") and await bases(stage) == 2  # it lacked everything


async def test_two_contents_under_a_number_begin_a_stream_of_another_name(stage: Stage) -> None:
    """The node was restored from a copy of its database, and numbers again what it had told."""
    node, pool = stage.peered.node, stage.peered.pool
    stream = await pool.fetchval(SQL["stream"])
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/ONE"))
    await stage.keeper.tick()
    await pool.execute("DELETE FROM standby_change WHERE number = (SELECT max(number) FROM standby_change)")
    await pool.execute("UPDATE standby_state SET number = number - 1")
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/OTHER"))
    for _ in range(3):
        await stage.keeper.tick()
    assert await pool.fetchval(SQL["stream"]) != stream and await bases(stage) == 2
    assert held_there(stage) == await held_here(pool) and (await compared(stage)).different == 0


async def test_more_changes_than_the_whole_is_worth_are_a_new_whole(stage: Stage) -> None:
    node, flow = stage.peered.node, stage.keeper._flow
    flow._least = 3
    items = [item(f"{node.prefix}/M{number}") for number in range(10)]
    await node.owner.post("/api/v1/identifiers:batch", {"items": items})
    await stage.keeper.tick()
    await stage.keeper.tick()
    assert await bases(stage) == 2 and line(stage, f"{node.prefix}/M9")
    assert len(await numbers(stage)) <= 1  # what the set holds is kept no longer
    for name in ("ONE", "TWO", "THREE", "FOUR"):
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{name}"))
        await stage.keeper.tick()
    await stage.keeper.tick()
    assert await bases(stage) == 3 and held_there(stage) == await held_here(stage.peered.pool)


async def test_after_a_bulk_job_no_more_is_looked_for_than_is_told(stage: Stage) -> None:
    """Ten million rows are known to be too many after the first that are."""
    node, pool, flow = stage.peered.node, stage.peered.pool, stage.keeper._flow
    position = await pool.fetchrow(SQL["position"])
    items = [item(f"{node.prefix}/M{number}") for number in range(10)]
    await node.owner.post("/api/v1/identifiers:batch", {"items": items})
    async with pool.acquire() as connection:
        xid = await connection.fetchval(SQL["next_transaction"])
        arguments = (position["seen"], position["since"], xid)
        assert [row["found"] for row in await connection.fetch(SQL["changed_identifiers"], *arguments, 11)] == [10] * 10
        assert [row["found"] for row in await connection.fetch(SQL["changed_identifiers"], *arguments, 4)] == [4]
    flow._least = 3
    assert isinstance(await flow.round(), NoBase) and await numbers(stage) == []  # none of them was written down
    await stage.keeper._keep_current()
    assert await bases(stage) == 2 and held_there(stage) == await held_here(pool)


async def test_a_whole_set_that_is_completed_meanwhile_ends_a_gap(stage: Stage) -> None:
    node, flow = stage.peered.node, stage.keeper._flow
    for name in ("ONE", "TWO"):
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{name}"))
        await stage.keeper.tick()
    await older(stage)
    last = (await numbers(stage))[-1]
    await stage.peered.pool.execute("DELETE FROM standby_change WHERE number < $1", last)
    put = flow._put

    async def overtaken(path: str, body: bytes, media_type: str) -> tuple[int, bytes]:
        said = await put(path, body, media_type)
        flow._put = put
        await stage.keeper._standby.send()  # by command
        return said

    flow._put = overtaken
    assert await rewind(stage.peered.pool, last) == 1
    assert await flow.round() is None
    assert held_there(stage) == await held_here(stage.peered.pool)


async def test_nothing_is_read_for_a_top_level_that_is_away(stage: Stage) -> None:
    pool, keeper = stage.peered.pool, stage.keeper
    made = "SELECT count(*) FROM standby_snapshot"
    await keeper._flow.lose("lost", False)
    stage.box.turn(vanish=-1)
    await keeper.tick()
    assert await pool.fetchval(made) == 1
    old = "UPDATE standby_snapshot SET made_at = made_at - interval '40 days' RETURNING snapshot_id"
    first = await pool.fetchval(old)
    stage.box.turn(**stage.box.calm)
    await settled(keeper)
    assert await pool.fetchval(made) == 2  # the last whole one stays until the next is there
    await keeper._send("on wish")
    assert first not in {row[0] for row in await pool.fetch("SELECT snapshot_id FROM standby_snapshot")}


async def test_a_node_that_is_older_than_the_whole_set_is_contradicted(stage: Stage) -> None:
    """Restored from a copy of its database: what it tells under old numbers is not taken for what was told then."""
    node, pool, keeper = stage.peered.node, stage.peered.pool, stage.keeper
    stream, first = await pool.fetchval(SQL["stream"]), await pool.fetchval(SQL["changes_kept"])
    await keeper._standby.send("SECOND")
    for name in ("ONE", "TWO"):
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{name}"))
        await keeper.tick()
    await keeper._standby.send("THIRD")
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/THREE"))
    await keeper.tick()
    await pool.execute("DELETE FROM standby_change")
    await pool.execute("DELETE FROM standby_snapshot WHERE snapshot_id = 'THIRD'")
    await pool.execute("UPDATE standby_state SET number = 0, told_base = NULL")
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/OTHER"))
    await keeper.tick()
    assert await pool.fetchval(SQL["stream"]) != stream and first == 0
    await settled(keeper)
    assert line(stage, f"{node.prefix}/OTHER") and held_there(stage) == await held_here(pool)


async def test_much_that_is_not_told_yet_is_no_difference(stage: Stage) -> None:
    """A bulk job goes on while both sides are compared: nearly every range has something new."""
    node, keeper = stage.peered.node, stage.keeper
    items = [item(f"{node.prefix}/M{number:04}") for number in range(1_500)]
    await node.owner.post("/api/v1/identifiers:batch", {"items": items})
    await keeper.tick()
    later = [item(f"{node.prefix}/M{number:04}-LATER") for number in range(0, 1_500, 5)]
    await node.owner.post("/api/v1/identifiers:batch", {"items": later})
    store = stage.box.desk.store
    store.run("put_change", app_id=stage.account["app_id"], key=f"{node.prefix}/A", number=1, mark=1, line=b"{}")
    found = await compared(stage)
    assert found.keys == [f"{node.prefix}/A"] and found.more == 0 and found.unsure > 100
    order = stage.order()
    assert await stage.send(order) == "accepted"
    assert (await stage.offer(order))["status"] == 202
    assert await keeper._handing_back.take_back(keeper._comparison.of) is None  # what is told next decides
    assert await stage.state(order) == "returning"


async def test_differences_are_found_exactly_and_what_is_not_told_yet_is_none(stage: Stage) -> None:
    node, pool, store = stage.peered.node, stage.peered.pool, stage.box.desk.store
    items = [item(f"{node.prefix}/M{number:04}") for number in range(1_500)]
    await node.owner.post("/api/v1/identifiers:batch", {"items": items})
    await stage.keeper.tick()
    assert (await compared(stage)).different == 0
    app_id, number = stage.account["app_id"], (await numbers(stage))[-1]
    store._database.execute("DELETE FROM standby_change WHERE key = ?", (f"{node.prefix}/M0003",))
    store.run("put_change", app_id=app_id, key=f"{node.prefix}/M0700", number=number, mark=1, line=b"{}")
    store.run("put_change", app_id=app_id, key=f"{node.prefix}/STRANGE", number=number, mark=1, line=b"{}")
    store.run("put_change", app_id=app_id, key=node.prefix, number=number, mark=1, line=b"{}")
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/UNTOLD"))
    await node.owner.call(
        "PUT", f"/api/v1/identifiers/{at(node.prefix + '/A')}", {"values": [text_value(1, "DESC", "new")]}
    )
    found = await compared(stage)
    wrong = [node.prefix, *(f"{node.prefix}/{name}" for name in ("M0003", "M0700", "STRANGE"))]
    assert sorted(found.keys) == wrong and found.more == 0 and found.compared >= 1_505
    await pool.execute(
        "INSERT INTO escrow_deposit (id, revision, day, kind, cluster, cut_xid, told, counts, objects, files, made_at, state, settled_at) "
        "VALUES ('20261122001', 0, '2026-11-22', 'FULL', 'x', 1, '{}', '{}', 1, '{}', now(), 'accepted', clock_timestamp())"
    )
    await stage.keeper.tick()  # after a deposit it compares by itself
    await stage.keeper.tick()
    assert (await compared(stage)).different == 0 and await bases(stage) == 2


async def test_the_box_finds_prefixes_among_millions_of_identifiers_by_an_index(stage: Stage) -> None:
    values = {"app_id": stage.account["app_id"], "first": "", "end": END, "most": 10}
    plan = stage.box.desk.store._database.execute("EXPLAIN QUERY PLAN " + _SQL["prefix_marks"], values).fetchall()
    told = " ".join(row["detail"] for row in plan)
    assert "standby_entry_prefix" in told and "standby_change_prefix" in told
    keys = [row["key"] for row in stage.box.desk.store.all("prefix_marks", **values)]
    assert stage.peered.node.prefix in keys and all("/" not in key for key in keys)


async def test_postgresql_marks_a_row_as_its_line_is_marked(stage: Stage) -> None:
    async with stage.peered.pool.acquire() as connection:
        rows = {row["key"]: identifier_line(row) async for row in pages(connection, "standby_identifiers", "key")}
        marks = await connection.fetch(SQL["standby_marks"], "", END, 100)
    assert {row["key"]: row["mark"] for row in marks} == dict(map(read_line, rows.values())) and len(marks) >= 3
