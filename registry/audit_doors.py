"""The HTTP door of the audit."""

from __future__ import annotations

from aiohttp import web

from core.web import json_answer, whole_number
from registry.doors import caller
from registry.verbs.audit_head import audit_head
from registry.verbs.list_audit import list_audit

MAX_PAGE, DEFAULT_PAGE = 1_000, 100
_NO_STORE = {"Cache-Control": "no-store"}


def add_routes(app: web.Application) -> None:
    app.router.add_get("/api/v1/audit", get_audit)
    app.router.add_get("/api/v1/audit/head", get_head)


async def get_audit(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    return json_answer(await list_audit(registry, principal, request.query, limit), headers=_NO_STORE)


async def get_head(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    return json_answer(await audit_head(registry, principal), headers=_NO_STORE)
