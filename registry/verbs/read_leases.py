"""Read leases of suffixes, and what their lines need to print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.access import Principal, Scope, require_owner
from core.database import store_errors
from core.errors import LeaseUnknown, ParameterInvalid
from core.identifier import fold_case
from core.parameters import Parameters
from core.timestamps import rfc3339
from registry.leasing.formula import stored_formula
from registry.leasing.ranges import Ranges, size, texts, without
from registry.leasing.rows import Lease, page_of_leases, read_lease
from registry.room import Registry
from registry.verbs.read import named_prefix

MAX_ID = 2**63 - 1
STATES = ("open", "closed", "expired")
_RANGES_SHOWN = 1_000


async def find_lease(
    registry: Registry, principal: Principal, lease_id: int, scope: Scope = Scope.READ_PRIVATE
) -> Lease:
    """One lease. Errors: `LeaseUnknown`, `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`."""
    with store_errors():
        found = await read_lease(registry.pool, lease_id) if lease_id <= MAX_ID else None
    if found is None:
        raise LeaseUnknown(f"There is no lease {lease_id}", f"不存在编号为 {lease_id} 的租约")
    require_owner(principal, await registry.directory.fresh_prefix(found.prefix), found.prefix_shown, scope)
    return found


async def list_leases(
    registry: Registry, principal: Principal, query: Mapping[str, str], before: int, limit: int
) -> list[Lease]:
    """Newest first: `prefix`, `state`?. Errors: `ParameterInvalid`, `PrefixNotYours`, `ScopeNotEnough`, `StoreUnavailable`."""
    named = named_prefix(query.get("prefix"))
    prefix = require_owner(principal, await registry.directory.fresh_prefix(fold_case(named)), named)
    asked = Parameters(query)
    state = asked.one_of("state", STATES)
    if asked.problems:
        raise ParameterInvalid(errors=tuple(asked.problems))
    with store_errors():
        return await page_of_leases(registry.pool, prefix.key, before or MAX_ID, limit, state)


def lease_view(registry: Registry, lease: Lease, *, whole: bool = True) -> dict[str, Any]:
    """As answers show it; `whole` with its ranges and how each suffix is computed."""
    template = registry.directory.template(lease.template_id)
    shown: dict[str, Any] = {
        "id": lease.id,
        "prefix": lease.prefix_shown,
        "pattern": lease.pattern,
        "label": lease.label,
        "state": lease.state,
        "template": template.identifier if template else None,
        "count": size(lease.granted),
        "used_count": size(lease.used),
        "unused_count": size(without(lease.granted, lease.used)),
        "key_id": lease.key_id,
        "until": rfc3339(lease.until),
        "created_at": rfc3339(lease.created_at),
        "reported_at": rfc3339(lease.reported_at),
        "ended_at": rfc3339(lease.ended_at),
    }
    if not whole or not lease.granted:
        return shown
    formula = stored_formula(lease.pattern, lease.day)
    first, last = lease.granted[0][0], lease.granted[-1][1]
    return shown | {
        "first": f"{lease.prefix_shown}/{formula.suffix(first)}",
        "last": f"{lease.prefix_shown}/{formula.suffix(last)}",
        "ranges": texts(lease.granted),
        "formula": formula.parts(),
        "used": _some(lease.used),
        "unused": _some(without(lease.granted, lease.used)),
    }


def _some(ranges: Ranges) -> list[str]:
    """The first of them: a lease reported one by one may have as many as it has numbers."""
    return texts(ranges[:_RANGES_SHOWN])
