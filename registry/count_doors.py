"""The HTTP door of the counters."""

from __future__ import annotations

from aiohttp import web

from core.web import json_answer, now
from registry.doors import caller
from registry.verbs.count import count


def add_routes(app: web.Application) -> None:
    app.router.add_get("/api/v1/counts", get_counts)


async def get_counts(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    return json_answer(await count(registry, principal, request.query, now()), headers={"Cache-Control": "no-store"})
