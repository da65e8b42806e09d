"""The rows of applications. Knows SQL and sealing, no HTTP and no rules; every call stands in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from core.errors import ApplicationUnknown
from core.sealing import Vault
from core.sqlfiles import load_sql
from registry.applications.form import masked
from registry.applications.states import MOVES, Actor, Move, State, require_move

SQL = load_sql("registry", "applications.sql")
TASKS = load_sql("registry", "top_level.sql")


@dataclass(frozen=True, slots=True)
class Held:
    """A row of `application`. `prefix` is canonical, `first_key` is `api_key.id`."""

    id: int
    token_digest: bytes
    state: State
    credit_code: str
    form: dict[str, Any]
    enterprise_id: int | None
    made_enterprise: bool
    prefix: str | None
    first_key: int | None
    created_at: datetime
    changed_at: datetime


async def find(source: Any, number: int) -> Held | None:
    row = await source.fetchrow(SQL["find_application"], number)
    return _held(row) if row else None


async def lock(connection: Any, number: int) -> Held:
    """Raises `ApplicationUnknown`."""
    row = await connection.fetchrow(SQL["lock_application"], number)
    if row is None:
        raise unknown(number)
    return _held(row)


def unknown(number: int) -> ApplicationUnknown:
    return ApplicationUnknown(
        f"There is no application {number} that you may see", f"没有您可查看的编号为 {number} 的申请"
    )


async def make_move(
    connection: Any, number: int, state: State, move: Move, actor: Actor, key: int | None, reason: str | None
) -> State:
    """Move a locked application, and keep who did; the state after. Raises `ApplicationState`."""
    after = require_move(state, move)
    await connection.execute(SQL["change_state"], number, after.value)
    await connection.execute(SQL["write_move"], number, actor.value, key, move.value, state.value, after.value, reason)
    return after


async def move_applications_of(
    connection: Any, enterprise: int, move: Move, actor: Actor, key: int | None, reason: str | None
) -> None:
    """Take the applications of an enterprise along with it."""
    states = [state.value for state in MOVES[move].leads]
    for row in await connection.fetch(SQL["lock_applications_of"], enterprise, states):
        await make_move(connection, row["id"], State(row["state"]), move, actor, key, reason)


async def put_personal(connection: Any, vault: Vault, number: int, personal: Mapping[str, str | None]) -> None:
    """Seal each field for its place; None takes it back. Raises `PersonalDataLocked`."""
    for field, text in sorted(personal.items()):
        sealed = b"" if text is None else vault.seal(text.encode(), datum_place(number, field))
        await connection.execute(SQL["put_datum"], number, field, "" if text is None else masked(field, text), sealed)


async def put_image(connection: Any, vault: Vault, number: int, kind: str, media_type: str, content: bytes) -> None:
    sealed = vault.seal(content, image_place(number, kind))
    await connection.execute(SQL["put_image"], number, kind, media_type, len(content), sealed)


async def open_personal(connection: Any, vault: Vault, number: int) -> dict[str, str]:
    """In the clear: the caller has audited it in this transaction. Raises `PersonalDataLocked`."""
    rows = await connection.fetch(SQL["sealed_of"], number)
    return {row["field"]: vault.open(bytes(row["sealed"]), datum_place(number, row["field"])).decode() for row in rows}


async def open_image(connection: Any, vault: Vault, number: int, kind: str) -> tuple[str, bytes] | None:
    """Media type and content, audited as above. Raises `PersonalDataLocked`."""
    row = await connection.fetchrow(SQL["image_of"], number, kind)
    return (row["media_type"], vault.open(bytes(row["sealed"]), image_place(number, kind))) if row else None


def datum_place(number: int, field: str) -> str:
    return f"personal_datum {number} {field}"


def image_place(number: int, kind: str) -> str:
    return f"application_image {number} {kind}"


def _held(row: Any) -> Held:
    return Held(
        row["id"], bytes(row["token_digest"]), State(row["state"]), row["credit_code"], orjson.loads(row["form"]),
        row["enterprise_id"], row["made_enterprise"], row["prefix"], row["first_key"], row["created_at"],
        row["changed_at"],
    )  # fmt: skip
