"""Which keys there are: for an enterprise its own, for operators and auditors all. Secrets are never shown."""

from __future__ import annotations

from typing import Any

from core.access import EVERYWHERE, Principal, Role, Scope, is_key_id, require_role
from core.database import store_errors
from core.errors import EnterpriseUnknown, KeyUnknown
from core.sqlfiles import load_sql
from registry.keys import key_view
from registry.room import Registry

_SQL = load_sql("registry", "keys.sql")
_READERS = (Role.OPERATOR, Role.AUDITOR, Role.ENTERPRISE)
_MANAGERS = (Role.OPERATOR, Role.ENTERPRISE)


async def list_keys(
    registry: Registry, principal: Principal, enterprise: int | None, after: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """At most `limit` keys in the order they were issued, and what to ask for `after` them (None: there are no more).

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `EnterpriseUnknown` (for another's), `StoreUnavailable`.
    """
    require_role(principal, *_READERS, scope=_reading(principal))
    if principal.enterprise_id is not None and enterprise not in (None, principal.enterprise_id):
        raise EnterpriseUnknown(f"There is no enterprise {enterprise}", f"不存在编号为 {enterprise} 的企业")
    with store_errors():
        rows = await registry.pool.fetch(_SQL["page_of_keys"], principal.enterprise_id or enterprise, after, limit)
    return [key_view(row) for row in rows], rows[-1]["id"] if len(rows) == limit else None


async def read_key(registry: Registry, principal: Principal, key_id: str) -> dict[str, Any]:
    """One key; whoever calls may read their own. Errors: `RoleNotEnough`, `ScopeNotEnough`, `KeyUnknown` (for another
    enterprise's too), `StoreUnavailable`."""
    return key_view(await readable_key(registry, principal, key_id))


async def readable_key(registry: Registry, principal: Principal, key_id: str) -> Any:
    """The row of a key that the caller may read. Errors: as for `read_key`."""
    row = await _find(registry, key_id)
    if row is None or row["id"] != principal.key:
        require_role(principal, *_READERS, scope=_reading(principal))
    return _theirs(row, principal)


async def managed_key(registry: Registry, principal: Principal, key_id: str) -> Any:
    """The row of a key that the caller may change. Errors: as for `read_key`."""
    require_role(principal, *_MANAGERS, scope=Scope.MANAGE)
    return _theirs(await _find(registry, key_id), principal)


async def own_or_managed_key(registry: Registry, principal: Principal, key_id: str) -> Any:
    """As `managed_key`; it may be the caller's own as well, whatever that may do."""
    row = await _find(registry, key_id)
    if row is None or row["id"] != principal.key:
        require_role(principal, *_MANAGERS, scope=Scope.MANAGE)
    return _theirs(row, principal)


async def _find(registry: Registry, key_id: str) -> Any | None:
    if not is_key_id(key_id):
        return None
    with store_errors():
        return await registry.pool.fetchrow(_SQL["one_key"], key_id)


def _theirs(row: Any | None, principal: Principal) -> Any:
    """Another enterprise's key is as if it were not there. Raises `KeyUnknown`."""
    if row is not None and (
        principal.role in EVERYWHERE
        or row["id"] == principal.key
        or (principal.enterprise_id is not None and row["enterprise_id"] == principal.enterprise_id)
    ):
        return row
    raise KeyUnknown()


def _reading(principal: Principal) -> Scope:
    """What it takes to see keys: to manage them, but for an auditor, who manages nothing."""
    return Scope.READ_PRIVATE if principal.role is Role.AUDITOR else Scope.MANAGE
