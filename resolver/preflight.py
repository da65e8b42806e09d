"""What a script of another site may send (Fetch standard, CORS-preflight)."""

from __future__ import annotations

from aiohttp import web

_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-None-Match, If-Version-At-Least, X-Request-Id",
    "Access-Control-Max-Age": "86400",
}
HANDLE_PATHS = ("/api/handles", "/api/sessions", "/api/sessions/this")  # browsers administer Handle prefixes too


async def preflight(_: web.Request) -> web.Response:
    return web.Response(status=204, headers=_PREFLIGHT)
