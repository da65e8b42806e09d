"""The prefixes that a caller may see: an enterprise its own, an operator or auditor all."""

from __future__ import annotations

from core.access import EVERYWHERE, OF_ENTERPRISE, Prefix, Principal, require_role
from core.database import store_errors
from core.directory import prefix_from_row
from core.sqlfiles import load_sql
from registry.room import Registry

_SQL = load_sql("registry", "snms.sql")


async def list_prefixes(registry: Registry, principal: Principal, most: int) -> tuple[list[Prefix], int]:
    """The first `most` in order, and how many there are. Errors: `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`."""
    require_role(principal, *EVERYWHERE, *OF_ENTERPRISE)
    with store_errors():
        rows = await registry.pool.fetch(_SQL["prefixes_of"], principal.enterprise_id, most)
        total = await registry.pool.fetchval(_SQL["count_prefixes"], principal.enterprise_id)
    return [prefix_from_row(row) for row in rows], int(total or 0)
