"""Confirm, accept, decline or cancel a transfer."""

from __future__ import annotations

from core.access import OF_ENTERPRISE, Principal, Role, Scope, require_role
from core.database import store_errors
from core.errors import RoleNotEnough
from core.telemetry import CHANGED
from registry.prefix_life import lock_lives
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.transfers.giving import Given, give_identifier, give_prefix
from registry.transfers.rows import SQL, Transfer, lock_transfer, read_transfer
from registry.transfers.states import MOVES, Move, Side, State, after
from registry.verbs.read_transfers import find_transfer


async def move_transfer(
    registry: Registry, principal: Principal, origin: Origin, transfer_id: int, move: Move
) -> Transfer:
    """The transfer after the move; made before, the same answer. Accepting gives what was offered, in one transaction.

    Errors: `TransferUnknown` (also for strangers), `RoleNotEnough` (the other side's move, too), `ScopeNotEnough`,
    `TransferState`, `TransferBlocked`, `IdentifierUnknown`, `IdentifierWithdrawn`, `StoreUnavailable` (also while writers
    do not end).
    """
    _require_side(principal, await find_transfer(registry, principal, transfer_id, Scope.MANAGE), move)
    given = Given()
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await lock_lives(connection)  # before any row: a prefix that changes hands is suspended with its new owner
            held = await lock_transfer(connection, transfer_id)
            state = after(held.state, move)
            if state is held.state:
                return held
            line = AuditLine(origin, f"{move}-transfer", f"{held.shown} transfer {transfer_id}", 0)
            await write_audit(connection, [line])
            await connection.execute(SQL["move_transfer"], transfer_id, state.value, principal.key)
            if state is State.ACCEPTED:
                give = give_prefix if held.kind == "prefix" else give_identifier
                given = await give(connection, held, origin)
        found = await read_transfer(registry.pool, transfer_id)
    await _tell(registry, held, given, state)
    assert found is not None  # transfers are never deleted
    return found


async def _tell(registry: Registry, held: Transfer, given: Given, state: State) -> None:
    """This worker at once; the others by the feed and the announcements."""
    if state is not State.ACCEPTED:
        return
    registry.directory.forget_grants()
    registry.directory.forget_keys(given.ended_keys)
    if held.kind == "prefix":
        await registry.directory.prefixes_changed([held.prefix])
    if given.record is not None:
        CHANGED.labels("transfer").inc()
        registry.on_committed([given.record])


def _require_side(principal: Principal, transfer: Transfer, move: Move) -> None:
    """Raises `RoleNotEnough`: nobody consents for another."""
    side, _ = MOVES[move]
    if move is Move.CANCEL and principal.role is Role.OPERATOR:
        return
    require_role(principal, *OF_ENTERPRISE, scope=Scope.MANAGE)
    wanted = transfer.from_enterprise if side is Side.GIVER else transfer.to_enterprise
    if principal.enterprise_id != wanted:
        raise RoleNotEnough(
            f"{move} is for the enterprise that {'gives' if side is Side.GIVER else 'receives'}",
            f"{move} 只能由{'转出方' if side is Side.GIVER else '接收方'}执行",
            side=side.value,
        )
