"""What it takes to bring an enterprise aboard: itself, its prefix, its keys. Operators only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.access import Principal, Role, is_key_id, make_key, require_role
from core.database import store_errors
from core.errors import (
    BodyInvalid,
    EnterpriseTaken,
    EnterpriseUnknown,
    FieldProblem,
    IdentifierMalformed,
    KeyUnknown,
    PrefixTaken,
)
from core.identifier import fold_case, parse_prefix
from core.sqlfiles import load_sql
from registry.credit_code import is_credit_code
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit

_SQL = load_sql("registry", "onboarding.sql")
MAX_NAME, MAX_LABEL = 255, 100
MAX_KEY_SECONDS = 10 * 366 * 86_400
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Done:
    """What there is now, and whether this call made it."""

    content: dict[str, Any]
    created: bool


async def create_enterprise(registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any]) -> Done:
    """`name`, `credit_code`?; the same again is success. Errors: `RoleNotEnough`, `BodyInvalid`, `EnterpriseTaken`,
    `StoreUnavailable`."""
    require_role(principal, Role.OPERATOR)
    problems: list[FieldProblem] = []
    name = _text(body.get("name"), "name", MAX_NAME, problems)
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
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            made = await connection.fetchval(_SQL["create_enterprise"], name, code)
            if made is not None:
                await write_audit(connection, [AuditLine(origin, "create-enterprise", name, 0)])
                return Done({"id": made, "name": name, "credit_code": code}, True)
            held = dict(_found(await connection.fetchrow(_SQL["same_enterprise"], name, code)))
    if (held["name"], held["credit_code"]) != (name, code):
        raise EnterpriseTaken(
            f"The enterprise {held['id']} has this name or credit code: {held['name']}",
            f"编号 {held['id']} 的企业已使用该名称或信用代码：{held['name']}",
            **held,
        )
    return Done(held, False)


async def grant_prefix(registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any]) -> Done:
    """`enterprise_id`, `prefix`? (else the next free number below the node's own), `suffix_case_sensitive`?

    Errors: `RoleNotEnough`, `BodyInvalid`, `EnterpriseUnknown`, `PrefixTaken`, `StoreUnavailable`.
    """
    require_role(principal, Role.OPERATOR)
    problems: list[FieldProblem] = []
    enterprise = _number(body.get("enterprise_id"), "enterprise_id", problems)
    sensitive = _flag(body.get("suffix_case_sensitive", False), "suffix_case_sensitive", problems)
    wanted = _prefix(body.get("prefix"), problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    with store_errors():
        if await registry.pool.fetchval(_SQL["enterprise_exists"], enterprise) is None:
            raise EnterpriseUnknown(f"There is no enterprise {enterprise}", f"不存在编号为 {enterprise} 的企业")
        for _ in range(_TRIES):  # only a race for the next number comes back
            shown = (
                wanted
                or f"{registry.node_prefix}.{await registry.pool.fetchval(_SQL['next_number'], registry.node_prefix)}"
            )
            async with registry.pool.acquire() as connection, connection.transaction():
                made = await connection.fetchval(_SQL["grant_prefix"], fold_case(shown), shown, enterprise, sensitive)
                if made is not None:
                    await write_audit(connection, [AuditLine(origin, "grant-prefix", shown, 0)])
                    break
            if wanted:
                break
    held = await registry.directory.fresh_prefix(fold_case(shown))
    if held is None or (not made and not wanted):
        raise PrefixTaken("Too many prefixes are being granted at once", "同时分配前缀的请求过多")
    content: dict[str, Any] = {
        "prefix": held.shown,
        "enterprise_id": held.enterprise_id,
        "suffix_case_sensitive": held.suffix_case_sensitive,
    }
    if made is None and (held.enterprise_id, held.suffix_case_sensitive) != (enterprise, sensitive):
        raise PrefixTaken(
            f"{shown} is given to the enterprise {held.enterprise_id}",
            f"{shown} 已分配给编号 {held.enterprise_id} 的企业",
            **content,
        )
    return Done(content, made is not None)


async def issue_key(registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any]) -> Done:
    """`role`, `enterprise_id`? (an enterprise's key needs it), `label`?, `expires_in_seconds`?; the key is shown this once.

    Errors: `RoleNotEnough`, `BodyInvalid`, `EnterpriseUnknown`, `StoreUnavailable`.
    """
    require_role(principal, Role.OPERATOR)
    problems: list[FieldProblem] = []
    role = body.get("role")
    if role not in tuple(Role):
        problems.append(
            FieldProblem(
                "role", "role-unknown", f"must be one of {', '.join(Role)}", f"必须是以下之一：{'、'.join(Role)}"
            )
        )
    enterprise = body.get("enterprise_id")
    if role == Role.OPERATOR and enterprise is not None:
        problems.append(
            FieldProblem(
                "enterprise_id", "enterprise-unwanted", "an operator's key has none", "运营方密钥不属于任何企业"
            )
        )
    elif enterprise is not None or role == Role.ENTERPRISE:
        enterprise = _number(enterprise, "enterprise_id", problems)
    label = _text(body.get("label", "-"), "label", MAX_LABEL, problems)
    seconds = body.get("expires_in_seconds")
    if seconds is not None:
        seconds = _number(seconds, "expires_in_seconds", problems, MAX_KEY_SECONDS)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    key = make_key()
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            if enterprise is not None and await connection.fetchval(_SQL["enterprise_exists"], enterprise) is None:
                raise EnterpriseUnknown(f"There is no enterprise {enterprise}", f"不存在编号为 {enterprise} 的企业")
            row = _found(
                await connection.fetchrow(
                    _SQL["issue_key"], key.key_id, key.secret_digest, role, enterprise, label, seconds
                )
            )
            await write_audit(connection, [AuditLine(origin, "issue-key", f"{role} {key.key_id}", 0)])
    content = {"key": key.text, "key_id": key.key_id, "role": role, "enterprise_id": enterprise, "label": label}
    return Done(content | {"expires_at": _iso(row["expires_at"])}, True)


async def revoke_key(registry: Registry, principal: Principal, origin: Origin, key_id: str) -> dict[str, Any]:
    """The key stops working on every worker within a second. Errors: `RoleNotEnough`, `KeyUnknown`, `StoreUnavailable`."""
    require_role(principal, Role.OPERATOR)
    if not is_key_id(key_id):
        raise KeyUnknown()
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_SQL["revoke_key"], key_id)
            if row is None:
                raise KeyUnknown()
            await write_audit(connection, [AuditLine(origin, "revoke-key", key_id, 0)])
    registry.directory.forget_keys([key_id])
    return {"key_id": key_id, "revoked_at": _iso(row["revoked_at"])}


def _found(row: Any | None) -> Any:
    """A row that the statement always gives."""
    assert row is not None
    return row


def _text(raw: Any, path: str, most: int, problems: list[FieldProblem]) -> str:
    if isinstance(raw, str) and raw.strip() and len(raw) <= most and raw.isprintable():
        return raw.strip()
    problems.append(
        FieldProblem(
            path,
            "text-invalid",
            f"must be printable text of 1 to {most} characters",
            f"必须是 1 到 {most} 个字符的可打印文本",
        )
    )
    return ""


def _number(raw: Any, path: str, problems: list[FieldProblem], most: int = 2**31 - 1) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw <= most:
        return raw
    problems.append(
        FieldProblem(path, "number-invalid", f"must be a whole number from 1 to {most}", f"必须是 1 到 {most} 的整数")
    )
    return 0


def _flag(raw: Any, path: str, problems: list[FieldProblem]) -> bool:
    if isinstance(raw, bool):
        return raw
    problems.append(FieldProblem(path, "not-boolean", "must be true or false", "必须是 true 或 false"))
    return False


def _prefix(raw: Any, problems: list[FieldProblem]) -> str | None:
    if raw is None:
        return None
    try:
        if not isinstance(raw, str):
            raise IdentifierMalformed("prefix-invalid", "must be text such as 88.118.8", "必须是文本，例如 88.118.8")
        parse_prefix(raw)
        if "." not in raw:  # real ones have at least two segments; `api` or `docs` would hide what is served there
            raise IdentifierMalformed(
                "prefix-invalid", "must have two or more segments, as in 88.118.8", "必须至少含两段，例如 88.118.8"
            )
        return parse_prefix(raw)
    except IdentifierMalformed as wrong:
        problems.append(wrong.at("prefix"))
        return None


def _iso(when: datetime | None) -> str | None:
    return when.isoformat(timespec="seconds") if when else None
