"""Revoke a key: it stops working on every worker within a second, and is never used again."""

from __future__ import annotations

from typing import Any

from core.access import Principal
from core.database import store_errors
from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.read_keys import managed_key

_SQL = load_sql("registry", "keys.sql")


async def revoke_key(registry: Registry, principal: Principal, origin: Origin, key_id: str) -> dict[str, Any]:
    """Revoking again changes nothing. Errors: `RoleNotEnough`, `ScopeNotEnough`, `KeyUnknown` (for another enterprise's
    too), `StoreUnavailable`."""
    await managed_key(registry, principal, key_id)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            revoked_at = await connection.fetchval(_SQL["revoke_key"], key_id)
            await write_audit(connection, [AuditLine(origin, "revoke-key", key_id, 0)])
    registry.directory.forget_keys([key_id])
    return {"key_id": key_id, "revoked_at": rfc3339(revoked_at)}
