"""Standby data at the box: manifests and pieces, kept by digest, and the doors of the changes that follow them."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from sync.operations.canonical import canonical, digest, digest_of_bytes
from sync.operations.envelope import error, time_text
from sync.operations.shapes import FORMAT, MEDIA_TYPE, MOST_DOCUMENT_BYTES, Malformed, Manifest, read
from sync.operations.signatures import ISSUER, DocumentRefused, require_signed
from sync.takeover.lines import read_lines
from sync.takeover.packed import PACKED, PLAIN, NotPacked, unpack
from sync.takeover.standby import MOST_CHUNK_BYTES
from sync.toplevel.accounts import key_of
from sync.toplevel.desk import Desk
from sync.toplevel.signed_doors import DESK, Told, json_told, serve
from sync.toplevel.standby_changes import answer_question, drop_left, take_changes
from sync.toplevel.store import Store

_PATH = "/ops/v1/standby/{sln}/{snapshot}"


def add_routes(app: web.Application) -> None:
    app.router.add_put(_PATH, manifest)
    app.router.add_put(_PATH + "/chunks/{n}", chunk)
    app.router.add_put("/ops/v1/standby/{sln}/changes/{number}", changes)
    app.router.add_post("/ops/v1/standby/{sln}/question", question)


async def changes(request: web.Request) -> web.StreamResponse:
    desk, number = request.app[DESK], request.match_info["number"]
    return await serve(
        request, (MEDIA_TYPE,), lambda account, body: take_changes(desk, account, number, body), MOST_DOCUMENT_BYTES
    )


async def question(request: web.Request) -> web.StreamResponse:
    desk = request.app[DESK]
    return await serve(request, (MEDIA_TYPE,), lambda account, body: answer_question(desk, account, body))


async def manifest(request: web.Request) -> web.StreamResponse:
    desk, snapshot = request.app[DESK], request.match_info["snapshot"]
    return await serve(request, (MEDIA_TYPE,), lambda account, body: take_manifest(desk, account, snapshot, body))


async def chunk(request: web.Request) -> web.StreamResponse:
    desk, snapshot, n = request.app[DESK], request.match_info["snapshot"], request.match_info["n"]
    media_type = request.content_type
    return await serve(
        request, (PACKED, PLAIN), lambda account, body: take_chunk(desk, account, snapshot, n, body, media_type),
        MOST_CHUNK_BYTES,
    )  # fmt: skip


def take_manifest(desk: Desk, account: Any, snapshot: str, body: bytes) -> Told:
    """What is missing of it. The same manifest again is a question."""
    try:
        plain, document = read(Manifest, body)
        keys = {one["keyId"]: key_of(desk.store, account["app_id"], one["keyId"]) for one in plain["signatures"]}
        require_signed(plain, {keyid: key for keyid, key in keys.items() if key is not None}, ISSUER)
    except (Malformed, KeyError) as wrong:
        return json_told(*error("bad-message", str(wrong)))
    except DocumentRefused as refused:
        return json_told(*error("bad-signature", refused.reason))
    if document.sln.lower() != account["prefix"].lower() or document.snapshot_id != snapshot:
        return json_told(*error("foreign-prefix"))
    store, app_id, said = desk.store, account["app_id"], digest(plain)
    with store.transaction():
        held = store.one("snapshot", app_id=app_id, snapshot_id=snapshot)
        if held is not None and held["digest"] != said:
            return json_told(*error("order-conflict", "同一快照编号内容不一致"))
        if held is None:
            now = time_text(desk.now())
            store.run(
                "put_snapshot", app_id=app_id, snapshot_id=snapshot, manifest=canonical(plain), digest=said, received_at=now
            )  # fmt: skip
        missing = [
            one.n for one in document.chunks if store.value("has_piece", app_id=app_id, digest=one.digest) is None
        ]
        if not missing and (held is None or not held["whole"]):
            _turn_to(store, app_id, {one.digest for one in document.chunks})
            store.run("snapshot_is_whole", app_id=app_id, snapshot_id=snapshot)
    reply = {
        "format": FORMAT, "kind": "standby-manifest-reply", "snapshotId": snapshot, "result": "accepted",
        "missingChunks": missing,
    }  # fmt: skip
    return json_told(200, reply)


def take_chunk(desk: Desk, account: Any, snapshot: str, n: str, body: bytes, media_type: str) -> Told:
    """204; 422 where it is not what the manifest says."""
    store, app_id = desk.store, account["app_id"]
    held = store.one("snapshot", app_id=app_id, snapshot_id=snapshot)
    if held is None or not n.isascii() or not n.isdigit():
        return json_told(*error("unknown-order" if held is None else "bad-message"))
    try:
        content = unpack(body, media_type, MOST_CHUNK_BYTES)
    except NotPacked as wrong:
        return json_told(*error("bad-message", str(wrong)))
    wanted = {one["n"]: one["digest"] for one in orjson.loads(held["manifest"])["chunks"]}.get(int(n))
    if wanted is None or wanted != digest_of_bytes(content):
        return json_told(*error("wrong-digest"))
    try:
        lines = list(read_lines(content))
    except (ValueError, KeyError, TypeError) as wrong:
        return json_told(*error("bad-message", f"no line of standby data: {wrong}"))
    drop_left(store, app_id)
    with store.transaction():
        if store.run("put_piece", app_id=app_id, digest=wanted):
            for key, mark, line in lines:
                store.run("put_line", app_id=app_id, key=key, piece=wanted, mark=mark, line=line)
    return Told(204, b"", MEDIA_TYPE)


def _turn_to(store: Store, app_id: str, wanted: set[str]) -> None:
    """From now on these pieces are what would be answered from; the others are left, and dropped by and by."""
    store.run("leave_pieces", app_id=app_id)
    for one in wanted:
        store.run("turn_to_piece", app_id=app_id, digest=one)
