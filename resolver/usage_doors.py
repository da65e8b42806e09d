"""The HTTP door of the totals: `GET /api/v1/usage`."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from core.web import ask_of, json_answer, now
from resolver.doors import RESOLVER
from resolver.usage.report import usage

POOL: web.AppKey[Any] = web.AppKey("usage_pool")


def add_routes(app: web.Application) -> None:
    app.router.add_get("/api/v1/usage", get_usage)


async def get_usage(request: web.Request) -> web.Response:
    resolver, ask = request.app[RESOLVER], ask_of(request)
    principal = await resolver.directory.principal(ask.headers.get("authorization"), now(), ask.source)
    said = await usage(request.app[POOL], resolver.directory, principal, ask.query, now())
    return json_answer(said, headers={"Cache-Control": "no-store"})
