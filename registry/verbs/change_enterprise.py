"""An operator changes what an accepted application says of its enterprise; the top level is told. Here it counts at once."""

from __future__ import annotations

from typing import Any

import orjson

from core.access import Principal, Role, Scope, require_role
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem
from registry.applications.form import parse_statement
from registry.applications.states import State, refused
from registry.applications.store import SQL, TASKS, lock, open_personal, put_personal
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.apply import refuse_taken
from registry.verbs.read_application import application_view

CHANGE_MEMBERS = frozenset(("name", "nature", "region", "industry", "address", "contact", "legal_person"))
_TAKEN_BACK = FieldProblem("", "member-missing", "is needed and cannot be taken back", "必填，不能删除")


async def change_enterprise(
    registry: Registry, principal: Principal, origin: Origin, number: int, body: dict[str, Any]
) -> dict[str, Any]:
    """Some of `CHANGE_MEMBERS`: the application as it is then. What says the same as before changes nothing.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `ApplicationUnknown`, `PersonalDataLocked`, `BodyInvalid`, `ApplicationState`
    (it is not active), `StoreUnavailable`.
    """
    require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
    registry.vault.require_key()
    problems: list[FieldProblem] = []
    statement = parse_statement(body, registry.node_prefix, problems)
    empty = [name for name, value in body.items() if value is None]
    empty += [field for field, text in statement.personal.items() if text is None]
    problems += [FieldProblem(path, _TAKEN_BACK.slug, _TAKEN_BACK.en, _TAKEN_BACK.zh) for path in empty]
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            held = await lock(connection, number)
            if held.state is not State.ACTIVE or held.enterprise_id is None:
                raise refused(held.state, "only an active one is changed", "仅已生效的申请可以变更")
            if statement.form.get("name") not in (None, held.form.get("name")):
                await refuse_taken(registry, {"name": statement.form["name"]}, problems)
            if problems:
                raise BodyInvalid(errors=tuple(problems))
            before = await open_personal(connection, registry.vault, number) if statement.personal else {}
            personal = {field: text for field, text in statement.personal.items() if text != before.get(field)}
            form = {name: value for name, value in statement.form.items() if value != held.form.get(name)}
            if changed := sorted((*form, *personal)):
                await connection.execute(SQL["change_form"], number, orjson.dumps(held.form | form).decode())
                await put_personal(connection, registry.vault, number, personal)
                if "name" in form:
                    await connection.execute(SQL["rename_enterprise"], held.enterprise_id, form["name"])
                await connection.execute(TASKS["tell_change"], number, held.enterprise_id, changed)
                about = f"enterprise {held.enterprise_id}: {', '.join(changed)}"
                await write_audit(connection, [AuditLine(origin, "change-enterprise", about, 0)])
            return await application_view(connection, principal, await lock(connection, number))
