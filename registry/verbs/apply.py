"""An enterprise applies: anybody may, without a key. The answer has a token with which the applicant goes on."""

from __future__ import annotations

from typing import Any

import orjson

from core.database import store_errors
from core.errors import ApplicationsTooMany, BodyInvalid, FieldProblem
from core.identifier import fold_case
from registry.applications.form import Statement, gaps, parse_statement
from registry.applications.states import HANDED_IN, Actor, Move, State
from registry.applications.store import SQL, make_move, put_image, put_personal
from registry.applications.token import make_secret, token_text
from registry.room import Registry
from registry.store import AuditLine, Keyless, Origin, write_audit

MAX_OPEN = 5  # handed in with one credit code
_WAIT_SECONDS = 86_400
Images = dict[str, tuple[str, bytes]]


async def apply(registry: Registry, origin: Origin | Keyless, body: dict[str, Any]) -> dict[str, Any]:
    """`name`, `credit_code` and, unless `state` is `draft`, everything else that is needed: number, state and token, which
    is shown this once.

    Errors: `PersonalDataLocked`, `BodyInvalid`, `ApplicationsTooMany`, `StoreUnavailable`.
    """
    registry.vault.require_key()
    problems: list[FieldProblem] = []
    state = body.get("state", State.SUBMITTED.value)
    if state not in (State.DRAFT, State.SUBMITTED):
        problems.append(
            FieldProblem("state", "state-invalid", "must be draft or submitted", "必须是 draft 或 submitted")
        )
    statement = parse_statement(body, registry.node_prefix, problems)
    missing = gaps(statement.form, frozenset(field for field, text in statement.personal.items() if text))
    told = {problem.path for problem in problems}
    problems += [
        gap for gap in missing if gap.path not in told and (state != State.DRAFT or gap.path in ("name", "credit_code"))
    ]
    await refuse_taken(registry, statement.form, problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return await write_application(registry, origin, statement, {}, submit=state == State.SUBMITTED)


async def write_application(
    registry: Registry, origin: Origin | Keyless, statement: Statement, images: Images, *, submit: bool
) -> dict[str, Any]:
    """What was judged good, as rows. Errors: `PersonalDataLocked`, `ApplicationsTooMany`, `StoreUnavailable`."""
    secret, digest = make_secret()
    code, form = statement.form["credit_code"], orjson.dumps(statement.form).decode()
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            if submit:
                await take_place(connection, code)
            number = await connection.fetchval(SQL["insert_application"], digest, State.DRAFT.value, code, form)
            await put_personal(connection, registry.vault, number, statement.personal)
            for kind, (media_type, content) in images.items():
                await put_image(connection, registry.vault, number, kind, media_type, content)
            await connection.execute(
                SQL["write_move"], number, Actor.APPLICANT.value, None, "apply", None, State.DRAFT.value, None
            )
            state = State.DRAFT
            if submit:
                state = await make_move(connection, number, state, Move.SUBMIT, Actor.APPLICANT, None, None)
            await write_audit(connection, [AuditLine(origin, "apply", f"application {number}", 0)])
    return {"id": number, "state": state.value, "token": token_text(number, secret)}


async def take_place(connection: Any, credit_code: str) -> None:
    """Of the few that one credit code may hand in; in the caller's transaction. A draft takes none: anybody can write one with
    the public code of another, and nobody would answer for it. Raises `ApplicationsTooMany`."""
    await connection.execute(SQL["lock_credit_code"], credit_code)
    states = [state.value for state in HANDED_IN]
    if await connection.fetchval(SQL["count_open"], credit_code, states, MAX_OPEN) >= MAX_OPEN:
        raise ApplicationsTooMany(
            f"{MAX_OPEN} applications with this credit code have been submitted and are open",
            f"该统一社会信用代码已有 {MAX_OPEN} 份已提交且未办结的申请",
            headers={"Retry-After": str(_WAIT_SECONDS)},
        )


async def refuse_taken(registry: Registry, form: dict[str, Any], problems: list[FieldProblem]) -> None:
    """A wanted prefix that somebody has is told at once, not when it is approved. Raises `StoreUnavailable`."""
    wanted = form.get("prefix")
    if wanted is None or any(problem.path == "prefix" for problem in problems):
        return
    held = await registry.directory.fresh_prefix(fold_case(wanted))
    if held is not None and held.condition != "rejected":
        en, zh = "is given already; ask for another, or leave it out", "已被分配；请另选，或不填以自动分配"
        problems.append(FieldProblem("prefix", "prefix-taken", en, zh))
