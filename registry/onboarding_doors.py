"""The HTTP door of the registry: enterprises, prefixes, keys, templates."""

from __future__ import annotations

from aiohttp import web

from core.web import json_answer, read_object
from registry.doors import caller
from registry.verbs.onboard import Done, create_enterprise, grant_prefix, issue_key, revoke_key
from registry.verbs.publish_template import as_json, publish_template

_ENTERPRISE = frozenset(("name", "credit_code"))
_PREFIX = frozenset(("enterprise_id", "prefix", "suffix_case_sensitive"))
_KEY = frozenset(("role", "enterprise_id", "label", "expires_in_seconds"))
_TEMPLATE = frozenset(("identifier", "items"))


def add_routes(app: web.Application) -> None:
    app.router.add_post("/api/v1/enterprises", post_enterprise)
    app.router.add_post("/api/v1/prefixes", post_prefix)
    app.router.add_post("/api/v1/keys", post_key)
    app.router.add_delete("/api/v1/keys/{key_id}", delete_key)
    app.router.add_post("/api/v1/templates", post_template)


async def post_enterprise(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    return _answer(await create_enterprise(registry, principal, origin, await read_object(request, _ENTERPRISE)))


async def post_prefix(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    return _answer(await grant_prefix(registry, principal, origin, await read_object(request, _PREFIX)))


async def post_key(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    return _answer(await issue_key(registry, principal, origin, await read_object(request, _KEY)))


async def delete_key(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    return json_answer(await revoke_key(registry, principal, origin, request.match_info["key_id"]))


async def post_template(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    template, created = await publish_template(registry, principal, origin, await read_object(request, _TEMPLATE))
    return json_answer(as_json(template), status=201 if created else 200)


def _answer(done: Done) -> web.Response:
    return json_answer(done.content, status=201 if done.created else 200, headers={"Cache-Control": "no-store"})
