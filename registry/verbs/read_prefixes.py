"""Which prefixes there are, and how each stands: for an enterprise its own, for operators and auditors all."""

from __future__ import annotations

from typing import Any

from core.access import EVERYWHERE, OF_ENTERPRISE, Principal, require_owner, require_role
from core.database import store_errors
from core.directory import prefix_from_row
from core.errors import EnterpriseUnknown, PrefixUnknown
from core.identifier import fold_case
from registry.prefix_life import SQL
from registry.prefix_views import prefix_view
from registry.room import Registry


async def list_prefixes(
    registry: Registry, principal: Principal, enterprise: int | None, after: str, limit: int
) -> dict[str, Any]:
    """`items` in order, at most `limit`, and `next` to ask for `after` them (None: there are no more).

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `EnterpriseUnknown` (for another's), `StoreUnavailable`.
    """
    require_role(principal, *EVERYWHERE, *OF_ENTERPRISE)
    if principal.enterprise_id is not None and enterprise not in (None, principal.enterprise_id):
        raise EnterpriseUnknown(f"There is no enterprise {enterprise}", f"不存在编号为 {enterprise} 的企业")
    whose = principal.enterprise_id or enterprise
    with store_errors():
        rows = await registry.pool.fetch(SQL["page_of_prefixes"], whose, fold_case(after), limit)
    items = [prefix_view(prefix_from_row(row), registry.node_prefix) for row in rows]
    return {"items": items, "next": rows[-1]["prefix"] if len(rows) == limit else None}


async def read_prefix(registry: Registry, principal: Principal, named: str) -> dict[str, Any]:
    """One prefix. Errors: `RoleNotEnough`, `ScopeNotEnough`, `PrefixNotYours`, `PrefixUnknown`, `StoreUnavailable`."""
    with store_errors():
        row = await registry.pool.fetchrow(SQL["one_of_prefixes"], fold_case(named))
    if row is None and principal.role in EVERYWHERE:
        require_role(principal, *EVERYWHERE)
        raise PrefixUnknown(f"There is no prefix {named}", f"不存在前缀 {named}")
    found = require_owner(principal, prefix_from_row(row) if row else None, named)
    return prefix_view(found, registry.node_prefix)
