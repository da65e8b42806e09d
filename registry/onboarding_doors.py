"""The HTTP door of the registry: enterprises, prefixes."""

from __future__ import annotations

from aiohttp import web

from core.web import json_answer, read_object
from registry.doors import caller
from registry.verbs.create_enterprise import ENTERPRISE_MEMBERS, create_enterprise
from registry.verbs.grant_prefix import PREFIX_MEMBERS, grant_prefix


def add_routes(app: web.Application) -> None:
    app.router.add_post("/api/v1/enterprises", post_enterprise)
    app.router.add_post("/api/v1/prefixes", post_prefix)


async def post_enterprise(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, ENTERPRISE_MEMBERS)
    content, made = await create_enterprise(registry, principal, origin, body)
    return json_answer(content, status=201 if made else 200, headers={"Cache-Control": "no-store"})


async def post_prefix(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    content, made = await grant_prefix(registry, principal, origin, await read_object(request, PREFIX_MEMBERS))
    return json_answer(content, status=201 if made else 200, headers={"Cache-Control": "no-store"})
