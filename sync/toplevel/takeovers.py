"""Takeover as the top level in a box does it: signed orders, its own answers meanwhile, the offer to hand back."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from sync.access.signed_http import Answered, SignedHttp
from sync.access.transport import NotSent, OutcomeUnknown
from sync.operations.canonical import canonical, digest
from sync.operations.envelope import envelope, time_text
from sync.operations.shapes import MEDIA_TYPE, MOST_DOCUMENT_BYTES
from sync.operations.signatures import COUNTERSIGNER, ISSUER, DocumentRefused, require_signed, signed
from sync.signing.keys import Signer, Verifier
from sync.toplevel.accounts import key_of
from sync.toplevel.desk import Desk

APP_ID = "ntln"
_ORDERS = "/ntln/v1/takeover/orders"
_TIMEOUT_SECONDS = 30.0
_NOT_YET, _ASK_AGAIN_SECONDS = 202, 0.3


@dataclass(frozen=True, slots=True)
class Wish:
    """Of an examiner. `url` None: where the node's last heartbeat said that it is."""

    reason: str = "drill"
    in_seconds: float = 0.0
    for_seconds: float = 3_600.0
    url: str | None = None


class Impossible(Exception):
    """No standby data, no address, or no such order."""


def make_order(desk: Desk, account: Any, signer: Signer, wish: Wish) -> dict[str, Any]:
    """A signed order, kept. Raises `Impossible`."""
    standby = desk.store.one("last_whole_snapshot", app_id=account["app_id"])
    if standby is None:
        raise Impossible("there is no standby data of this node")
    begin = desk.seconds() + wish.in_seconds
    order_id = f"TK-{account['prefix'].replace('.', '')}-{secrets.token_hex(5)}"
    document = {
        **envelope("takeover-order", account["prefix"], secrets.token_hex(16), desk.now()),
        "orderId": order_id, "prefixes": [account["prefix"]], "scope": "resolution", "reason": wish.reason,
        "reasonText": "应急接管演练" if wish.reason == "drill" else "应急接管", "drill": wish.reason == "drill",
        "effectiveAt": time_text(datetime.fromtimestamp(begin, UTC)),
        "expiresAt": time_text(datetime.fromtimestamp(begin + wish.for_seconds, UTC)),
        "standby": {"snapshotId": standby["snapshot_id"], "digest": standby["digest"]},
        "contact": {"name": "国家顶级节点值班", "phone": "+86.1060000000"},
    }  # fmt: skip
    order = signed(document, signer, ISSUER)
    with desk.store.transaction():
        desk.store.run(
            "write_takeover", order_id=order_id, app_id=account["app_id"], content=canonical(order), effective_at=begin,
            expires_at=begin + wish.for_seconds,
        )  # fmt: skip
    return order


async def send_order(desk: Desk, account: Any, signer: Signer, order_id: str, url: str | None = None) -> str:
    """What became of it: accepted, refused, waiting, or unheard. The order takes effect all the same. Raises `Impossible`."""
    held = _held(desk, order_id)
    try:
        answer = await _post(desk, account, signer, url, _ORDERS, bytes(held["content"]))
    except (NotSent, OutcomeUnknown):
        return "unheard"
    if answer.status == 202:
        return "waiting"
    if answer.status != 200:
        return f"HTTP {answer.status} {answer.text}"
    said = orjson.loads(answer.body)
    _require_countersigned(desk, account, said)
    if canonical(said["order"]) != bytes(held["content"]):
        return "the acceptance is of another order"
    with desk.store.transaction():
        desk.store.run("takeover_accepted", order_id=order_id, acceptance=answer.body)
        if said["decision"] == "refuse":
            desk.store.run("move_takeover", order_id=order_id, state="closed")
    return "accepted" if said["decision"] == "accept" else "refused"


