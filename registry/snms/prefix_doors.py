"""Prefixes at the SNMS door: one, or a page of those that the caller's enterprise has."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from core.access import Hosting, Prefix, PrefixState, require_owner
from core.errors import IdentifierMalformed, ParameterInvalid
from core.identifier import fold_case, parse_prefix
from core.web import whole_number
from registry.snms.edge import caller, succeeded
from registry.snms.envelope import missing
from registry.verbs.list_prefixes import list_prefixes

# What the guide calls them: 0 disabled, 1 enabled, 2 to be deleted, 3 rejected, 4 awaiting audit, 5 in audit.
STATES = {"suspended": 0, "active": 1, "revoked": 2, "rejected": 3, "awaiting": 4, "submitted": 5}
NOT_HOSTED, APPLIED, HOSTING_REJECTED, HOSTED = 1, 2, 3, 4
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
    """With the guide's other names of the same members, which it uses in its two answers."""
    state, hosting = STATES[prefix.condition], _hosting(prefix)
    return {
        "prefix": prefix.shown,
        "entPrefix": prefix.shown,
        "entId": prefix.enterprise_id,
        "entName": prefix.enterprise_name,
        "entNameCn": prefix.enterprise_name,
        "state": state,
        "status": state,
        "hosting": hosting,
        "proxyState": hosting,
    }


def _hosting(prefix: Prefix) -> int:
    if prefix.state in (PrefixState.REJECTED, PrefixState.REVOKED):
        return HOSTING_REJECTED
    if prefix.hosting is Hosting.OWN_NODE:
        return NOT_HOSTED
    return HOSTED if prefix.state is PrefixState.ACTIVE else APPLIED
