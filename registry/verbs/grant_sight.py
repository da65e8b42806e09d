"""Let partners see values that are meant for partners: of one identifier, of a template's identifiers, of a whole prefix."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.access import Prefix, Principal, Role, require_owner, require_role, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, GrantUnknown, IdentifierUnknown, PrefixNotYours
from core.identifier import fold_case
from core.sqlfiles import load_sql
from core.template import Template
from registry.grants import GrantWish, parse_grant
from registry.room import Registry
from registry.store import AuditLine, Origin, find_record, write_audit

_SQL = load_sql("registry", "grants.sql")


async def grant_sight(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any], now: datetime
) -> dict[str, Any]:
    """Make a grant; every worker knows of it within a second.

    Errors: `BodyInvalid` (among them an unknown receiver or template), `PrefixNotYours`, `PrefixSuspended`,
    `IdentifierUnknown`, `StoreUnavailable`.
    """
    problems: list[FieldProblem] = []
    wish = parse_grant(body, now, problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    prefix = require_writer(principal, await registry.directory.fresh_prefix(fold_case(wish.prefix)), wish.prefix)
    template = await _template(registry, wish)
    key = wish.identifier.key(prefix.suffix_case_sensitive) if wish.identifier else prefix.key
    with store_errors():
        if wish.scope == "identifier" and await find_record(registry.pool, key) is None:
            raise IdentifierUnknown(f"{wish.identifier} is not registered here", f"{wish.identifier} 未在本节点注册")
        async with registry.pool.acquire() as connection, connection.transaction():
            to_key, to_enterprise = await _receiver(connection, wish)
            row = await connection.fetchrow(
                _SQL["make_grant"], wish.scope, prefix.key, key, template.id if template else None, wish.types,
                to_key, to_enterprise, wish.until,
            )  # fmt: skip
            await write_audit(connection, [AuditLine(origin, "grant-sight", f"{wish.scope} {key}", 0)])
    registry.directory.forget_grants()
    assert row is not None
    return {
        "id": row["id"],
        wish.scope: str(wish.identifier or prefix.shown),
        "types": wish.types,
        "to": {"key_id": wish.to_key_id} if wish.to_key_id else {"enterprise_id": wish.to_enterprise},
        "until": wish.until.isoformat() if wish.until else None,
        "created_at": row["created_at"].isoformat(timespec="seconds"),
    }


async def revoke_sight(registry: Registry, principal: Principal, origin: Origin, grant_id: int) -> dict[str, Any]:
    """Take a grant back. Errors: `RoleNotEnough`, `GrantUnknown` (also for strangers), `StoreUnavailable`."""
    require_role(principal, Role.ENTERPRISE, Role.OPERATOR)
    with store_errors():
        held = await registry.pool.fetchval(_SQL["prefix_of_grant"], grant_id)
        if held is None or not _owned(principal, await registry.directory.fresh_prefix(held)):
            raise GrantUnknown()
        async with registry.pool.acquire() as connection, connection.transaction():
            revoked_at = await connection.fetchval(_SQL["revoke_grant"], grant_id)
            await write_audit(connection, [AuditLine(origin, "revoke-sight", f"grant {grant_id}", 0)])
    registry.directory.forget_grants()
    return {"id": grant_id, "revoked_at": revoked_at.isoformat(timespec="seconds")}


async def list_sight(
    registry: Registry, principal: Principal, prefix_text: str, after: int, limit: int
) -> list[dict[str, Any]]:
    """The grants of a prefix in the order they were made. Errors: `PrefixNotYours`, `StoreUnavailable`."""
    prefix = require_owner(principal, await registry.directory.fresh_prefix(fold_case(prefix_text)), prefix_text)
    with store_errors():
        rows = await registry.pool.fetch(_SQL["list_grants"], prefix.key, after, limit)
    return [_listed(row) for row in rows]


async def _template(registry: Registry, wish: GrantWish) -> Template | None:
    if wish.scope != "template" or wish.identifier is None:
        return None
    template = await registry.directory.fresh_template(wish.identifier)
    if template is None:
        raise BodyInvalid(
            errors=(FieldProblem("template", "template-unknown", "there is no such template", "没有该模板"),)
        )
    return template


async def _receiver(connection: Any, wish: GrantWish) -> tuple[int | None, int | None]:
    if wish.to_key_id is not None:
        found = await connection.fetchval(_SQL["receiving_key"], wish.to_key_id)
        if found is not None:
            return found, None
    else:
        found = await connection.fetchval(_SQL["receiving_enterprise"], wish.to_enterprise)
        if found is not None:
            return None, found
    raise BodyInvalid(
        errors=(FieldProblem("to", "receiver-unknown", "there is no such key or enterprise", "没有该密钥或企业"),)
    )


def _owned(principal: Principal, prefix: Prefix | None) -> bool:
    """Whoever may not see the prefix learns only that there is no such grant."""
    try:
        require_owner(principal, prefix, "")
    except PrefixNotYours:
        return False
    return True


def _listed(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "scope": row["scope"],
        "object": row["object"],
        "types": row["types"],
        "to": {"key_id": row["key_id"]} if row["key_id"] else {"enterprise_id": row["to_enterprise"]},
        "until": row["until"].isoformat() if row["until"] else None,
        "created_at": row["created_at"].isoformat(timespec="seconds"),
        "revoked_at": row["revoked_at"].isoformat(timespec="seconds") if row["revoked_at"] else None,
    }
