"""The HTTP door of the registry: keys."""

from __future__ import annotations

from aiohttp import web

from core.web import json_answer, read_object, whole_number
from registry.doors import caller
from registry.fields import MAX_NUMBER
from registry.keys import CHANGE_MEMBERS, KEY_MEMBERS
from registry.verbs.change_key import change_key
from registry.verbs.issue_key import issue_key
from registry.verbs.read_keys import list_keys, read_key
from registry.verbs.revoke_key import revoke_key
from registry.verbs.rotate_key import ROTATE_MEMBERS, rotate_key

MAX_PAGE, DEFAULT_PAGE = 1_000, 100
_NO_STORE = {"Cache-Control": "no-store"}


def add_routes(app: web.Application) -> None:
    app.router.add_post("/api/v1/keys", post_key)
    app.router.add_get("/api/v1/keys", get_keys)
    app.router.add_post("/api/v1/keys/{key_id}:rotate", post_rotate)
    app.router.add_get("/api/v1/keys/{key_id}", get_key)
    app.router.add_patch("/api/v1/keys/{key_id}", patch_key)
    app.router.add_delete("/api/v1/keys/{key_id}", delete_key)


async def post_key(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    made = await issue_key(registry, principal, origin, await read_object(request, KEY_MEMBERS))
    return json_answer(made, status=201, headers=_NO_STORE)


async def get_keys(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    after = whole_number(request, "after", default=0, least=0, most=MAX_NUMBER)
    enterprise = whole_number(request, "enterprise_id", default=0, least=1, most=MAX_NUMBER) or None
    items, more = await list_keys(registry, principal, enterprise, after, limit)
    return json_answer({"items": items, "next": more}, headers=_NO_STORE)


async def get_key(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    return json_answer(await read_key(registry, principal, _key_id(request)), headers=_NO_STORE)


async def patch_key(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, CHANGE_MEMBERS)
    return json_answer(await change_key(registry, principal, origin, _key_id(request), body), headers=_NO_STORE)


async def post_rotate(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, ROTATE_MEMBERS) if request.can_read_body else {}
    return json_answer(await rotate_key(registry, principal, origin, _key_id(request), body), headers=_NO_STORE)


async def delete_key(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    return json_answer(await revoke_key(registry, principal, origin, _key_id(request)))


def _key_id(request: web.Request) -> str:
    return request.match_info["key_id"]
