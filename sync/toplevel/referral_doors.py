"""Referral of the box over HTTP: the IIIDAP bootstrap registry."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

from aiohttp import web

from core.web import json_answer
from sync.toplevel.referral import MAX_AGE_SECONDS, bootstrap
from sync.toplevel.signed_doors import DESK


def add_routes(app: web.Application) -> None:
    app.router.add_get("/iiidap/bootstrap.json", registry)


async def registry(request: web.Request) -> web.Response:
    desk = request.app[DESK]
    expires = desk.now() + timedelta(seconds=MAX_AGE_SECONDS)
    headers = {
        "Cache-Control": f"public, max-age={MAX_AGE_SECONDS}",
        "Expires": format_datetime(expires, usegmt=True),
        "Access-Control-Allow-Origin": "*",
    }
    return json_answer(bootstrap(desk), headers=headers)
