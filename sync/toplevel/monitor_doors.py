"""`/ops/v1` of the box: heartbeats and statistics; and what an examiner sees of them."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from core.web import json_answer
from sync.operations.envelope import error, time_text
from sync.operations.shapes import FORMAT, MEDIA_TYPE, Heartbeat, Malformed, read
from sync.toplevel.collector import collect, totals
from sync.toplevel.desk import Desk
from sync.toplevel.signed_doors import DESK, Told, json_told, serve
from sync.toplevel.takeovers import notices

HEARTBEAT_SECONDS = 60
SILENT_AFTER = 3
_MOST_SHOWN = 48


def add_routes(app: web.Application) -> None:
    app.router.add_post("/ops/v1/heartbeat", heartbeat)
    app.router.add_post("/ops/v1/statistics", statistics)
    app.router.add_get("/_exam/monitoring", monitoring)


async def heartbeat(request: web.Request) -> web.StreamResponse:
    desk = request.app[DESK]
    return await serve(request, (MEDIA_TYPE,), lambda account, body: beaten(desk, account, body))


async def statistics(request: web.Request) -> web.StreamResponse:
    desk = request.app[DESK]
    return await serve(request, (MEDIA_TYPE,), lambda account, body: collect(desk, account, body))


def beaten(desk: Desk, account: Any, body: bytes) -> Told:
    try:
        plain, document = read(Heartbeat, body)
    except Malformed as wrong:
        return json_told(*error("bad-message", str(wrong)))
    if document.sln.lower() != account["prefix"].lower():
        return json_told(*error("foreign-prefix"))
    store = desk.store
    with store.transaction():
        store.run("put_heartbeat", app_id=account["app_id"], now=desk.seconds(), content=orjson.dumps(plain))
        last = store.one("last_statistics", app_id=account["app_id"])
    return json_told(
        200,
        {
            "format": FORMAT,
            "kind": "heartbeat-reply",
            "inReplyTo": document.message_id,
            "serverTime": time_text(desk.now()),
            "nextInSeconds": HEARTBEAT_SECONDS,
            "expectStatisticsSeq": last["seq"] + 1 if last is not None else 1,
            "notices": notices(desk, account["app_id"]),
            **({"lastRowsDigest": last["rows_digest"]} if last is not None else {}),
        },
    )


async def monitoring(request: web.Request) -> web.Response:
    """Of each account: whether it is heard of, its newest statistics, and their totals."""
    desk = request.app[DESK]
    return json_answer({"nodes": [seen(desk, row) for row in desk.store.all("accounts")]})


def seen(desk: Desk, account: Any) -> dict[str, Any]:
    app_id, beat = account["app_id"], desk.store.one("heartbeat", app_id=account["app_id"])
    newest = desk.store.all("newest_statistics", app_id=app_id, most=_MOST_SHOWN)
    return {
        "prefix": account["prefix"],
        "heard": None if beat is None else round(desk.seconds() - beat["received_at"], 1),
        "silent": is_silent(desk, beat),
        "beats": 0 if beat is None else beat["count"],
        "heartbeat": None if beat is None else orjson.loads(beat["content"]),
        "totals": totals(desk, app_id),
        "statistics": [dict(row) for row in newest],
    }


def is_silent(desk: Desk, beat: Any) -> bool:
    """Not heard of for three intervals, or never."""
    return beat is None or desk.seconds() - beat["received_at"] > SILENT_AFTER * HEARTBEAT_SECONDS