async def hand_back(
    desk: Desk, account: Any, signer: Signer, order_id: str, url: str | None = None,
    changes: list[dict[str, Any]] | None = None, wait_seconds: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Offer resolution back; the node's answer. It may take its time: `status` 202 until it has compared, asked again for so
    long and at the next call. While it is not taken, the order stays in effect. `changes` are those of a new offer. Raises
    `Impossible`, `NotSent`, `OutcomeUnknown`."""
    offer = _offer(desk, account, signer, _held(desk, order_id), changes or [])
    until = time.monotonic() + wait_seconds
    while True:
        answer = await _post(desk, account, signer, url, f"{_ORDERS}/{order_id}/handback", offer)
        if answer.status != _NOT_YET or time.monotonic() >= until:
            break
        await asyncio.sleep(_ASK_AGAIN_SECONDS)
    try:
        said: dict[str, Any] = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        said = {}
    if answer.status == 200:
        _require_countersigned(desk, account, said)
        with desk.store.transaction():
            state = "closed" if said["decision"] == "accept" else "active"
            desk.store.run("takeover_handed_back", order_id=order_id, handback=answer.body, state=state)
        return said
    if answer.status != _NOT_YET:
        with desk.store.transaction():
            desk.store.run("move_takeover", order_id=order_id, state="active")
    return {**said, "status": answer.status}


def _offer(desk: Desk, account: Any, signer: Signer, held: Any, changes: list[dict[str, Any]]) -> bytes:
    """The one that waits for an answer, else a new one."""
    if held["offer"] is not None and held["state"] == "returning":
        return bytes(held["offer"])
    now = desk.now()
    document = {
        **envelope("handback-offer", account["prefix"], secrets.token_hex(16), now), "orderId": held["order_id"],
        "endedAt": time_text(now), "answered": {"resolved": held["resolved"], "notFound": held["not_found"]},
        "changes": changes, "changesDigest": digest(changes),
    }  # fmt: skip
    offer = canonical(signed(document, signer, ISSUER))
    with desk.store.transaction():
        desk.store.run("keep_offer", order_id=held["order_id"], offer=offer)
    return offer


def clock_tick(desk: Desk) -> None:
    """Orders take effect at their time, whether the node has answered or not; one that ran out is over."""
    now = desk.seconds()
    for row in desk.store.all("open_takeovers"):
        if now >= row["expires_at"]:
            desk.store.run("move_takeover", order_id=row["order_id"], state="closed")
        elif row["state"] == "open" and now >= row["effective_at"]:
            desk.store.run("move_takeover", order_id=row["order_id"], state="active")


def notices(desk: Desk, app_id: str) -> list[dict[str, Any]]:
    """For a node that comes back: what took effect without it, and what has run out."""
    clock_tick(desk)
    found: list[dict[str, Any]] = []
    for row in desk.store.all("newest_takeovers", most=20):
        if row["app_id"] != app_id:
            continue
        if row["state"] == "active":
            order = orjson.loads(desk.store.one("takeover", order_id=row["order_id"])["content"])
            found.append({"kind": "takeover-order", "order": order})
        elif row["state"] == "closed" and desk.seconds() >= row["expires_at"]:
            found.append({"kind": "takeover-expired", "orderId": row["order_id"]})
    return found


def resolve(desk: Desk, prefix_of: str, key: str) -> tuple[bool, dict[str, Any] | None]:
    """(whether it is this one that answers now, the line or None). Counted apart from the node's own."""
    clock_tick(desk)
    for row in desk.store.all("open_takeovers"):
        account = desk.store.one("account", app_id=row["app_id"])
        own = account["prefix"].upper()
        if row["state"] in ("active", "returning") and (prefix_of == own or prefix_of.startswith(own + ".")):
            line = desk.store.value("line", app_id=row["app_id"], key=key)
            found = line is not None and _is_answered(desk, row["app_id"], prefix_of)
            desk.store.run("count_answered", order_id=row["order_id"], resolved=int(found), not_found=int(not found))
            return True, orjson.loads(line) if found else None
    return False, None


def _is_answered(desk: Desk, app_id: str, prefix: str) -> bool:
    """Nothing is said of identifiers under a prefix that its node does not answer for."""
    line = desk.store.value("line", app_id=app_id, key=prefix)
    return line is None or bool(orjson.loads(line).get("answering", True))


def address_of(desk: Desk, account: Any, url: str | None) -> str:
    """Raises `Impossible`."""
    if url:
        return url.rstrip("/")
    beat = desk.store.one("heartbeat", app_id=account["app_id"])
    for service in orjson.loads(beat["content"])["services"] if beat is not None else ():
        if service.get("name") == "registration":
            parts = urlsplit(str(service["address"]))
            return f"{parts.scheme}://{parts.netloc}"
    raise Impossible("the node has not said where it is")


async def _post(desk: Desk, account: Any, signer: Signer, url: str | None, path: str, body: bytes) -> Answered:
    http = SignedHttp(APP_ID, signer, {}, timeout_seconds=_TIMEOUT_SECONDS, clock=desk.seconds)
    try:
        return await http.send("POST", address_of(desk, account, url) + path, body, MEDIA_TYPE, MOST_DOCUMENT_BYTES)
    finally:
        await http.close()


def _require_countersigned(desk: Desk, account: Any, said: dict[str, Any]) -> None:
    """Raises `Impossible`."""
    keys: dict[str, Verifier] = {}
    for entry in said.get("signatures", ()):
        if (key := key_of(desk.store, account["app_id"], entry.get("keyId", ""))) is not None:
            keys[key.keyid] = key
    try:
        require_signed(said, keys, COUNTERSIGNER)
    except DocumentRefused as refused:
        raise Impossible(f"the answer is not countersigned: {refused.reason}") from None


def _held(desk: Desk, order_id: str) -> Any:
    held = desk.store.one("takeover", order_id=order_id)
    if held is None:
        raise Impossible("there is no such order")
    return held
