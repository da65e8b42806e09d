"""How an order is kept: its moves by time and event, its history, and how it is told. In the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from core.sqlfiles import load_sql
from sync.operations.envelope import error, time_text
from sync.operations.shapes import FORMAT
from sync.takeover.states import Event, State, after, due

SQL = load_sql("sync", "takeover.sql")
SOURCE = "top level"
LOCK = "SELECT pg_advisory_xact_lock(7091325401)"  # orders are rare, and one at a time


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: HTTP status, and the bytes of a JSON document."""

    status: int
    body: bytes


def refused(code: str, title: str = "") -> Said:
    status, said = error(code, title)
    return Said(status, orjson.dumps(said))


async def move_on(connection: Any, now: datetime) -> str | None:
    """What time brings about; the state of the order that is open, None where none is."""
    row = await connection.fetchrow(SQL["open_order"])
    if row is None:
        return None
    state = State(row["state"])
    event = due(state, row["effective_at"], row["expires_at"], now)
    if event is None:
        return state
    state = await move(connection, row["order_id"], state, event, now)
    if state is State.ACTIVE:
        await connection.execute(SQL["freeze"], row["order_id"], row["effective_at"])
        return state
    await connection.execute(SQL["unfreeze"], row["order_id"])
    return None


async def move(connection: Any, order_id: str, state: State, event: Event, now: datetime) -> State:
    reached = after(state, event)
    await connection.execute(SQL["move_order"], order_id, reached.value, now)
    await connection.execute(SQL["note_event"], order_id, reached.value, now)
    await connection.execute(SQL["write_audit"], order_id, reached.value, SOURCE)
    return reached


async def status_of(connection: Any, sln: str, order_id: str, status: int) -> Said:
    held = await connection.fetchrow(SQL["order"], order_id)
    if held is None:
        return refused("unknown-order")
    history = [
        {"state": row["state"], "at": time_text(row["at"])} for row in await connection.fetch(SQL["events"], order_id)
    ]
    said = {
        "format": FORMAT, "kind": "takeover-status", "orderId": order_id, "sln": sln, "state": held["state"],
        "since": time_text(held["since"]), "history": history,
    }  # fmt: skip
    return Said(status, orjson.dumps(said))
