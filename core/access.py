"""Keys, roles, scopes and what they may do. Pure.

A key is `bj_<key id>_<secret>`: the id finds its row, the secret (256 random bits) is kept only as its SHA-256.
A role says whose data a key works on, its scopes say what it does there: all that its role has, or fewer.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.addresses import Network, is_within
from core.errors import (
    CredentialMissing,
    CredentialWrong,
    EnterpriseSuspended,
    PrefixElsewhere,
    PrefixNotYours,
    PrefixPending,
    PrefixSuspended,
    Problem,
    RoleNotEnough,
    ScopeNotEnough,
    SourceNotAllowed,
)
from core.quota import Rate

_KEY_ID = re.compile("[0-9a-f]{16}")
_NO_DIGEST = b"\0" * 32  # what a secret is compared with where there is nothing
_KEY = re.compile(rf"bj_({_KEY_ID.pattern})_([A-Za-z0-9_-]{{43}})")


class Role(StrEnum):
    OPERATOR = "operator"  # runs the node: everything, of all enterprises
    AUDITOR = "auditor"  # reads everything, of all enterprises, and changes nothing
    ENTERPRISE = "enterprise"  # administrator of an enterprise: everything of its own, keys included
    WRITER = "writer"  # of an enterprise: registers, revises, withdraws and reads its own, manages nothing
    PARTNER = "partner"  # reads what it was granted


class Scope(StrEnum):
    REGISTER = "register"  # new identifiers
    REVISE = "revise"  # PUT, PATCH, restore
    WITHDRAW = "withdraw"
    READ_PRIVATE = "read-private"  # one's own as the owner sees it: lists, history, values that are not public
    MANAGE = "manage"  # templates, grants, application identities, keys, prefixes, enterprises


ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.OPERATOR: frozenset(Scope),
    Role.AUDITOR: frozenset((Scope.READ_PRIVATE,)),
    Role.ENTERPRISE: frozenset(Scope),
    Role.WRITER: frozenset(Scope) - {Scope.MANAGE},
    Role.PARTNER: frozenset(),
}
EVERYWHERE = (Role.OPERATOR, Role.AUDITOR)  # of no enterprise, they see all of them
OF_ENTERPRISE = (Role.ENTERPRISE, Role.WRITER)  # they own what their enterprise owns


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, once their key has been checked. `key` is `api_key.id`; `suspension` is why the enterprise may
    only read, None where it may do as ever."""

    key: int
    role: Role
    enterprise_id: int | None
    scopes: frozenset[Scope]
    suspension: str | None = None
    rates: tuple[Rate, ...] = ()  # how many requests per second: mostly without limit


@dataclass(frozen=True, slots=True)
class Credential:
    """One row of `api_key`. `former_digest` is of the secret before the last rotation, good until `former_until`;
    `networks` are where calls may come from, none: from everywhere."""

    key_id: str
    secret_digest: bytes
    principal: Principal
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    former_digest: bytes | None = None
    former_until: datetime | None = None
    networks: tuple[Network, ...] = ()


class PrefixState(StrEnum):
    AWAITING = "awaiting"  # reserved here; to be handed to the top level
    SUBMITTED = "submitted"  # at the top level
    ACTIVE = "active"
    REJECTED = "rejected"  # by the top level: it can be given again
    REVOKED = "revoked"  # with its enterprise, for good


class Hosting(StrEnum):
    HERE = "here"
    OWN_NODE = "own-node"  # identifiers are registered and answered at a site of the enterprise


