"""Which types of a prefix can be searched by their exact value: an optional reverse index, filled in the background."""

from __future__ import annotations

from typing import Any

from core.access import Principal, Scope, require_owner, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem
from core.identifier import fold_case
from core.timestamps import rfc3339
from core.values import MAX_TYPE_BYTES, SECRET_TYPES
from registry.room import Registry
from registry.store import VALUE_INDEX, AuditLine, Origin, write_audit

MEMBERS = frozenset(("types",))
MAX_TYPES = 8


async def wish_value_index(
    registry: Registry, principal: Principal, origin: Origin, named: str, body: dict[str, Any]
) -> dict[str, Any]:
    """`types`, at most 8; none: no index any more. The same again changes nothing.

    Errors: `BodyInvalid`, `PrefixNotYours`, `PrefixSuspended`, `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`.
    """
    held = await registry.directory.fresh_prefix(fold_case(named))
    prefix = require_writer(principal, held, named, Scope.MANAGE)
    types = _types(body.get("types"))
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            before = await connection.fetchrow(VALUE_INDEX["lock_wish"], prefix.key)
            had = set(before["types"]) if before else set()
            if before and had == set(types):
                row = await connection.fetchrow(VALUE_INDEX["read_wish"], prefix.key)
            else:
                less = set(types) <= had or not types
                row = await connection.fetchrow(VALUE_INDEX["write_wish"], prefix.key, types, less)
                await write_audit(connection, [AuditLine(origin, "index-values", prefix.shown, 0)])
    return _shown(prefix.shown, row)


async def read_value_index(registry: Registry, principal: Principal, named: str) -> dict[str, Any]:
    """Errors: `PrefixNotYours`, `ScopeNotEnough`, `StoreUnavailable`."""
    prefix = require_owner(principal, await registry.directory.fresh_prefix(fold_case(named)), named)
    with store_errors():
        row = await registry.pool.fetchrow(VALUE_INDEX["read_wish"], prefix.key)
    return _shown(prefix.shown, row)


def _shown(prefix: str, row: Any) -> dict[str, Any]:
    if row is None:
        return {"prefix": prefix, "types": [], "state": "ready", "asked_at": None, "ready_at": None}
    times = {name: rfc3339(row[name]) for name in ("asked_at", "ready_at")}
    return {"prefix": prefix, "types": row["types"], "state": row["state"], **times}


def _types(raw: Any) -> list[str]:
    named = raw if isinstance(raw, list) else [None]
    good = all(isinstance(one, str) and one.isprintable() and 0 < len(one.encode()) <= MAX_TYPE_BYTES for one in named)
    if not good or len(named) > MAX_TYPES:
        en, zh = f"must be a list of at most {MAX_TYPES} types of values", f"必须是最多 {MAX_TYPES} 个值类型的数组"
        raise BodyInvalid(errors=(FieldProblem("types", "list-invalid", en, zh),))
    if secret := sorted(SECRET_TYPES & set(named)):
        raise BodyInvalid(
            errors=(FieldProblem("types", "secret-type", f"{secret[0]} is secret", f"{secret[0]} 为机密类型"),)
        )
    return sorted(set(named))
