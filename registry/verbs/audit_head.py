"""The newest seal of the audit: kept elsewhere, it proves that the end of the chain was not cut."""

from __future__ import annotations

from typing import Any

from core.access import EVERYWHERE, Principal, require_role
from core.database import store_errors
from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from registry.room import Registry

_SQL = load_sql("registry", "audit.sql")


async def audit_head(registry: Registry, principal: Principal) -> dict[str, Any]:
    """`seal` 0 before the first. Errors: `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`."""
    require_role(principal, *EVERYWHERE)
    with store_errors():
        row = await registry.pool.fetchrow(_SQL["newest_seal"])
    if row is None:
        return {"seal": 0, "hash": None, "sealed_at": None}
    return {"seal": row["number"], "hash": row["hash"].hex(), "sealed_at": rfc3339(row["sealed_at"])}
