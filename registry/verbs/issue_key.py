"""Issue a key: the operator any, an enterprise its own administrators, writers and partners."""

from __future__ import annotations

from typing import Any

from core.access import NewKey, Principal, Role, Scope, in_order, make_key, require_role
from core.database import store_errors
from core.errors import BodyInvalid, EnterpriseUnknown, FieldProblem
from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from registry.keys import KeyWish, kept_scopes, parse_key
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit

_SQL = load_sql("registry", "keys.sql")
_ENTERPRISE_EXISTS = load_sql("registry", "onboarding.sql")["enterprise_exists"]
_BY_ENTERPRISES = (Role.ENTERPRISE, Role.WRITER, Role.PARTNER)


async def issue_key(registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any]) -> dict[str, Any]:
    """`role`, `enterprise_id`? (of the caller, where that has one), `label`?, `expires_in_seconds`?, `scopes`?,
    `allowed_sources`?; the key is shown this once.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `BodyInvalid`, `EnterpriseUnknown` (also for another's), `StoreUnavailable`.
    """
    require_role(principal, Role.OPERATOR, Role.ENTERPRISE, scope=Scope.MANAGE)
    problems: list[FieldProblem] = []
    wish = parse_key(body, principal, problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    if wish.role not in _BY_ENTERPRISES:
        require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
    if principal.enterprise_id not in (None, wish.enterprise_id):
        raise _no_enterprise(wish)
    key = make_key()
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            if wish.enterprise_id and await connection.fetchval(_ENTERPRISE_EXISTS, wish.enterprise_id) is None:
                raise _no_enterprise(wish)
            row = await insert_key(connection, key, wish)
            await write_audit(connection, [AuditLine(origin, "issue-key", f"{wish.role} {key.key_id}", 0)])
    return {
        "key": key.text,
        "key_id": key.key_id,
        "role": wish.role,
        "scopes": in_order(wish.scopes),
        "enterprise_id": wish.enterprise_id,
        "label": wish.label,
        "allowed_sources": [str(network) for network in wish.networks],
        "expires_at": rfc3339(row["expires_at"]),
    }


async def insert_key(connection: Any, key: NewKey, wish: KeyWish) -> Any:
    """The row's `id`, `created_at`, `expires_at`."""
    row = await connection.fetchrow(
        _SQL["issue_key"], key.key_id, key.secret_digest, wish.role.value, wish.enterprise_id, wish.label, wish.seconds,
        kept_scopes(wish.role, wish.scopes), wish.networks or None,
    )  # fmt: skip
    assert row is not None
    return row


def _no_enterprise(wish: KeyWish) -> EnterpriseUnknown:
    return EnterpriseUnknown(
        f"There is no enterprise {wish.enterprise_id}", f"不存在编号为 {wish.enterprise_id} 的企业"
    )
