"""Let partners see values that are meant for partners: of one identifier, of a template's identifiers, of a whole prefix."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from core.access import Prefix, Principal, Role, Scope, require_owner, require_role, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, GrantUnknown, IdentifierUnknown, PrefixNotYours
from core.identifier import fold_case
from core.sqlfiles import load_sql
from core.template import Template
from core.timestamps import rfc3339
from registry.grants import GrantWish, parse_grant
from registry.ownership import hold_prefix, require_own, writable
from registry.room import Registry
from registry.store import AuditLine, Origin, lock_record, write_audit

_SQL = load_sql("registry", "grants.sql")


async def grant_sight(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any], now: datetime
) -> dict[str, Any]:
    """Make a grant; every worker knows of it within a second.

    Errors: `BodyInvalid` (among them an unknown receiver or template), `PrefixNotYours`, `RoleNotEnough`,
    `ScopeNotEnough`, `PrefixSuspended`, `IdentifierUnknown`, `StoreUnavailable`.
    """
    problems: list[FieldProblem] = []
    wish = parse_grant(body, now, problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    if wish.scope == "identifier" and wish.identifier is not None:
        prefix = await writable(registry, principal, wish.identifier, Scope.MANAGE)
    else:
        held = await registry.directory.fresh_prefix(fold_case(wish.prefix))
        prefix = require_writer(principal, held, wish.prefix, Scope.MANAGE)
    template = await _template(registry, wish)
    key = wish.identifier.key(prefix.suffix_case_sensitive) if wish.identifier else prefix.key
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            prefix = await hold_prefix(connection, principal, prefix, wish.scope == "identifier")
            if wish.scope == "identifier":
                record = await lock_record(connection, key)
                require_own(principal, prefix, record)
                if record is None:
                    raise IdentifierUnknown(
                        f"{wish.identifier} is not registered here", f"{wish.identifier} 未在本节点注册"
                    )
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
        "until": rfc3339(wish.until),
        "created_at": rfc3339(row["created_at"]),
    }


async def revoke_sight(registry: Registry, principal: Principal, origin: Origin, grant_id: int) -> dict[str, Any]:
    """Take a grant back. Errors: `RoleNotEnough`, `ScopeNotEnough`, `GrantUnknown` (also for strangers),
    `StoreUnavailable`."""
    require_role(principal, Role.ENTERPRISE, Role.OPERATOR, scope=Scope.MANAGE)
    with store_errors():
        held = await registry.pool.fetchrow(_SQL["prefix_of_grant"], grant_id)
        prefix = await registry.directory.fresh_prefix(held["prefix"]) if held else None
        if prefix is not None and held is not None and held["owner_id"] is not None:
            prefix = replace(prefix, enterprise_id=held["owner_id"])
        if prefix is None or not _owned(principal, prefix):
            raise GrantUnknown()
        async with registry.pool.acquire() as connection, connection.transaction():
            revoked_at = await connection.fetchval(_SQL["revoke_grant"], grant_id)
            await write_audit(connection, [AuditLine(origin, "revoke-sight", f"grant {grant_id}", 0)])
    registry.directory.forget_grants()
    return {"id": grant_id, "revoked_at": rfc3339(revoked_at)}


async def list_sight(
    registry: Registry, principal: Principal, prefix_text: str, after: int, limit: int
) -> list[dict[str, Any]]:
    """The grants of a prefix in the order they were made. Errors: `PrefixNotYours`, `ScopeNotEnough`, `StoreUnavailable`."""
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
        require_owner(principal, prefix, "", Scope.MANAGE)
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
        "until": rfc3339(row["until"]),
        "created_at": rfc3339(row["created_at"]),
        "revoked_at": rfc3339(row["revoked_at"]),
    }
