"""The prefixes that a caller may see: an enterprise its own, an operator all."""

from __future__ import annotations

from core.access import Prefix, Principal, Role, require_role
from core.database import store_errors
from core.sqlfiles import load_sql
from registry.room import Registry

_SQL = load_sql("registry", "snms.sql")


async def list_prefixes(registry: Registry, principal: Principal, most: int) -> tuple[list[Prefix], int]:
    """The first `most` in order, and how many there are. Errors: `RoleNotEnough`, `StoreUnavailable`."""
    require_role(principal, Role.ENTERPRISE, Role.OPERATOR)
    with store_errors():
        rows = await registry.pool.fetch(_SQL["prefixes_of"], principal.enterprise_id, most)
        total = await registry.pool.fetchval(_SQL["count_prefixes"], principal.enterprise_id)
    found = [
        Prefix(
            row["prefix"],
            row["shown"],
            row["enterprise_id"],
            row["enterprise_name"],
            row["suffix_case_sensitive"],
            row["suspended"],
        )
        for row in rows
    ]
    return found, int(total or 0)
