"""4.4 Emergency takeover: a signed order, countersigned; resolution from standby data; the hand-back when nothing differs."""

from __future__ import annotations

from typing import Any

import orjson

from core.identifier import encode_path
from node.drill.evidence import Found
from node.drill.stand import Stand
from sync.toplevel.app import signer_of
from sync.toplevel.takeover_doors import random_record, spot_check
from sync.toplevel.takeovers import Wish, hand_back, make_order, send_order

FAULTS = ("node unreachable", "replayed order", "differences at the hand-back")
_UNREACHABLE = "http://127.0.0.1:1"


async def takeover(stand: Stand, found: Found) -> None:
    found.faults = FAULTS
    stand.turn()
    known, new = await _registered(stand)
    await stand.keeper.tick()
    snapshot = stand.desk.store.one("last_whole_snapshot", app_id=stand.account["app_id"])
    found.check(
        "备援数据完整", "standby data are whole", snapshot is not None, snapshot=snapshot and snapshot["snapshot_id"]
    )
    checked = await spot_check(stand.desk, stand.account, 5)
    found.check("抽查解析与备援数据一致", "spot checks agree", checked["asked"] > 0 and not checked["wrong"], **checked)
    order = make_order(stand.desk, stand.account, signer_of(stand.desk.store), Wish())
    await _ordered(stand, found, order)
    await _meanwhile(stand, found, known, new)
    await _handed_back(stand, found, order)
    status, _ = await _register(stand, new)
    found.check("交还后恢复注册", "registration goes on after the hand-back", status == 201, status=status)
    await _unheard(stand, found)


async def _registered(stand: Stand) -> tuple[str, str]:
    """(an identifier that is there, one to be registered later)."""
    prefix = f"{stand.settings.node_prefix}.4401"
    _, made = await stand.call("POST", "/api/v1/enterprises", {"name": "接管演练企业"}, key=stand.operator_key)
    granted = {"enterprise_id": made["id"], "prefix": prefix}
    await stand.call("POST", "/api/v1/prefixes", granted, key=stand.operator_key)
    status, said = await _register(stand, f"{prefix}/PART-1")
    if status != 201:
        raise ValueError(f"registration is refused: {status} {said}")
    return f"{prefix}/PART-1", f"{prefix}/PART-2"


async def _register(stand: Stand, identifier: str) -> tuple[int, Any]:
    value = {"index": 1, "type": "DESC", "data": {"format": "string", "value": "演练"}}
    body = {"identifier": identifier, "values": [value]}
    return await stand.call("POST", "/api/v1/identifiers", body, key=stand.operator_key)


async def _send(stand: Stand, order: dict[str, Any], url: str | None = None) -> str:
    return await send_order(stand.desk, stand.account, signer_of(stand.desk.store), order["orderId"], url)


async def _ordered(stand: Stand, found: Found, order: dict[str, Any]) -> None:
    outcome = await _send(stand, order)
    first = stand.desk.store.one("takeover", order_id=order["orderId"])["acceptance"]
    found.check("接管命令经验签并会签", "the order is verified and countersigned", outcome == "accepted", outcome=outcome,
                order=order["orderId"], signatures=[one["keyId"] for one in orjson.loads(first or b"{}").get("signatures", [])])  # fmt: skip
    await _send(stand, order)
    second = stand.desk.store.one("takeover", order_id=order["orderId"])["acceptance"]
    found.check(
        "重发的命令得到逐字节相同的答复", "the same order gets the same bytes", first is not None and first == second
    )
    await stand.keeper.tick()


async def _meanwhile(stand: Stand, found: Found, known: str, new: str) -> None:
    status, said = await _register(stand, new)
    slug = said.get("slug") if isinstance(said, dict) else None
    found.check(
        "接管期间注册冻结",
        "registration is frozen meanwhile",
        (status, slug) == (503, "registration-frozen"),
        status=status,
        slug=slug,
    )
    base_url = f"http://127.0.0.1:{stand.settings.toplevel_port}"
    async with stand.session.get(f"{base_url}/api/handles/{encode_path(known)}") as answer:
        above = (await answer.json())["values"] if answer.status == 200 else None
    status, here = await stand.call("GET", f"/api/handles/{encode_path(known)}")
    same = status == 200 and above == here["values"]
    found.check(
        "顶级节点依备援数据应答，内容一致", "the top level answers from standby data, the same", same, identifier=known
    )
    await stand.monitor.beat()
    beat = orjson.loads(stand.desk.store.one("heartbeat", app_id=stand.account["app_id"])["content"])
    found.check("心跳报告已被接管", "heartbeats say so", beat["state"] == "takenover", state=beat["state"])


async def _handed_back(stand: Stand, found: Found, order: dict[str, Any]) -> None:
    spoilt = random_record(stand.desk, stand.account)  # as if the top level held other data than this node
    number = stand.desk.store.one("standby_stream", app_id=stand.account["app_id"])["number"]
    stand.desk.store.run("put_change", app_id=stand.account["app_id"], number=number, mark=1, **spoilt)
    answer = await _offer(stand, order)
    refused = answer.get("decision") == "refuse"
    found.check(
        "存在差异时不收回解析，并指明差异标识",
        "resolution is not taken back while anything differs, and what differs is named",
        refused and answer["reconcile"].get("impossible") == [spoilt["key"]],
        reconcile=answer.get("reconcile"),
    )
    answer = await _offer(stand, order)
    accepted = answer.get("decision") == "accept"
    found.check("核对一致后收回解析", "it is taken back when nothing differs", accepted, reconcile=answer.get("reconcile"),
                answered=answer.get("offer", {}).get("answered"))  # fmt: skip


async def _offer(stand: Stand, order: dict[str, Any]) -> dict[str, Any]:
    """The node compares in its own time: here at once, and it is asked again."""
    signer = signer_of(stand.desk.store)
    await hand_back(stand.desk, stand.account, signer, order["orderId"])
    await stand.keeper.tick()
    return await hand_back(stand.desk, stand.account, signer, order["orderId"])


async def _unheard(stand: Stand, found: Found) -> None:
    """An order that takes effect while the node is not to be reached: it learns of it from the next heartbeat's answer."""
    await stand.keeper._standby.send()
    order = make_order(stand.desk, stand.account, signer_of(stand.desk.store), Wish("failure"))
    outcome = await _send(stand, order, _UNREACHABLE)
    await stand.monitor.beat()
    state = await stand.pool.fetchval("SELECT state FROM takeover_order WHERE order_id = $1", order["orderId"])
    found.check("失联期间生效的命令，恢复后即获知", "an order that took effect unheard is learnt of on return",
                (outcome, state) == ("unheard", "active"), outcome=outcome, state=state)  # fmt: skip
    await stand.keeper.tick()
    answer = await _offer(stand, order)
    found.check(
        "随后正常交还", "and handed back", answer.get("decision") == "accept", reconcile=answer.get("reconcile")
    )
