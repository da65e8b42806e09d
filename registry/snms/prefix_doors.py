"""Prefixes at the SNMS door: one, or a page of those that the caller's enterprise has."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from core.access import Prefix, require_owner
from core.errors import IdentifierMalformed, ParameterInvalid
from core.identifier import fold_case, parse_prefix
from core.web import whole_number
from registry.snms.edge import caller, succeeded
from registry.snms.envelope import missing
from registry.verbs.list_prefixes import list_prefixes

ENABLED, DISABLED = 1, 0
HOSTED = 4  # every prefix given here is answered here
MAX_PAGE_SIZE, MAX_ROWS = 200, 10_000


def add_routes(app: web.Application) -> None:
    app.router.add_get("/snms/api/prefix/query", get_prefix)
    app.router.add_get("/snms/api/prefix/page", get_page)


async def get_prefix(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    named = request.query.get("prefix", "")
    if not named:
        raise ParameterInvalid(errors=(missing("prefix"),))
    try:
        key = fold_case(parse_prefix(named))
    except IdentifierMalformed as wrong:
        raise ParameterInvalid(errors=(wrong.at("prefix"),)) from None
    return succeeded(_shown(require_owner(principal, await registry.directory.fresh_prefix(key), named)))


async def get_page(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    size = whole_number(request, "pageSize", default=10, least=1, most=MAX_PAGE_SIZE)
    number = whole_number(request, "pageNum", default=1, least=1, most=MAX_ROWS // size)
    prefixes, total = await list_prefixes(registry, principal, number * size)
    rows = [_shown(prefix) for prefix in prefixes[(number - 1) * size :]]
    return succeeded({"pageNum": number, "pageSize": size, "total": total, "list": rows})


def _shown(prefix: Prefix) -> dict[str, Any]:
    return {
        "prefix": prefix.shown,
        "entName": prefix.enterprise_name,
        "state": DISABLED if prefix.suspended else ENABLED,
        "hosting": HOSTED,
    }
