"""What an enterprise or a key may do at most, and what it has registered: for operators and auditors all, else one's own."""

from __future__ import annotations

from typing import Any

from core.access import EVERYWHERE, OF_ENTERPRISE, Principal, Role, require_role
from core.database import store_errors
from core.errors import EnterpriseUnknown
from core.quota import Kind, Subject
from core.quota_book import limits_of_row
from core.sqlfiles import load_sql
from registry.quotas.ledger import SQL
from registry.quotas.wishes import quota_view
from registry.room import Registry
from registry.verbs.read_keys import readable_key

_ONBOARDING = load_sql("registry", "onboarding.sql")


async def enterprise_quota(registry: Registry, principal: Principal, enterprise_id: int) -> dict[str, Any]:
    """Registrations from the stored counters. Errors: `RoleNotEnough`, `ScopeNotEnough`, `EnterpriseUnknown` (for
    another's), `StoreUnavailable`."""
    require_role(principal, *EVERYWHERE, *OF_ENTERPRISE)
    with store_errors():
        known = await registry.pool.fetchval(_ONBOARDING["enterprise_exists"], enterprise_id)
    if not known or (principal.role not in EVERYWHERE and principal.enterprise_id != enterprise_id):
        raise EnterpriseUnknown(f"There is no enterprise {enterprise_id}", f"不存在编号为 {enterprise_id} 的企业")
    return await enterprise_content(registry, enterprise_id)


async def key_quota(registry: Registry, principal: Principal, key_id: str) -> dict[str, Any]:
    """Registrations since the key had a quota for them, with those lent to a worker that has not spent them yet; whoever
    calls may read their own. Errors: as for `read_key`."""
    return await key_content(registry, await readable_key(registry, principal, key_id))


async def enterprise_content(registry: Registry, enterprise_id: int) -> dict[str, Any]:
    """As above, for whoever may see it. Errors: `StoreUnavailable`."""
    subject = Subject(Kind.ENTERPRISE, enterprise_id)
    return {"enterprise_id": enterprise_id} | await _view(registry, subject, None, "used_by_enterprise")


async def key_content(registry: Registry, row: Any) -> dict[str, Any]:
    """The same for the key of a row. Errors: `StoreUnavailable`."""
    subject = Subject(Kind.KEY, row["id"])
    return {"key_id": row["key_id"]} | await _view(registry, subject, Role(row["role"]), "used_by_key")


async def _view(registry: Registry, subject: Subject, role: Role | None, statement: str) -> dict[str, Any]:
    """From the table itself: another worker may have set it a moment ago."""
    with store_errors():
        own = await registry.pool.fetchrow(SQL["one_quota"], subject.kind.value, subject.number)
        used = await registry.pool.fetchrow(SQL[statement], subject.number)
    assert used is not None  # sums: one row, whatever there is
    limits = limits_of_row(own) if own else registry.directory.quotas.limits(subject, role)
    return quota_view(limits, own is not None, used)
