"""Suspend a prefix and what was delegated below it, and let it go on. Operators only.

Nothing is written under a suspended prefix. Its identifiers go on resolving, because products that were sold carry them,
unless the operator says `stop_answering`.
"""

from __future__ import annotations

from typing import Any

from core.access import Principal, Role, Scope, require_role
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, PrefixUnknown
from core.identifier import fold_case
from registry.fields import read_flag, read_text
from registry.prefix_life import SQL, lock_lives, settle
from registry.prefix_views import prefix_view
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit

SUSPEND_MEMBERS = frozenset(("reason", "stop_answering"))
MAX_REASON = 500


async def suspend_prefix(
    registry: Registry, principal: Principal, origin: Origin, named: str, body: dict[str, Any]
) -> dict[str, Any]:
    """`reason`, `stop_answering`?: the prefix as it is then; again changes both.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `BodyInvalid`, `PrefixUnknown`, `StoreUnavailable`.
    """
    require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
    reason, stop = parse_suspension(body)
    return await _hold(registry, origin, named, "suspend-prefix", reason, stop)


async def resume_prefix(registry: Registry, principal: Principal, origin: Origin, named: str) -> dict[str, Any]:
    """The prefix as it is then: still suspended where its parent or its enterprise is.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `PrefixUnknown`, `StoreUnavailable`.
    """
    require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
    return await _hold(registry, origin, named, "resume-prefix", None, False)


def parse_suspension(body: dict[str, Any]) -> tuple[str, bool]:
    """(reason, whether to stop answering). Raises `BodyInvalid`."""
    problems: list[FieldProblem] = []
    reason = read_text(body.get("reason"), "reason", MAX_REASON, problems)
    stop = read_flag(body.get("stop_answering", False), "stop_answering", problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return reason, stop


async def _hold(
    registry: Registry, origin: Origin, named: str, action: str, reason: str | None, stop: bool
) -> dict[str, Any]:
    key = fold_case(named)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await lock_lives(connection)
            if await connection.fetchval(SQL["hold_prefix"], key, reason, stop) is None:
                raise PrefixUnknown(f"There is no prefix {named}", f"不存在前缀 {named}")
            touched = await settle(connection, [key])
            await write_audit(connection, [AuditLine(origin, action, key, 0)])
    await registry.directory.prefixes_changed(touched)
    found = registry.directory.prefix(key)
    assert found is not None
    return prefix_view(found, registry.node_prefix)
