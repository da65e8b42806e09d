"""The HTTP door of the propagation of one identifier."""

from __future__ import annotations

from aiohttp import web

from core.web import REST_OF_PATH, ask_of, json_answer, now
from resolver.doors import RESOLVER
from resolver.propagation import Propagation

PROPAGATION: web.AppKey[Propagation] = web.AppKey("propagation", Propagation)
_BEFORE, _AFTER = "/api/v1/identifiers/", "/propagation"


def add_routes(app: web.Application) -> None:
    """Before the registry's: its identifiers may have any path."""
    app.router.add_get(f"{_BEFORE}{{identifier:{REST_OF_PATH}}}{_AFTER}", get_propagation)


async def get_propagation(request: web.Request) -> web.Response:
    """`GET /api/v1/identifiers/{identifier}/propagation`. Errors: those of `Propagation.of` and of the key."""
    resolver, ask = request.app[RESOLVER], ask_of(request)
    principal = await resolver.directory.principal(ask.headers.get("authorization"), now(), ask.source)
    told = await request.app[PROPAGATION].of(resolver.directory, principal, ask.identifier(_BEFORE, _AFTER))
    return json_answer(told, headers={"Cache-Control": "no-store"})
