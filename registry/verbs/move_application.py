"""Submit, review, return, reject, withdraw an application, or send it to the top level again. Approving has a verb of its own."""

from __future__ import annotations

from typing import Any

from core.access import Principal
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem
from registry.applications.access import Caller, require_applicant, require_operator
from registry.applications.form import gaps
from registry.applications.states import MOVES, Actor, Move, State, require_move
from registry.applications.store import SQL, TASKS, Held, lock, make_move
from registry.fields import read_text
from registry.prefix_life import lock_lives
from registry.room import Registry
from registry.store import AuditLine, Keyless, Origin, write_audit
from registry.verbs.apply import refuse_taken, take_place
from registry.verbs.read_application import application_view

REASON_MEMBERS = frozenset(("reason",))
MAX_REASON = 1_000


async def move_application(
    registry: Registry, caller: Caller, origin: Origin | Keyless, number: int, move: Move, body: dict[str, Any]
) -> dict[str, Any]:
    """`reason`, where the move needs one or it is given: the application as it stands then.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `ApplicationUnknown`, `BodyInvalid` (also: what is missing to be submitted),
    `ApplicationState`, `ApplicationsTooMany`, `StoreUnavailable`.
    """
    actor = MOVES[move].actor
    if actor is Actor.APPLICANT:
        require_applicant(caller, number)
    else:
        require_operator(caller)
    reason = parse_reason(move, body)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await lock_lives(connection)
            held = await lock(connection, number)
            require_move(held.state, move)
            if move is Move.SUBMIT:
                await _require_whole(registry, connection, held)
                if held.state is State.DRAFT:  # one that was returned has its place
                    await take_place(connection, held.credit_code)
            key = caller.key if isinstance(caller, Principal) else None
            await make_move(connection, number, held.state, move, actor, key, reason)
            if move is Move.RETRY:
                await connection.execute(TASKS["retry_tasks"], number)
            await write_audit(connection, [AuditLine(origin, f"{move}-application", f"application {number}", 0)])
            return await application_view(connection, caller, await lock(connection, number))


def parse_reason(move: Move, body: dict[str, Any]) -> str | None:
    """Raises `BodyInvalid`."""
    if body.get("reason") is None and not MOVES[move].needs_reason:
        return None
    problems: list[FieldProblem] = []
    reason = read_text(body.get("reason"), "reason", MAX_REASON, problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return reason


async def _require_whole(registry: Registry, connection: Any, held: Held) -> None:
    personal = frozenset(row["field"] for row in await connection.fetch(SQL["masked_of"], held.id))
    problems = gaps(held.form, personal)
    await refuse_taken(registry, held.form, problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
