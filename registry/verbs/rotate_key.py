"""Give a key a new secret; the old one goes on for a while, so that programs change over without a pause."""

from __future__ import annotations

from typing import Any

from core.access import Principal, make_secret, require_scope
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, KeyEnded
from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from registry.fields import read_number
from registry.keys import MAX_OVERLAP_SECONDS, OVERLAP_SECONDS, held_scopes
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.read_keys import own_or_managed_key

_SQL = load_sql("registry", "keys.sql")
ROTATE_MEMBERS = frozenset(("overlap_seconds",))


async def rotate_key(
    registry: Registry, principal: Principal, origin: Origin, key_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    """`overlap_seconds`? (a day; 0 ends the old secret at once): the key with its new secret, shown this once.

    The key id stays, and with it who acts in history, grants and audit. Rotated again, the secret before the last one ends
    at once. A key may rotate itself; of others only those that have no scope which the caller's lacks.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `KeyUnknown` (for another enterprise's too), `BodyInvalid`, `KeyEnded`,
    `StoreUnavailable`.
    """
    row = await own_or_managed_key(registry, principal, key_id)
    for scope in held_scopes(row):
        require_scope(principal, scope)
    problems: list[FieldProblem] = []
    overlap = body.get("overlap_seconds", OVERLAP_SECONDS)
    seconds = read_number(overlap, "overlap_seconds", problems, least=0, most=MAX_OVERLAP_SECONDS)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    key = make_secret(key_id)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            until = await connection.fetchval(_SQL["rotate_key"], key_id, key.secret_digest, seconds)
            if until is None:
                raise KeyEnded()
            await write_audit(connection, [AuditLine(origin, "rotate-key", key_id, 0)])
    registry.directory.forget_keys([key_id])
    return {"key": key.text, "key_id": key_id, "former_secret_until": rfc3339(until)}
