"""The HTTP door of the registry: the life of prefixes and of the enterprises that have them."""

from __future__ import annotations

from aiohttp import web

from core.errors import EnterpriseUnknown
from core.web import json_answer, read_object, whole_number
from registry.doors import caller
from registry.fields import MAX_NUMBER
from registry.hosting import HOSTING_MEMBERS
from registry.verbs.host_prefix import host_prefix
from registry.verbs.read import named_prefix
from registry.verbs.read_prefixes import list_prefixes, read_prefix
from registry.verbs.suspend_enterprise import resume_enterprise, revoke_enterprise, suspend_enterprise
from registry.verbs.suspend_prefix import SUSPEND_MEMBERS, resume_prefix, suspend_prefix

MAX_PAGE, DEFAULT_PAGE = 1_000, 100
_NO_STORE = {"Cache-Control": "no-store"}


def add_routes(app: web.Application) -> None:
    app.router.add_get("/api/v1/prefixes", get_prefixes)
    app.router.add_post("/api/v1/prefixes/{prefix}:suspend", post_suspend)
    app.router.add_post("/api/v1/prefixes/{prefix}:resume", post_resume)
    app.router.add_get("/api/v1/prefixes/{prefix}", get_prefix)
    app.router.add_put("/api/v1/prefixes/{prefix}/hosting", put_hosting)
    app.router.add_post("/api/v1/enterprises/{id}:suspend", post_suspend_enterprise)
    app.router.add_post("/api/v1/enterprises/{id}:resume", post_resume_enterprise)
    app.router.add_post("/api/v1/enterprises/{id}:revoke", post_revoke_enterprise)


async def get_prefixes(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    enterprise = whole_number(request, "enterprise_id", default=0, least=1, most=MAX_NUMBER) or None
    after = request.query.get("after", "")[:255].replace("\0", "")
    return json_answer(await list_prefixes(registry, principal, enterprise, after, limit), headers=_NO_STORE)


async def get_prefix(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    return json_answer(await read_prefix(registry, principal, _named(request)), headers=_NO_STORE)


async def post_suspend(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, SUSPEND_MEMBERS)
    return json_answer(await suspend_prefix(registry, principal, origin, _named(request), body), headers=_NO_STORE)


async def post_resume(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    return json_answer(await resume_prefix(registry, principal, origin, _named(request)), headers=_NO_STORE)


async def put_hosting(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, HOSTING_MEMBERS)
    return json_answer(await host_prefix(registry, principal, origin, _named(request), body), headers=_NO_STORE)


async def post_suspend_enterprise(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, SUSPEND_MEMBERS)
    return json_answer(await suspend_enterprise(registry, principal, origin, _enterprise(request), body))


async def post_resume_enterprise(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    return json_answer(await resume_enterprise(registry, principal, origin, _enterprise(request)))


async def post_revoke_enterprise(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, SUSPEND_MEMBERS)
    return json_answer(await revoke_enterprise(registry, principal, origin, _enterprise(request), body))


def _named(request: web.Request) -> str:
    return named_prefix(request.match_info["prefix"])


def _enterprise(request: web.Request) -> int:
    text = request.match_info["id"]
    if text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) <= MAX_NUMBER:
        return int(text)
    raise EnterpriseUnknown(f"There is no enterprise {text[:40]}", f"不存在编号为 {text[:40]} 的企业")
