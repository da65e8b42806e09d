"""Change a key's label, its end, its scopes, where it may be used from. Its role and its enterprise stay."""

from __future__ import annotations

from typing import Any

from core.access import Principal, Role
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, KeyEnded
from core.sqlfiles import load_sql
from registry.keys import KeyChange, held_scopes, kept_scopes, key_view, parse_change
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.read_keys import managed_key

_SQL = load_sql("registry", "keys.sql")


async def change_key(
    registry: Registry, principal: Principal, origin: Origin, key_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    """`label`?, `expires_in_seconds`? (null: never), `scopes`? (null: all of the role), `allowed_sources`? (null: from
    everywhere): the key as it is now. Every worker goes by it within a second.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `KeyUnknown` (for another enterprise's too), `BodyInvalid`, `KeyEnded`
    (revoked), `StoreUnavailable`.
    """
    row = await managed_key(registry, principal, key_id)
    role = Role(row["role"])
    problems: list[FieldProblem] = []
    change = parse_change(body, role, held_scopes(row), principal, problems)
    if change is None:
        raise BodyInvalid(errors=tuple(problems))
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await _change(connection, key_id, role, change)
            about = f"{key_id} {', '.join(sorted(body))}"
            await write_audit(connection, [AuditLine(origin, "change-key", about, 0)])
            now_held = await connection.fetchrow(_SQL["one_key"], key_id)
    registry.directory.forget_keys([key_id])
    assert now_held is not None  # keys are never deleted
    return key_view(now_held)


async def _change(connection: Any, key_id: str, role: Role, change: KeyChange) -> None:
    changed = await connection.fetchval(
        _SQL["change_key"], key_id, change.label, change.expires, change.seconds,
        change.scopes is not None, None if change.scopes is None else kept_scopes(role, change.scopes),
        change.networks is not None, change.networks or None,
    )  # fmt: skip
    if changed is None:
        raise KeyEnded()
