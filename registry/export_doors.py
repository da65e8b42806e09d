"""The HTTP door of exports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

from aiohttp import web

from registry.doors import caller
from registry.export.formats import MEDIA_TYPES
from registry.export.running import CHUNK_SECONDS, BrokenOff, Exports, first_piece
from registry.verbs.export import Wanted, note_export, wish_export

EXPORTS: web.AppKey[Exports] = web.AppKey("exports", Exports)


def add_routes(app: web.Application) -> None:
    app.router.add_get("/api/v1/export", get_export)


async def get_export(request: web.Request) -> web.StreamResponse:
    """Chunked: a file that is not whole never gets its last chunk."""
    registry, principal, origin = await caller(request)
    wanted = await wish_export(registry, principal, request.query)
    async with request.app[EXPORTS].run(wanted.order) as pieces:
        first = await first_piece(pieces)
        await note_export(registry, origin, wanted)
        response = web.StreamResponse(headers=_headers(wanted))
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            await _send(response, first, pieces)
        except (BrokenOff, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
            return response
    await response.write_eof()
    return response


async def _send(response: web.StreamResponse, first: bytes, pieces: AsyncIterator[bytes]) -> None:
    await asyncio.wait_for(response.write(first), CHUNK_SECONDS)
    async for octets in pieces:
        await asyncio.wait_for(response.write(octets), CHUNK_SECONDS)


def _headers(wanted: Wanted) -> dict[str, str]:
    kind = MEDIA_TYPES["ndjson" if wanted.order.templates else wanted.order.format]
    charset = "" if kind.endswith("parquet") else f"; charset={wanted.order.encoding.removesuffix('-bom')}"
    return {
        "Content-Type": kind + charset,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(wanted.name)}",
        "Cache-Control": "no-store",
    }
