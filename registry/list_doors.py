"""The HTTP door of lists: pages of identifiers, and the reverse index that finds them by a value."""

from __future__ import annotations

from aiohttp import web

from core.web import json_answer, read_object, whole_number
from registry.doors import caller
from registry.verbs.index_values import MEMBERS, read_value_index, wish_value_index
from registry.verbs.read import DEFAULT_PAGE, MAX_PAGE, named_prefix, read_page, read_transferred
from registry.views import owner_view

MAX_PAGE_BYTES = 8 * 1024 * 1024


def add_routes(app: web.Application) -> None:
    app.router.add_get("/api/v1/identifiers", list_identifiers)
    app.router.add_get("/api/v1/prefixes/{prefix}/value-index", get_value_index)
    app.router.add_put("/api/v1/prefixes/{prefix}/value-index", put_value_index)


async def list_identifiers(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    read = read_transferred if request.query.get("transferred") == "true" else read_page
    page = await read(registry, principal, request.query, limit)
    records, goes_on, size = page.records, page.next, 0
    for count, record in enumerate(records, 1):
        size += len(record.packed)
        if size > MAX_PAGE_BYTES and count < len(records):
            records, goes_on = records[:count], record.identifier
            break
    items = [owner_view(record, await registry.directory.template_of(record)) for record in records]
    return json_answer({"items": items, "next": goes_on})


async def get_value_index(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    return json_answer(await read_value_index(registry, principal, named_prefix(request.match_info["prefix"])))


async def put_value_index(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, MEMBERS)
    named = named_prefix(request.match_info["prefix"])
    return json_answer(await wish_value_index(registry, principal, origin, named, body))
