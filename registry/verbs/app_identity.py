"""Application identities: programs that log in with a name and a secret instead of sending a key."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from core.access import (
    ROLE_SCOPES,
    Prefix,
    Principal,
    Role,
    Scope,
    is_key_id,
    make_key,
    require_owner,
    require_scope,
    require_writer,
)
from core.database import store_errors
from core.errors import AppIdentityTaken, BodyInvalid, FieldProblem, IdentifierMalformed, KeyUnknown
from core.identifier import Identifier, parse_identifier
from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from registry.fields import read_flag, read_text
from registry.keys import MAX_LABEL, KeyWish, Networks, held_scopes, read_networks, read_scopes
from registry.ownership import hold_prefix
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.issue_key import insert_key

_SQL = load_sql("registry", "snms.sql")
IDENTITY_MEMBERS = frozenset(("identity", "label", "renew", "scopes", "allowed_sources"))
MAX_IDENTITY = 50


@dataclass(frozen=True, slots=True)
class _Wish:
    """`scopes` and `networks` None: not asked for."""

    identity: Identifier
    label: str
    renew: bool
    scopes: frozenset[Scope] | None
    networks: Networks | None


async def issue_identity(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any]
) -> tuple[dict[str, Any], bool]:
    """`identity` (`<prefix>/<name>`), `label`?, `renew`?, `scopes`?, `allowed_sources`?: what it is now, with its password
    this once; whether it is new. Renewed, it keeps the scopes and the allow-list that the body does not name.

    Each identity has a key of its own, whose secret nobody learns: it is who acts in history and audit, and revoking it
    ends the identity. Errors: `BodyInvalid`, `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `PrefixSuspended`,
    `AppIdentityTaken`, `StoreUnavailable`.
    """
    wish = _parse(body, principal)
    found = await registry.directory.fresh_owner(wish.identity)
    prefix = require_writer(principal, found, wish.identity.prefix, Scope.MANAGE)
    canonical, key = wish.identity.key(prefix.suffix_case_sensitive), make_key()
    password = secrets.token_urlsafe(32)
    digest = hashlib.sha256(password.encode()).digest()
    ended: str | None = None
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await hold_prefix(connection, principal, prefix)
            held = await connection.fetchrow(_SQL["lock_identity"], canonical)
            if held is not None and not wish.renew:
                raise _taken(held["shown"])
            issued = await insert_key(connection, key, _key_wish(wish, prefix, principal, held))
            if held is None:
                columns = (canonical, str(wish.identity), prefix.key, issued["id"], digest)
                if await connection.fetchval(_SQL["make_identity"], *columns) is None:
                    raise _taken(str(wish.identity))  # by another call, since we looked
            else:
                await connection.execute(_SQL["renew_identity"], held["id"], issued["id"], digest)
                ended = await connection.fetchval(_SQL["end_key"], held["key"])
            action = "renew-identity" if held else "issue-identity"
            await write_audit(connection, [AuditLine(origin, action, str(wish.identity), 0)])
    if ended:
        registry.directory.forget_keys([ended])
    content = {"identity": str(wish.identity), "password": password, "key_id": key.key_id, "label": wish.label}
    return content, held is None


async def revoke_identity(registry: Registry, principal: Principal, origin: Origin, key_id: str) -> dict[str, Any]:
    """Its password and its tokens stop working, everywhere within a second.

    Errors: `KeyUnknown`, `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`.
    """
    if not is_key_id(key_id):
        raise KeyUnknown()
    with store_errors():
        row = await registry.pool.fetchrow(_SQL["identity_of_key"], key_id)
    if row is None:
        raise KeyUnknown()
    require_owner(principal, await registry.directory.fresh_prefix(row["prefix"]), row["prefix"], Scope.MANAGE)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            revoked_at = await connection.fetchval(_SQL["revoke_identity"], key_id)
            await write_audit(connection, [AuditLine(origin, "revoke-identity", row["shown"], 0)])
    registry.directory.forget_keys([key_id])
    return {"identity": row["shown"], "key_id": key_id, "revoked_at": rfc3339(revoked_at)}


def _key_wish(wish: _Wish, prefix: Prefix, principal: Principal, held: Any | None) -> KeyWish:
    """The key behind the identity. Who renews one learns its password, so it must not open more than their own key does.
    Raises `ScopeNotEnough`."""
    scopes, networks = wish.scopes, wish.networks
    if scopes is None and held is not None:
        scopes = held_scopes(held)
        for scope in scopes:
            require_scope(principal, scope)
    if scopes is None:
        scopes = ROLE_SCOPES[Role.ENTERPRISE] & principal.scopes
    if networks is None:
        networks = tuple(held["networks"] or ()) if held is not None else ()
    return KeyWish(Role.ENTERPRISE, prefix.enterprise_id, wish.label, None, scopes, networks)


def _taken(shown: str) -> AppIdentityTaken:
    return AppIdentityTaken(f"{shown} exists", f"{shown} 已存在", identity=shown)


def _parse(body: dict[str, Any], principal: Principal) -> _Wish:
    problems: list[FieldProblem] = []
    identity = _identity(body.get("identity"), problems)
    label = read_text(body.get("label", str(identity)), "label", MAX_LABEL, problems)
    renew = read_flag(body.get("renew", False), "renew", problems)
    scopes = read_scopes(body["scopes"], Role.ENTERPRISE, principal.scopes, problems) if "scopes" in body else None
    networks = read_networks(body["allowed_sources"], problems) if "allowed_sources" in body else None
    if identity is None or problems:
        raise BodyInvalid(errors=tuple(problems))
    return _Wish(identity, label, renew, scopes, networks)


def _identity(raw: Any, problems: list[FieldProblem]) -> Identifier | None:
    try:
        if not isinstance(raw, str) or len(raw) > MAX_IDENTITY:
            raise IdentifierMalformed(
                "identifier-missing",
                f"must be text of at most {MAX_IDENTITY} characters, such as 88.118.8/App_mes",
                f"必须是最多 {MAX_IDENTITY} 个字符的文本，例如 88.118.8/App_mes",
            )
        return parse_identifier(raw)
    except IdentifierMalformed as wrong:
        problems.append(wrong.at("identity"))
        return None
