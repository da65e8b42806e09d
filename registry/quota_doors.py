"""The HTTP door of the registry: quotas."""

from __future__ import annotations

from aiohttp import web

from core.errors import EnterpriseUnknown
from core.web import json_answer, read_object
from registry.doors import caller
from registry.fields import MAX_NUMBER
from registry.quotas.wishes import QUOTA_MEMBERS
from registry.verbs.read_quota import enterprise_quota, key_quota
from registry.verbs.set_quota import set_enterprise_quota, set_key_quota

_NO_STORE = {"Cache-Control": "no-store"}
_ENTERPRISE, _KEY = "/api/v1/quotas/enterprises/{id}", "/api/v1/quotas/keys/{key_id}"


def add_routes(app: web.Application) -> None:
    app.router.add_get(_ENTERPRISE, get_enterprise_quota)
    app.router.add_put(_ENTERPRISE, put_enterprise_quota)
    app.router.add_get(_KEY, get_key_quota)
    app.router.add_put(_KEY, put_key_quota)


async def get_enterprise_quota(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    return json_answer(await enterprise_quota(registry, principal, _number(request)), headers=_NO_STORE)


async def put_enterprise_quota(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, QUOTA_MEMBERS)
    content = await set_enterprise_quota(registry, principal, origin, _number(request), body)
    return json_answer(content, headers=_NO_STORE)


async def get_key_quota(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    return json_answer(await key_quota(registry, principal, request.match_info["key_id"]), headers=_NO_STORE)


async def put_key_quota(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, QUOTA_MEMBERS)
    content = await set_key_quota(registry, principal, origin, request.match_info["key_id"], body)
    return json_answer(content, headers=_NO_STORE)


def _number(request: web.Request) -> int:
    """The enterprise in the path. Raises `EnterpriseUnknown` for what no enterprise can have."""
    text = request.match_info["id"]
    if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAX_NUMBER:
        return int(text)
    raise EnterpriseUnknown(f"There is no enterprise {text[:40]}", f"不存在编号为 {text[:40]} 的企业")
