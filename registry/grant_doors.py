"""The HTTP door of the registry: grants of sight."""

from __future__ import annotations

from aiohttp import web

from core.errors import GrantUnknown
from core.web import json_answer, now, read_object, whole_number
from registry.doors import caller
from registry.grants import GRANT_MEMBERS
from registry.verbs.grant_sight import grant_sight, list_sight, revoke_sight
from registry.verbs.read import DEFAULT_PAGE, MAX_PAGE, named_prefix

_LAST = 2**31 - 1


def add_routes(app: web.Application) -> None:
    app.router.add_post("/api/v1/grants", post_grant)
    app.router.add_get("/api/v1/grants", get_grants)
    app.router.add_delete("/api/v1/grants/{id}", delete_grant)


async def post_grant(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, GRANT_MEMBERS)
    return json_answer(await grant_sight(registry, principal, origin, body, now()), status=201)


async def get_grants(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    prefix = named_prefix(request.query.get("prefix"))
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    after = whole_number(request, "after", default=0, least=0, most=_LAST)
    items = await list_sight(registry, principal, prefix, after, limit)
    return json_answer({"items": items, "next": items[-1]["id"] if len(items) == limit else None})


async def delete_grant(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit() and int(text[:11]) <= _LAST):
        raise GrantUnknown()
    return json_answer(await revoke_sight(registry, principal, origin, int(text)))
