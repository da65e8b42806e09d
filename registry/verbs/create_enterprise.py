"""Take an enterprise aboard. Operators only."""

from __future__ import annotations

from typing import Any

from core.access import Principal, Role, Scope, require_role
from core.database import store_errors
from core.errors import BodyInvalid, EnterpriseTaken, FieldProblem
from core.sqlfiles import load_sql
from registry.credit_code import is_credit_code
from registry.fields import read_text
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit

_SQL = load_sql("registry", "onboarding.sql")
ENTERPRISE_MEMBERS = frozenset(("name", "credit_code"))
MAX_NAME = 255


async def create_enterprise(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any]
) -> tuple[dict[str, Any], bool]:
    """`name`, `credit_code`?: the enterprise, and whether this call made it; the same again is success.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `BodyInvalid`, `EnterpriseTaken`, `StoreUnavailable`.
    """
    require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
    name, code = _parse(body)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            made = await connection.fetchval(_SQL["create_enterprise"], name, code)
            if made is not None:
                await write_audit(connection, [AuditLine(origin, "create-enterprise", name, 0)])
                return {"id": made, "name": name, "credit_code": code}, True
            row = await connection.fetchrow(_SQL["same_enterprise"], name, code)
    assert row is not None  # what the insertion met
    held = {member: row[member] for member in ("id", "name", "credit_code")}
    if (held["name"], held["credit_code"]) != (name, code):
        raise EnterpriseTaken(
            f"The enterprise {held['id']} has this name or credit code: {held['name']}",
            f"编号 {held['id']} 的企业已使用该名称或信用代码：{held['name']}",
            **held,
        )
    return held, False


def _parse(body: dict[str, Any]) -> tuple[str, str | None]:
    problems: list[FieldProblem] = []
    name = read_text(body.get("name"), "name", MAX_NAME, problems)
    code = body.get("credit_code")
    if code is not None and not (isinstance(code, str) and is_credit_code(code)):
        problems.append(
            FieldProblem(
                "credit_code",
                "credit-code-invalid",
                "is not a unified social credit code: 18 characters, the last one a check character (GB 32100-2015)",
                "不是有效的统一社会信用代码：18 位，末位为校验码（GB 32100-2015）",
            )
        )
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return name, code
