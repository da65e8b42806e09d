"""Approve an application: its enterprise is there, its prefix reserved, and both are handed to the top level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.access import PrefixState
from core.database import store_errors
from core.errors import BodyInvalid, EnterpriseState, EnterpriseTaken, FieldProblem, ImagesMissing, PrefixTaken
from core.identifier import fold_case
from core.sqlfiles import load_sql
from registry.applications.access import Caller, require_operator
from registry.applications.states import Actor, Move, require_move
from registry.applications.store import SQL, TASKS, Held, lock, make_move
from registry.fields import read_prefix
from registry.hosting import refuse_itself
from registry.prefix_life import lock_lives, reserve
from registry.room import Registry
from registry.store import AuditLine, Keyless, Origin, write_audit
from registry.verbs.grant_prefix import TRIES, next_free
from registry.verbs.move_application import parse_reason
from registry.verbs.read_application import application_view

_ONBOARDING = load_sql("registry", "onboarding.sql")
APPROVE_MEMBERS = frozenset(("reason", "prefix"))


@dataclass(frozen=True, slots=True)
class _Enterprise:
    id: int
    made: bool
    known_above: bool


async def approve_application(
    registry: Registry, caller: Caller, origin: Origin | Keyless, number: int, body: dict[str, Any]
) -> dict[str, Any]:
    """`prefix`? (another than the wanted one), `reason`?: the application as it stands then. The prefix is usable once the
    top level has approved it; the tasks for it are written in the same transaction, so nothing gets lost between.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `BodyInvalid`, `ApplicationUnknown`, `ApplicationState`, `ImagesMissing`,
    `EnterpriseTaken`, `EnterpriseState`, `PrefixTaken`, `StoreUnavailable`.
    """
    operator = require_operator(caller)
    reason, other = parse_reason(Move.APPROVE, body), _other_prefix(body, registry.node_prefix)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await lock_lives(connection)
            held = await lock(connection, number)
            require_move(held.state, Move.APPROVE)
            await _require_images(registry, connection, held)
            enterprise = await _enterprise(connection, held)
            shown = await _reserve(registry, connection, enterprise.id, other or held.form.get("prefix"))
            _require_other_service(held, shown)
            await connection.execute(SQL["give_prefix"], number, enterprise.id, enterprise.made, fold_case(shown))
            await make_move(connection, number, held.state, Move.APPROVE, Actor.OPERATOR, operator.key, reason)
            if not enterprise.known_above:
                await connection.execute(TASKS["ask_top_level"], "enterprise", number, enterprise.id, None)
            await connection.execute(TASKS["ask_top_level"], "prefix", number, enterprise.id, fold_case(shown))
            await write_audit(connection, [AuditLine(origin, "approve-application", f"application {number}", 0)])
            view = await application_view(connection, caller, await lock(connection, number))
    await registry.directory.prefixes_changed([fold_case(shown)])
    return view


def _other_prefix(body: dict[str, Any], node_prefix: str) -> str | None:
    problems: list[FieldProblem] = []
    found = read_prefix(body.get("prefix"), "prefix", problems)
    if found is not None and not fold_case(found).startswith(node_prefix + "."):
        en, zh = f"must lie below the node's own prefix {node_prefix}", f"须在本节点前缀 {node_prefix} 之下"
        problems.append(FieldProblem("prefix", "prefix-not-ours", en, zh))
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return found


async def _require_images(registry: Registry, connection: Any, held: Held) -> None:
    there = {row["kind"] for row in await connection.fetch(SQL["images_of"], held.id)}
    if missing := [kind for kind in registry.required_images if kind not in there]:
        names = ", ".join(missing)
        raise ImagesMissing(f"Missing: {names}", f"缺少：{names}", missing=missing)


def _require_other_service(held: Held, prefix: str) -> None:
    """The prefix may be another than was wanted, if one was. Raises `BodyInvalid`."""
    problems: list[FieldProblem] = []
    refuse_itself(held.form.get("service"), fold_case(prefix), problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))


async def _enterprise(connection: Any, held: Held) -> _Enterprise:
    """The one with this credit code, made where there is none."""
    name = held.form["name"]
    made = await connection.fetchval(_ONBOARDING["create_enterprise"], name, held.credit_code)
    if made is not None:
        return _Enterprise(made, True, False)
    row = await connection.fetchrow(_ONBOARDING["same_enterprise"], name, held.credit_code)
    if row["credit_code"] != held.credit_code:
        raise EnterpriseTaken(
            f"The enterprise {row['id']} has this name and another credit code",
            f"编号 {row['id']} 的企业使用相同名称，但信用代码不同",
            **{member: row[member] for member in ("id", "name", "credit_code")},
        )
    if row["state"] != "active":
        raise EnterpriseState(
            f"The enterprise {row['id']} is {row['state']}", f"编号 {row['id']} 的企业状态为 {row['state']}",
            state=row["state"],
        )  # fmt: skip
    return _Enterprise(row["id"], False, row["top_level_reference"] is not None)


async def _reserve(registry: Registry, connection: Any, enterprise: int, wanted: str | None) -> str:
    """The wanted prefix, else the next free one, not yet usable. Raises `PrefixTaken`."""
    for _ in range(1 if wanted else TRIES):
        shown = wanted or await next_free(connection, registry.node_prefix)
        if await reserve(connection, shown, enterprise, case_sensitive=False, parent=None, state=PrefixState.AWAITING):
            return shown
    raise PrefixTaken(
        f"{wanted or 'The next free prefix'} is taken", f"{wanted or '下一个可用前缀'} 已被分配", prefix=wanted
    )
