"""Faults of the box at doors whose messages are not signed: escrow, its reports, and reconciliation."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler

from sync.toplevel.signed_doors import DESK, cut

_RETRY_SECONDS = "1"


def faulty(handler: Handler) -> Handler:
    """The door with what is dialled in: slow, `vanish`, `http_error` (every second time after doing it), `lose_answer`, `garbage`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        desk = request.app[DESK]
        if desk.dials.slow_milliseconds:
            await asyncio.sleep(desk.dials.slow_milliseconds / 1000)
        if desk.take("vanish"):
            return cut(request)
        turns = desk.dials.http_error
        failing = desk.take("http_error")
        if failing and turns % 2:
            return web.Response(status=desk.dials.http_status, headers={"Retry-After": _RETRY_SECONDS})
        done = await handler(request)
        if failing:
            return web.Response(status=desk.dials.http_status, headers={"Retry-After": _RETRY_SECONDS})
        if desk.take("lose_answer"):
            return cut(request)
        if desk.take("garbage"):
            return web.Response(body=b"<html>502 Bad Gateway</html>", content_type="text/html")
        return done

    return answer
