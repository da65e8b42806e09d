"""Application identities: programs that log in with a name and a secret instead of sending a key."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from core.access import Principal, is_key_id, make_key, require_owner, require_writer
from core.database import store_errors
from core.errors import AppIdentityTaken, BodyInvalid, FieldProblem, IdentifierMalformed, KeyUnknown
from core.identifier import Identifier, parse_identifier
from core.sqlfiles import load_sql
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit

_SQL = load_sql("registry", "snms.sql")
_ISSUE_KEY = load_sql("registry", "onboarding.sql")["issue_key"]
IDENTITY_MEMBERS = frozenset(("identity", "label", "renew"))
MAX_IDENTITY, MAX_LABEL = 50, 100


async def issue_identity(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any]
) -> tuple[dict[str, Any], bool]:
    """`identity` (`<prefix>/<name>`), `label`?, `renew`?: what it is now, with its password this once; whether it is new.

    Each identity has a key of its own, whose secret nobody learns: it is who acts in history and audit, and revoking it
    ends the identity. Errors: `BodyInvalid`, `PrefixNotYours`, `PrefixSuspended`, `AppIdentityTaken`, `StoreUnavailable`.
    """
    identity, label, renew = _parse(body)
    prefix = require_writer(principal, await registry.directory.fresh_prefix(identity.prefix_key), identity.prefix)
    password = secrets.token_urlsafe(32)
    digest = hashlib.sha256(password.encode()).digest()
    canonical, key = identity.key(prefix.suffix_case_sensitive), make_key()
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            issued = await connection.fetchrow(
                _ISSUE_KEY, key.key_id, key.secret_digest, "enterprise", prefix.enterprise_id, label, None
            )
            assert issued is not None
            made = await connection.fetchval(
                _SQL["make_identity"], canonical, str(identity), prefix.key, issued["id"], digest
            )
            ended = None if made else await _renew(connection, canonical, issued["id"], digest, renew)
            action = "issue-identity" if made else "renew-identity"
            await write_audit(connection, [AuditLine(origin, action, str(identity), 0)])
    if ended:
        registry.directory.forget_keys([ended])
    content = {"identity": str(identity), "password": password, "key_id": key.key_id, "label": label}
    return content, made is not None


async def revoke_identity(registry: Registry, principal: Principal, origin: Origin, key_id: str) -> dict[str, Any]:
    """Its password and its tokens stop working, everywhere within a second.

    Errors: `KeyUnknown`, `PrefixNotYours`, `StoreUnavailable`.
    """
    if not is_key_id(key_id):
        raise KeyUnknown()
    with store_errors():
        row = await registry.pool.fetchrow(_SQL["identity_of_key"], key_id)
    if row is None:
        raise KeyUnknown()
    require_owner(principal, await registry.directory.fresh_prefix(row["prefix"]), row["prefix"])
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            revoked_at = await connection.fetchval(_SQL["revoke_identity"], key_id)
            await write_audit(connection, [AuditLine(origin, "revoke-identity", row["shown"], 0)])
    registry.directory.forget_keys([key_id])
    return {"identity": row["shown"], "key_id": key_id, "revoked_at": revoked_at.isoformat(timespec="seconds")}


async def _renew(connection: Any, canonical: str, key: int, digest: bytes, renew: bool) -> str | None:
    """Another password and another key for an identity that exists; gives the id of the key that it had."""
    held = await connection.fetchrow(_SQL["lock_identity"], canonical)
    if not renew:
        raise AppIdentityTaken(f"{held['shown']} exists", f"{held['shown']} 已存在", identity=held["shown"])
    await connection.execute(_SQL["renew_identity"], held["id"], key, digest)
    ended: str | None = await connection.fetchval(_SQL["end_key"], held["key"])
    return ended


def _parse(body: dict[str, Any]) -> tuple[Identifier, str, bool]:
    problems: list[FieldProblem] = []
    identity = _identity(body.get("identity"), problems)
    label, renew = body.get("label", str(identity)), body.get("renew", False)
    if not isinstance(label, str) or not label.isprintable() or not 0 < len(label) <= MAX_LABEL:
        en, zh = f"must be printable text of 1 to {MAX_LABEL} characters", f"必须是 1 到 {MAX_LABEL} 个字符的可打印文本"
        problems.append(FieldProblem("label", "text-invalid", en, zh))
    if not isinstance(renew, bool):
        problems.append(FieldProblem("renew", "not-boolean", "must be true or false", "必须是 true 或 false"))
    if identity is None or problems:
        raise BodyInvalid(errors=tuple(problems))
    return identity, label, renew


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
