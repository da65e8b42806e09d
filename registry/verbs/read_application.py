"""What an application says and where it stands. Personal data is masked here; `view_personal_data` shows it."""

from __future__ import annotations

from typing import Any

from core.access import EVERYWHERE, Principal, Role, require_role
from core.database import store_errors
from core.errors import FieldProblem, ParameterInvalid
from core.timestamps import rfc3339
from registry.applications.access import Caller, require_reader
from registry.applications.form import PERSONS
from registry.applications.states import MOVES, Actor, State, moves_from
from registry.applications.store import SQL, TASKS, Held, find, unknown
from registry.applications.token import Applicant
from registry.codes import industry, region
from registry.room import Registry


async def list_applications(
    registry: Registry, principal: Principal, state: str | None, before: int, limit: int
) -> dict[str, Any]:
    """`items`, newest first, and `next` to ask for `before`. Operators and auditors.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `ParameterInvalid`, `StoreUnavailable`.
    """
    require_role(principal, *EVERYWHERE)
    if state is not None and state not in tuple(State):
        names = ", ".join(State)
        wrong = FieldProblem("state", "state-unknown", f"must be one of {names}", f"必须是以下之一：{names}")
        raise ParameterInvalid(errors=(wrong,))
    with store_errors():
        rows = await registry.pool.fetch(SQL["page_of_applications"], before, state, limit)
    items = [
        dict(row) | {"created_at": rfc3339(row["created_at"]), "changed_at": rfc3339(row["changed_at"])} for row in rows
    ]
    return {"items": items, "next": rows[-1]["id"] if len(rows) == limit else None}


async def read_application(registry: Registry, caller: Caller, number: int) -> dict[str, Any]:
    """One application, to its applicant, an operator or an auditor.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `ApplicationUnknown`, `StoreUnavailable`.
    """
    require_reader(caller, number)
    with store_errors():
        async with registry.pool.acquire() as connection:
            held = await find(connection, number)
            if held is None:
                raise unknown(number)
            return await application_view(connection, caller, held)


async def application_view(connection: Any, caller: Caller, held: Held) -> dict[str, Any]:
    """`moves`: what this caller can do next. Who of the operators decided, and how the top level is doing, operators see."""
    by_key = not isinstance(caller, Applicant)
    history = [_move(row, by_key) for row in await connection.fetch(SQL["moves_of"], held.id)]
    images = [
        dict(row) | {"stored_at": rfc3339(row["stored_at"])}
        for row in await connection.fetch(SQL["images_of"], held.id)
    ]
    shown: dict[str, Any] = {
        "id": held.id,
        "state": held.state.value,
        "moves": possible_moves(caller, held.state),
        "created_at": rfc3339(held.created_at),
        "changed_at": rfc3339(held.changed_at),
        "form": held.form | _names(held.form),
        "personal": _masked(await connection.fetch(SQL["masked_of"], held.id)),
        "images": images,
        "enterprise_id": held.enterprise_id,
        "prefix": held.prefix,
        "first_key": _first_key(held),
        "history": history,
    }
    if by_key:
        shown["top_level"] = [_task(row) for row in await connection.fetch(TASKS["tasks_of"], held.id)]
    return shown


def possible_moves(caller: Caller, state: State) -> list[str]:
    """Those of the caller in a state; of an enterprise's life its own address takes care."""
    if isinstance(caller, Applicant):
        actor = Actor.APPLICANT
    elif caller.role is Role.OPERATOR:
        actor = Actor.OPERATOR
    else:
        return []
    return [move.value for move in moves_from(state) if MOVES[move].actor is actor]


def _first_key(held: Held) -> str | None:
    """`ready` to be fetched, `fetched`, or None: not yet, or the enterprise had keys before."""
    if held.first_key is not None:
        return "fetched"
    return "ready" if held.made_enterprise and held.state is State.ACTIVE else None


def _masked(rows: list[Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {person: {} for person in PERSONS}
    for row in rows:
        person, _, member = row["field"].partition(".")
        found.setdefault(person, {})[member] = row["masked"]
    return found


def _names(form: dict[str, Any]) -> dict[str, str]:
    """What the codes mean, for whoever decides."""
    place, trade = region.find(form.get("region", "")), industry.find(form.get("industry", ""))
    found = {}
    if place:
        above = [region.find(code) for code in place.parents]
        found["region_name"] = " ".join(dict.fromkeys(one.name for one in (*above, place) if one))
    if trade:
        found["industry_name"] = trade.name
    return found


def _move(row: Any, by_key: bool) -> dict[str, Any]:
    shown = {
        "at": rfc3339(row["at"]),
        "actor": row["actor"],
        "move": row["move"],
        "from": row["from_state"],
        "to": row["to_state"],
        "reason": row["reason"],
    }
    return shown | ({"key_id": row["key_id"]} if by_key else {})


def _task(row: Any) -> dict[str, Any]:
    return dict(row) | {"due_at": rfc3339(row["due_at"]), "finished_at": rfc3339(row["finished_at"])}