@dataclass(frozen=True, slots=True)
class Prefix:
    """One row of `prefix`. `key` has ASCII letters in upper case, `shown` is as first given.

    `suspended` is the sum of everything that keeps it from being written: state, its own hold, its enterprise's, its
    parent's; `reason` says why. `site` is the HS_SITE of the enterprise's own node, in JSON form, or
    `{"service": identifier}`.
    `leases` is how often suffixes of it were leased; `verified`: the application of its enterprise is in force.
    """

    key: str
    shown: str
    enterprise_id: int
    enterprise_name: str
    suffix_case_sensitive: bool
    suspended: bool
    state: PrefixState = PrefixState.ACTIVE
    reason: str | None = None
    answering: bool = True
    parent: str | None = None
    hosting: Hosting = Hosting.HERE
    site: dict[str, Any] | None = None
    leases: int = 0
    verified: bool = False

    @property
    def answered_here(self) -> bool:
        return self.answering and self.hosting is Hosting.HERE

    @property
    def service(self) -> str | None:
        """The identifier that says which site answers (HS_SERV), where `site` does not say so itself."""
        return self.site.get("service") if self.site else None

    @property
    def condition(self) -> str:
        """The state in one word, suspension included."""
        return "suspended" if self.suspended and self.state is PrefixState.ACTIVE else self.state.value


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `text` is shown once and never kept."""

    text: str
    key_id: str
    secret_digest: bytes


def make_key() -> NewKey:
    return make_secret(secrets.token_hex(8))


def make_secret(key_id: str) -> NewKey:
    """A new secret for a key that has this id."""
    secret = secrets.token_urlsafe(32)
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


def check_secret(credential: Credential | None, secret: str, now: datetime, source: str | None = None) -> Principal:
    """The principal behind a credential, calling from the address `source`. Raises `CredentialWrong`, `SourceNotAllowed`;
    the comparison takes the same time whatever there is to compare with."""
    sent = _digest(secret)
    newest = credential.secret_digest if credential else _NO_DIGEST
    former = credential.former_digest if credential and credential.former_digest else _NO_DIGEST
    is_newest, is_former = hmac.compare_digest(newest, sent), hmac.compare_digest(former, sent)
    if is_former and credential and (credential.former_until is None or credential.former_until <= now):
        raise CredentialWrong(
            "The key was rotated; use its new secret", "该密钥已轮换，请使用新密钥", headers=_challenge()
        )
    return principal_of(credential if is_newest or is_former else None, now, source)


def principal_of(credential: Credential | None, now: datetime, source: str | None = None) -> Principal:
    """The principal of a credential whose holder has proved it. Raises `CredentialWrong`, `SourceNotAllowed`."""
    if credential is None:
        raise CredentialWrong(headers=_challenge())
    if credential.revoked_at is not None:
        raise CredentialWrong("The key was revoked", "该密钥已被吊销", headers=_challenge())
    if credential.expires_at is not None and credential.expires_at <= now:
        raise CredentialWrong("The key has expired", "该密钥已过期", headers=_challenge())
    if credential.networks and not is_within(source, credential.networks):
        seen = source or "?"
        raise SourceNotAllowed(
            f"This key is not accepted from {seen}",
            f"该密钥不允许从 {seen} 使用",
            source=source,
            key_id=credential.key_id,
        )
    return credential.principal


def require_role(principal: Principal, *roles: Role, scope: Scope = Scope.READ_PRIVATE) -> None:
    """The caller has one of the roles, and the scope. Raises `RoleNotEnough`, `ScopeNotEnough`."""
    if principal.role not in roles:
        raise _role_missing(principal, roles)
    require_scope(principal, scope)


def require_scope(principal: Principal, scope: Scope) -> None:
    """Raises `RoleNotEnough` where the role never has this scope, `EnterpriseSuspended`, else `ScopeNotEnough`."""
    if scope in principal.scopes:
        return
    if scope not in ROLE_SCOPES[principal.role]:
        raise _role_missing(principal, [role for role in Role if scope in ROLE_SCOPES[role]])
    if principal.suspension is not None:
        raise EnterpriseSuspended(
            f"Your enterprise is suspended: {principal.suspension}",
            f"您的企业已被暂停：{principal.suspension}",
            reason=principal.suspension,
        )
    has = in_order(principal.scopes)
    raise ScopeNotEnough(
        f"This needs a key with the scope {scope}; yours has {', '.join(has) or 'none'}",
        f"此操作需要权限范围为 {scope} 的密钥；您的密钥的权限范围：{'、'.join(has) or '无'}",
        needed_scope=scope,
        scopes=has,
    )


def require_owner(principal: Principal, prefix: Prefix | None, named: str, scope: Scope = Scope.READ_PRIVATE) -> Prefix:
    """The prefix, if the caller may do under it what `scope` says: a key of its enterprise, or of the node.

    Raises `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`.
    """
    if principal.role not in EVERYWHERE and not (
        prefix is not None and principal.role in OF_ENTERPRISE and principal.enterprise_id == prefix.enterprise_id
    ):  # to them a free prefix and a foreign one look the same
        raise not_yours(named)
    if scope not in principal.scopes:
        require_scope(principal, scope)
    if prefix is None:
        raise PrefixNotYours(f"No enterprise has the prefix {named}", f"前缀 {named} 尚未分配给任何企业", prefix=named)
    return prefix


def not_yours(named: str) -> PrefixNotYours:
    return PrefixNotYours(
        f"Your key does not hold the prefix {named}", f"您的密钥不具有前缀 {named} 的权限", prefix=named
    )


def require_writer(principal: Principal, prefix: Prefix | None, named: str, scope: Scope) -> Prefix:
    """As `require_owner`, and the prefix can be written. Raises `PrefixSuspended`, `PrefixPending`, `PrefixElsewhere` too:
    the last but for what is only managed here."""
    owned = require_owner(principal, prefix, named, scope)
    if owned.suspended or owned.hosting is not Hosting.HERE:
        _refuse_writing(owned, named, scope)
    return owned


def _refuse_writing(prefix: Prefix, named: str, scope: Scope) -> None:
    wrong: Problem | None = None
    if prefix.state in (PrefixState.AWAITING, PrefixState.SUBMITTED):
        wrong = PrefixPending(
            f"The prefix {named} is not approved yet",
            f"前缀 {named} 尚未审核通过",
            prefix=named,
            state=prefix.state.value,
        )
    elif prefix.suspended:
        why = prefix.reason or ""
        wrong = PrefixSuspended(
            f"The prefix {named} is {prefix.condition}" + (f": {why}" if why else ""),
            f"前缀 {named} {'已被暂停' if prefix.condition == 'suspended' else '不可用'}" + (f"：{why}" if why else ""),
            prefix=named,
            state=prefix.condition,
            reason=prefix.reason,
        )
    elif scope is not Scope.MANAGE:
        wrong = PrefixElsewhere(
            f"The prefix {named} is hosted at its enterprise's own node",
            f"前缀 {named} 由企业自有节点提供服务",
            prefix=named,
        )
    if wrong is not None:
        raise wrong


def in_order(scopes: Iterable[Scope]) -> list[str]:
    """As texts, in the order in which they are explained."""
    held = frozenset(scopes)
    return [scope.value for scope in Scope if scope in held]


def _role_missing(principal: Principal, roles: Iterable[Role]) -> RoleNotEnough:
    needed = ", ".join(roles)
    return RoleNotEnough(
        f"This needs a key of role {needed}; yours is {principal.role}",
        f"此操作需要角色为 {needed} 的密钥；您的角色为 {principal.role}",
        needed_role=needed,
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _challenge() -> dict[str, str]:
    return {"WWW-Authenticate": 'Bearer realm="biaojie", error="invalid_token"'}
