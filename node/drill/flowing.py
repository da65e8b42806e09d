"""Prefixes and identifiers that change flow to the top level: in order, once, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from core.identifier import encode_path
from node.drill.evidence import Found
from node.drill.stand import Stand
from sync.takeover.flow import rewind

FAULTS = ("a lost answer", "HTTP errors", "an answer that is none", "a cut connection", "a reply signed wrongly")
_SECONDS, _PAUSE_SECONDS = 60.0, 0.1


async def flowing(stand: Stand, found: Found) -> None:
    await stand.keeper.tick()
    base, prefix = await _whole_sets(stand), f"{stand.settings.node_prefix}.4201"
    _, made = await stand.call("POST", "/api/v1/enterprises", {"name": "同步演练企业"}, key=stand.operator_key)
    granted = {"enterprise_id": made["id"], "prefix": prefix}
    await stand.call("POST", "/api/v1/prefixes", granted, key=stand.operator_key)
    stand.turn(lose_answer=1, http_error=1, garbage=1, bad_signature=1, vanish=1)
    for number in range(3):
        await _register(stand, f"{prefix}/FLOW-{number}")
    there = await _until_there(stand, f"{prefix}/FLOW-2")
    stand.turn()
    line = _line(stand, prefix)
    found.check(
        "前缀的所属与状态按变更上报", "whose a prefix is and how it stands is told as it changes",
        line is not None and line["holder"]["name"] == "同步演练企业" and line["state"] == "active", prefix=line,
    )  # fmt: skip
    kept = await stand.pool.fetch("SELECT number, lines FROM standby_change ORDER BY number")
    whole = [row["number"] for row in kept] == list(range(kept[0]["number"], kept[0]["number"] + len(kept)))
    found.check(
        "各类故障下变更逐份到达，编号无缺", "changes arrive under every fault, numbered without a hole", there and whole,
        documents=len(kept), lines=sum(row["lines"] for row in kept),
    )  # fmt: skip
    again = await rewind(stand.pool, kept[0]["number"])
    await _until_there(stand, f"{prefix}/FLOW-2")
    async with stand.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        compared = await stand.keeper._comparison.of(connection)
    found.check(
        "重发不产生重复，按区间求和核对一致", "what is sent again counts once, and sums of ranges agree",
        again == len(kept) and not compared.different and compared.compared > 0, again=again, compared=compared.compared,
    )  # fmt: skip
    sets = await _whole_sets(stand)
    found.check("未重新发送全量", "the whole was not sent anew", base == sets, sets=sets)


async def _register(stand: Stand, identifier: str) -> None:
    value = {"index": 1, "type": "DESC", "data": {"format": "string", "value": "演练"}}
    await stand.call(
        "POST", "/api/v1/identifiers", {"identifier": identifier, "values": [value]}, key=stand.operator_key
    )


async def _until_there(stand: Stand, identifier: str) -> bool:
    """Everything is acknowledged, and this one is what the box would answer with."""
    async with asyncio.timeout(_SECONDS):
        while True:
            await stand.keeper.tick()
            waiting = await stand.pool.fetchval("SELECT count(*) FROM standby_change WHERE acknowledged_at IS NULL")
            if not waiting and _line(stand, identifier) is not None:
                _, here = await stand.call("GET", f"/api/handles/{encode_path(identifier)}")
                return bool(_line(stand, identifier)["values"] == here["values"])
            await asyncio.sleep(_PAUSE_SECONDS)


def _line(stand: Stand, key: str) -> Any:
    found = stand.desk.store.value("line", app_id=stand.account["app_id"], key=key)
    return None if found is None else orjson.loads(found)


async def _whole_sets(stand: Stand) -> int:
    return int(await stand.pool.fetchval("SELECT count(*) FROM standby_snapshot WHERE completed_at IS NOT NULL"))
