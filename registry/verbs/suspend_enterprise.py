"""Suspend, resume or revoke an enterprise: all its prefixes, its keys and its applications at once. Operators only.

A suspended enterprise may go on reading what is its own. Revoking ends its keys and prefixes for good.
"""

from __future__ import annotations

from typing import Any

from core.access import Principal, Role, Scope, require_role
from core.database import store_errors
from core.errors import EnterpriseState, EnterpriseUnknown
from registry.applications.states import MOVES, Actor, Move, State
from registry.applications.store import move_applications_of
from registry.prefix_life import SQL, lock_lives, settle
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.suspend_prefix import parse_suspension


async def suspend_enterprise(
    registry: Registry, principal: Principal, origin: Origin, enterprise: int, body: dict[str, Any]
) -> dict[str, Any]:
    """`reason`, `stop_answering`?: the enterprise as it is then.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `BodyInvalid`, `EnterpriseUnknown`, `EnterpriseState`, `StoreUnavailable`.
    """
    require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
    reason, stop = parse_suspension(body)
    return await _move(registry, origin, enterprise, Move.SUSPEND, reason, stop)


async def resume_enterprise(
    registry: Registry, principal: Principal, origin: Origin, enterprise: int
) -> dict[str, Any]:
    """The enterprise as it is then. Prefixes that were suspended by themselves stay so. Errors: as above."""
    require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
    return await _move(registry, origin, enterprise, Move.RESUME, None, False)


async def revoke_enterprise(
    registry: Registry, principal: Principal, origin: Origin, enterprise: int, body: dict[str, Any]
) -> dict[str, Any]:
    """`reason`, `stop_answering`?: for good. Errors: as above."""
    require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
    reason, stop = parse_suspension(body)
    return await _move(registry, origin, enterprise, Move.REVOKE, reason, stop)


async def _move(
    registry: Registry, origin: Origin, enterprise: int, move: Move, reason: str | None, stop: bool
) -> dict[str, Any]:
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await lock_lives(connection)
            row = await connection.fetchrow(SQL["lock_enterprise"], enterprise)
            if row is None:
                raise EnterpriseUnknown(f"There is no enterprise {enterprise}", f"不存在编号为 {enterprise} 的企业")
            after = _after(State(row["state"]), enterprise, move)
            await connection.execute(SQL["move_enterprise"], enterprise, after.value, reason, stop)
            if move is Move.REVOKE:
                await connection.execute(SQL["revoke_prefixes"], enterprise)
            await connection.execute(SQL["touch_keys"], enterprise, move is Move.REVOKE)
            prefixes = [one["prefix"] for one in await connection.fetch(SQL["prefixes_of_enterprise"], enterprise)]
            touched = await settle(connection, prefixes)
            await move_applications_of(connection, enterprise, move, Actor.OPERATOR, origin.actor, reason)
            await write_audit(connection, [AuditLine(origin, f"{move}-enterprise", f"{enterprise} {row['name']}", 0)])
    await registry.directory.prefixes_changed(touched)
    return {
        "id": enterprise,
        "name": row["name"],
        "credit_code": row["credit_code"],
        "state": after.value,
        "reason": reason,
        "stop_answering": stop,
        "prefixes": len(prefixes),
    }


def _after(state: State, enterprise: int, move: Move) -> State:
    after = MOVES[move].leads.get(state)
    if after is None:
        raise EnterpriseState(
            f"The enterprise {enterprise} is {state}; {move} is not possible then",
            f"编号 {enterprise} 的企业状态为 {state}，不能执行 {move}",
            state=state.value,
        )
    return after
