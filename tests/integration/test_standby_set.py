"""The whole set of standby data: what is in it, how it travels, and that nobody answers from half of one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from sync.access.transport import OutcomeUnknown
from sync.takeover.packed import PACKED, PLAIN
from sync.takeover.standby import Refused
from sync.toplevel.takeover_doors import random_record, spot_check
from tests.conformance.peering.test_operations import require_schema
from tests.conftest import Servers
from tests.harness import at, item, text_value
from tests.takeover_stage import Stage, staged


@pytest.fixture
async def stage(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with staged(database, servers, session, tmp_path) as found:
        yield found


async def test_standby_data_hold_what_anybody_may_read_and_nothing_else(stage: Stage) -> None:
    store = stage.box.desk.store
    row = await stage.peered.pool.fetchrow("SELECT * FROM standby_snapshot")
    manifest = orjson.loads(row["manifest"])
    require_schema("ops-standby", manifest)
    assert row["completed_at"] is not None and manifest["records"] >= 5  # three identifiers and two prefixes
    content = b"".join(bytes(one["line"]) for one in store._database.execute("SELECT line FROM standby_entry"))
    assert b"seen" in content and b"hidden-price" not in content
    assert (await spot_check(stage.box.desk, stage.account, 10, stage.url)) == {"asked": 10, "wrong": []}
    asked = {random_record(stage.box.desk, stage.account)["key"] for _ in range(60)}
    assert asked >= {
        f"{stage.peered.node.prefix}/{name}" for name in ("A", "B", "GONE")
    }  # any of them, by chance 1 : 10^6


async def test_pieces_travel_packed_and_only_those_that_are_missing(stage: Stage) -> None:
    node, standby, sent = stage.peered.node, stage.keeper._standby, []
    put = standby._put

    async def noted(path: str, body: bytes, media_type: str) -> tuple[int, bytes]:
        if refuses and media_type == PACKED:
            return 415, b""
        sent.append((media_type, len(body)))
        return await put(path, body, media_type)

    refuses = False
    standby._put = noted
    left = standby._folder / "999999999-left"  # of a process that was killed
    left.mkdir(parents=True)
    await standby.send("SECOND")  # nothing changed: nothing is sent again
    assert [kind for kind, _ in sent] == ["application/json"] and list(standby._folder.iterdir()) == []
    many = {
        "items": [
            {"identifier": f"{node.prefix}/MANY-{number}", "values": [text_value(1, "DESC", "x" * 200)]}
            for number in range(900)
        ]
    }
    await node.owner.post("/api/v1/identifiers:batch", many)
    sent.clear()
    manifest = await standby.send("THIRD")
    ((_, size),) = [one for one in sent if one[0] == PACKED]
    assert size < manifest["chunks"][0]["bytes"] / 10
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/LATER"))
    refuses = True
    await standby.send("FOURTH")
    assert sent[-2][0] == PLAIN  # who unpacks nothing is sent them as they are
    store = stage.box.desk.store
    await stage.keeper.tick()  # what is old goes a piece at a time, as others come
    ((pieces, lines),) = store._database.execute(
        "SELECT (SELECT count(*) FROM standby_part), (SELECT count(*) FROM standby_entry)"
    ).fetchall()
    last = orjson.loads(store.one("last_whole_snapshot", app_id=stage.account["app_id"])["manifest"])
    assert (pieces, lines) == (len(last["chunks"]), last["records"])  # what is old is gone


async def test_a_snapshot_that_is_not_whole_yet_is_answered_from_by_nobody(stage: Stage) -> None:
    node, standby, store = stage.peered.node, stage.keeper._standby, stage.box.desk.store
    put = standby._put

    async def cut(path: str, body: bytes, media_type: str) -> tuple[int, bytes]:
        answer = await put(path, body, media_type)
        if "/chunks/" in path:
            raise OutcomeUnknown("cut")
        return answer

    def held(identifier: str) -> Any:
        return store.value("line", app_id=stage.account["app_id"], key=f"{node.prefix}/{identifier}")

    before = held("A")
    await node.owner.call(
        "PUT", f"/api/v1/identifiers/{at(node.prefix + '/A')}", {"values": [text_value(1, "DESC", "new")]}
    )
    standby._put = cut
    with pytest.raises(OutcomeUnknown):
        await standby.send("BROKEN")
    assert held("A") == before and b"old" in before
    standby._put = put
    await standby.send("WHOLE")
    assert b"new" in held("A")


async def test_an_answer_that_is_none_is_a_refusal_and_no_end_of_the_process(stage: Stage) -> None:
    standby, pool = stage.keeper._standby, stage.peered.pool
    answers = (
        b"<html>502 Bad Gateway</html>", b"[]", b'"accepted"', b'{"result":"accepted","missingChunks":["a"]}', b"{}",
        b'{"result":"accepted","missingChunks":[7]}', b'{"result":"accepted","missingChunks":[0]}',
    )  # fmt: skip
    said = b""

    async def put(*_: Any) -> tuple[int, bytes]:
        return 200, said

    standby._put = put
    for place, answer in enumerate(answers):
        said = answer
        with pytest.raises(Refused):
            await standby.send(f"STRANGE{place}")
    await pool.execute("DELETE FROM standby_snapshot")
    await stage.keeper.tick()  # is due, is refused, and goes on
    assert await pool.fetchval("SELECT array_agg(completed_at) FROM standby_snapshot") == [None]
