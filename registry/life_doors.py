"""The HTTP door of the registry: what becomes of an identifier later, and those the node makes. Mint, merge, withdraw, restore, history."""

from __future__ import annotations

from aiohttp import web

from core.web import (
    REST_OF_PATH,
    identifier_in_path,
    json_answer,
    now,
    read_json,
    read_object,
    web_answer,
    whole_number,
)
from registry.doors import IDENTIFIERS_PATH, caller, record_answer
from registry.verbs.history import history
from registry.verbs.mint import MINT_MEMBERS, mint
from registry.verbs.read import DEFAULT_PAGE, MAX_PAGE
from registry.verbs.restore import restore
from registry.verbs.revise import merge
from registry.verbs.withdraw import withdraw

HISTORY_PATH = "/api/v1/history/"
_WITHDRAW, _RESTORE = "/withdraw", "/restore"


def add_routes(app: web.Application) -> None:
    """The last part of a POST is the verb, so an identifier that ends in `/withdraw` is withdrawn by writing it twice.
    A history has an address of its own, because `GET …/history` may be an identifier."""
    one = f"{IDENTIFIERS_PATH}{{identifier:{REST_OF_PATH}}}"
    app.router.add_post("/api/v1/identifiers:mint", post_mint)
    app.router.add_patch(one, patch_identifier)
    app.router.add_post(one + _WITHDRAW, post_withdrawal)
    app.router.add_post(one + _RESTORE, post_restoration)
    app.router.add_get(f"{HISTORY_PATH}{{identifier:{REST_OF_PATH}}}", get_history)


async def post_mint(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, MINT_MEMBERS)
    made = await mint(registry, principal, origin, body, now())
    return json_answer({"count": len(made), "identifiers": made}, status=201)


async def patch_identifier(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    identifier = identifier_in_path(request, IDENTIFIERS_PATH)
    body = await read_json(request)
    record = await merge(registry, principal, origin, identifier, body, request.headers.get("If-Match"))
    return web_answer(await record_answer(registry, record, 200))


async def post_withdrawal(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    identifier = identifier_in_path(request, IDENTIFIERS_PATH, _WITHDRAW)
    body = await read_json(request)
    record = await withdraw(registry, principal, origin, identifier, body, request.headers.get("If-Match"))
    return web_answer(await record_answer(registry, record, 200))


async def post_restoration(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    identifier = identifier_in_path(request, IDENTIFIERS_PATH, _RESTORE)
    record = await restore(registry, principal, origin, identifier, request.headers.get("If-Match"), now())
    return web_answer(await record_answer(registry, record, 200))


async def get_history(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    identifier = identifier_in_path(request, HISTORY_PATH)
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    before = whole_number(request, "before", default=0, least=0, most=2**31 - 1)
    shown = await history(registry, principal, identifier, before or None, limit)
    return json_answer(shown, headers={"Cache-Control": "private, no-cache"})
