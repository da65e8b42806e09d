"""EPP of the box over signed HTTP: `POST /epp`, and `GET /epp` for the greeting."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sync.signing.request import MEDIA_TYPE
from sync.toplevel.signed_doors import DESK, Told, refusal, serve, signed

_MEDIA_TYPES = (MEDIA_TYPE, "text/xml", "application/xml")


def add_routes(app: web.Application) -> None:
    app.router.add_post("/epp", epp)
    app.router.add_get("/epp", greeting)


async def greeting(request: web.Request) -> web.StreamResponse:
    if (refused := refusal(request, b"")) is not None:
        return refused
    return signed(request, Told(200, request.app[DESK].greeting().document, MEDIA_TYPE))


async def epp(request: web.Request) -> web.StreamResponse:
    """One document, one reply; faults where they are dialled in."""
    desk = request.app[DESK]

    def answer(account: Any, body: bytes) -> Told:
        found = desk.answer(account, body)
        return Told(200, found.document, MEDIA_TYPE, {"Idis-Replayed": "true"} if found.replayed else {})

    return await serve(request, _MEDIA_TYPES, answer)
