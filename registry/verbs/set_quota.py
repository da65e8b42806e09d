"""Set what an enterprise or a key may do at most. Operators only."""

from __future__ import annotations

from typing import Any

from core.access import Principal, Role, Scope, require_role
from core.database import store_errors
from core.errors import BodyInvalid, EnterpriseUnknown, FieldProblem
from core.quota import Kind, Limits, Subject
from core.sqlfiles import load_sql
from registry.quotas.ledger import SQL, correct
from registry.quotas.wishes import parse_limits
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.read_keys import managed_key
from registry.verbs.read_quota import enterprise_content, key_content

_ONBOARDING = load_sql("registry", "onboarding.sql")


async def set_enterprise_quota(
    registry: Registry, principal: Principal, origin: Origin, enterprise_id: int, body: dict[str, Any]
) -> dict[str, Any]:
    """`requests_per_second`?, `burst`?, `registrations_per_day`?, `registrations_total`?; what is missing or null is
    unlimited. The quota as it is now; every worker goes by it within a second.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `BodyInvalid`, `EnterpriseUnknown`, `StoreUnavailable`.
    """
    require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
    limits = _parse(body)
    with store_errors():
        known = await registry.pool.fetchval(_ONBOARDING["enterprise_exists"], enterprise_id)
    if not known:
        raise EnterpriseUnknown(f"There is no enterprise {enterprise_id}", f"不存在编号为 {enterprise_id} 的企业")
    await _set(registry, origin, Subject(Kind.ENTERPRISE, enterprise_id), limits, f"enterprise {enterprise_id}")
    return await enterprise_content(registry, enterprise_id)


async def set_key_quota(
    registry: Registry, principal: Principal, origin: Origin, key_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    """As `set_enterprise_quota`, for one key. Errors: `KeyUnknown` in place of `EnterpriseUnknown`."""
    require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
    limits = _parse(body)
    row = await managed_key(registry, principal, key_id)
    await _set(registry, origin, Subject(Kind.KEY, row["id"]), limits, f"key {key_id}")
    return await key_content(registry, row)


async def _set(registry: Registry, origin: Origin, subject: Subject, limits: Limits, about: str) -> None:
    named = (subject.kind.value, subject.number)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                SQL["set_quota"], *named, limits.requests_per_second, limits.burst, limits.registrations_per_day,
                limits.registrations_total,
            )  # fmt: skip
            await correct(connection, subject)  # while it had no limit nothing was taken, but counted
            await write_audit(connection, [AuditLine(origin, "set-quota", about, 0)])
    registry.directory.apply_quotas([row])


def _parse(body: dict[str, Any]) -> Limits:
    problems: list[FieldProblem] = []
    limits = parse_limits(body, problems)
    if limits is None:
        raise BodyInvalid(errors=tuple(problems))
    return limits
