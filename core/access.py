"""Keys, roles and what they may do. Pure.

A key is `bj_<key id>_<secret>`: the id finds its row, the secret (256 random bits) is kept only as its SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.errors import CredentialMissing, CredentialWrong, PrefixNotYours, PrefixSuspended, RoleNotEnough

_KEY_ID = re.compile("[0-9a-f]{16}")
_KEY = re.compile(rf"bj_({_KEY_ID.pattern})_([A-Za-z0-9_-]{{43}})")


class Role(StrEnum):
    OPERATOR = "operator"
    ENTERPRISE = "enterprise"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class Credential:
    """One row of `api_key`."""

    row_id: int
    key_id: str
    secret_digest: bytes
    role: Role
    enterprise_id: int | None
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, once their key has been checked. `key` is `api_key.id`."""

    key: int
    role: Role
    enterprise_id: int | None


@dataclass(frozen=True, slots=True)
class Prefix:
    """One row of `prefix`. `key` has ASCII letters in upper case, `shown` is as first given."""

    key: str
    shown: str
    enterprise_id: int
    enterprise_name: str
    suffix_case_sensitive: bool
    suspended: bool


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `text` is shown once and never kept."""

    text: str
    key_id: str
    secret_digest: bytes


def make_key() -> NewKey:
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    return NewKey(f"bj_{key_id}_{secret}", key_id, _digest(secret))


def is_key_id(text: str) -> bool:
    return _KEY_ID.fullmatch(text) is not None


def bearer_key(authorization: str | None) -> tuple[str, str]:
    """(key id, secret) from an `Authorization` header. Raises `CredentialMissing` or `CredentialWrong`."""
    if not authorization:
        raise CredentialMissing(headers={"WWW-Authenticate": 'Bearer realm="biaojie"'})
    scheme, _, text = authorization.partition(" ")
    found = _KEY.fullmatch(text.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        raise CredentialWrong(
            "The Authorization header does not hold a key of this node",
            "Authorization 请求头中不是本节点的密钥",
            headers=_challenge(),
        )
    return found[1], found[2]


def check_secret(credential: Credential | None, secret: str, now: datetime) -> Principal:
    """The principal behind a credential. Raises `CredentialWrong`; the comparison takes the same time either way."""
    expected = credential.secret_digest if credential else b"\0" * 32
    matches = hmac.compare_digest(expected, _digest(secret))
    return principal_of(credential if matches else None, now)


def principal_of(credential: Credential | None, now: datetime) -> Principal:
    """The principal of a credential whose holder has proved it. Raises `CredentialWrong`."""
    if credential is None:
        raise CredentialWrong(headers=_challenge())
    if credential.revoked_at is not None:
        raise CredentialWrong("The key was revoked", "该密钥已被吊销", headers=_challenge())
    if credential.expires_at is not None and credential.expires_at <= now:
        raise CredentialWrong("The key has expired", "该密钥已过期", headers=_challenge())
    return Principal(credential.row_id, credential.role, credential.enterprise_id)


def require_role(principal: Principal, *roles: Role) -> None:
    if principal.role not in roles:
        needed = ", ".join(roles)
        raise RoleNotEnough(
            f"This needs a key of role {needed}; yours is {principal.role}",
            f"此操作需要角色为 {needed} 的密钥；您的角色为 {principal.role}",
            needed_role=needed,
        )


def require_owner(principal: Principal, prefix: Prefix | None, named: str) -> Prefix:
    """The prefix, if the caller may see everything under it: its enterprise, or an operator."""
    if prefix is not None:
        if principal.role is Role.OPERATOR:
            return prefix
        if principal.role is Role.ENTERPRISE and principal.enterprise_id == prefix.enterprise_id:
            return prefix
    elif principal.role is Role.OPERATOR:
        raise PrefixNotYours(f"No enterprise has the prefix {named}", f"前缀 {named} 尚未分配给任何企业", prefix=named)
    # To anybody else a free prefix and a foreign one look the same.
    raise PrefixNotYours(
        f"Your key does not hold the prefix {named}", f"您的密钥不具有前缀 {named} 的权限", prefix=named
    )


def require_writer(principal: Principal, prefix: Prefix | None, named: str) -> Prefix:
    """As `require_owner`, and the prefix is not suspended."""
    owned = require_owner(principal, prefix, named)
    if owned.suspended:
        raise PrefixSuspended(f"The prefix {named} is suspended", f"前缀 {named} 已被暂停", prefix=named)
    return owned


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _challenge() -> dict[str, str]:
    return {"WWW-Authenticate": 'Bearer realm="biaojie", error="invalid_token"'}
