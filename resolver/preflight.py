"""What a script of another site may send (Fetch standard, CORS-preflight)."""

from __future__ import annotations

from aiohttp import web

_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-None-Match, If-Version-At-Least, X-Request-Id",
    "Access-Control-Max-Age": "86400",
}
# Browsers administer Handle prefixes too, and some of their clients write a slash behind an address.
HANDLE_PATHS = (
    "/api/handles",
    "/api/handles/",
    "/api/sessions",
    "/api/sessions/",
    "/api/sessions/this",
    "/api/prefixes",
)


async def preflight(_: web.Request) -> web.Response:
    return web.Response(status=204, headers=_PREFLIGHT)
