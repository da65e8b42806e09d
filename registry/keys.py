"""What is asked of a key, and what is shown of one. Pure.

Nobody gives a key more than its role has, nor more than their own key has: `manage` alone opens nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.access import ROLE_SCOPES, Principal, Role, Scope, in_order
from core.addresses import Network, parse_network
from core.errors import FieldProblem
from core.timestamps import rfc3339
from registry.fields import read_number, read_text

CHANGE_MEMBERS = frozenset(("label", "expires_in_seconds", "scopes", "allowed_sources"))
KEY_MEMBERS = CHANGE_MEMBERS | {"role", "enterprise_id"}
MAX_LABEL = 100
MAX_KEY_SECONDS = 10 * 366 * 86_400
MAX_SOURCES = 32
MAX_OVERLAP_SECONDS, OVERLAP_SECONDS = 30 * 86_400, 86_400
_NOBODYS = (Role.OPERATOR, Role.AUDITOR)
Networks = tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class KeyWish:
    """A key to be. `seconds` None: it does not expire; no networks: from everywhere."""

    role: Role
    enterprise_id: int | None
    label: str
    seconds: int | None
    scopes: frozenset[Scope]
    networks: Networks


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What is to be other than it is; None stays. `expires` says whether `seconds` counts."""

    label: str | None
    expires: bool
    seconds: int | None
    scopes: frozenset[Scope] | None
    networks: Networks | None


def parse_key(body: dict[str, Any], giver: Principal, problems: list[FieldProblem]) -> KeyWish | None:
    """The wish, or None when problems were added. Who has an enterprise need not name it."""
    before = len(problems)
    role, enterprise = body.get("role"), body.get("enterprise_id", giver.enterprise_id)
    if role not in tuple(Role):
        en, zh = f"must be one of {', '.join(Role)}", f"必须是以下之一：{'、'.join(Role)}"
        problems.append(FieldProblem("role", "role-unknown", en, zh))
    if role in _NOBODYS and body.get("enterprise_id") is not None:
        en, zh = f"a key of role {role} has none", f"角色为 {role} 的密钥不属于任何企业"
        problems.append(FieldProblem("enterprise_id", "enterprise-unwanted", en, zh))
    elif enterprise is not None or role in (Role.ENTERPRISE, Role.WRITER):
        enterprise = read_number(enterprise, "enterprise_id", problems)
    label = read_text(body.get("label", "-"), "label", MAX_LABEL, problems)
    seconds = _seconds(body.get("expires_in_seconds"), problems)
    known = Role(role) if role in tuple(Role) else Role.OPERATOR
    scopes = read_scopes(body.get("scopes"), known, giver.scopes, problems)
    networks = read_networks(body.get("allowed_sources"), problems)
    if len(problems) > before:
        return None
    return KeyWish(known, None if known in _NOBODYS else enterprise, label, seconds, scopes, networks)


def parse_change(
    body: dict[str, Any], role: Role, held: frozenset[Scope], giver: Principal, problems: list[FieldProblem]
) -> KeyChange | None:
    """The change of a key that has the role and the scopes `held`; None when problems were added."""
    before = len(problems)
    if not body:
        members = ", ".join(sorted(CHANGE_MEMBERS))
        en, zh = f"must have at least one of {members}", f"至少须给出以下成员之一：{members}"
        problems.append(FieldProblem("", "nothing-asked", en, zh))
    label = read_text(body["label"], "label", MAX_LABEL, problems) if "label" in body else None
    seconds = _seconds(body.get("expires_in_seconds"), problems)
    scopes = read_scopes(body["scopes"], role, giver.scopes | held, problems) if "scopes" in body else None
    networks = read_networks(body["allowed_sources"], problems) if "allowed_sources" in body else None
    if len(problems) > before:
        return None
    return KeyChange(label, "expires_in_seconds" in body, seconds, scopes, networks)


def read_scopes(raw: Any, role: Role, givable: frozenset[Scope], problems: list[FieldProblem]) -> frozenset[Scope]:
    """Scopes for a key of the role; None is all that the role has and the giver can give."""
    if raw is None:
        return ROLE_SCOPES[role] & givable
    if not isinstance(raw, list) or len(raw) > len(Scope):
        known = ", ".join(in_order(ROLE_SCOPES[role]))
        problems.append(
            FieldProblem("scopes", "list-invalid", f"must be a list of {known}", f"必须是数组，可含：{known}")
        )
        return frozenset()
    for position, one in enumerate(raw):
        if wrong := _scope_problem(one, role, givable):
            problems.append(FieldProblem(f"scopes[{position}]", *wrong))
    return frozenset(scope for scope in Scope if scope in raw)


def read_networks(raw: Any, problems: list[FieldProblem]) -> Networks:
    """An allow-list; None and an empty list are none."""
    if raw is None:
        return ()
    if not isinstance(raw, list) or len(raw) > MAX_SOURCES:
        en, zh = f"must be a list of at most {MAX_SOURCES} networks", f"必须是最多 {MAX_SOURCES} 个网络的数组"
        problems.append(FieldProblem("allowed_sources", "list-invalid", en, zh))
        return ()
    networks: dict[Network, None] = {}
    for position, one in enumerate(raw):
        try:
            networks[parse_network(one if isinstance(one, str) else "")] = None
        except ValueError:
            en = "must be a network such as 10.1.0.0/16 or 2001:db8::/32, with no bits beyond its mask"
            zh = "必须是网络地址，例如 10.1.0.0/16 或 2001:db8::/32，掩码之外的位须为 0"
            problems.append(FieldProblem(f"allowed_sources[{position}]", "network-invalid", en, zh))
    return tuple(networks)


def kept_scopes(role: Role, scopes: frozenset[Scope]) -> list[str] | None:
    """As the table has them: None is all of the role."""
    return None if scopes == ROLE_SCOPES[role] else in_order(scopes)


def held_scopes(row: Mapping[str, Any]) -> frozenset[Scope]:
    """What the key of a row may do."""
    scopes = ROLE_SCOPES[Role(row["role"])]
    return scopes if row["scopes"] is None else frozenset(scope for scope in scopes if scope in row["scopes"])


def key_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `api_key` without its secrets."""
    return {
        "key_id": row["key_id"],
        "role": row["role"],
        "scopes": in_order(held_scopes(row)),
        "label": row["label"],
        "enterprise_id": row["enterprise_id"],
        "enterprise": row["enterprise"],
        "allowed_sources": [str(network) for network in row["networks"] or ()],
        "created_at": rfc3339(row["created_at"]),
        "expires_at": rfc3339(row["expires_at"]),
        "revoked_at": rfc3339(row["revoked_at"]),
        "former_secret_until": rfc3339(row["former_until"]),
        "last_used_at": rfc3339(row["used_at"]),
        "last_used_from": row["used_from"],
    }


def _seconds(raw: Any, problems: list[FieldProblem]) -> int | None:
    return None if raw is None else read_number(raw, "expires_in_seconds", problems, most=MAX_KEY_SECONDS)


def _scope_problem(one: Any, role: Role, givable: frozenset[Scope]) -> tuple[str, str, str] | None:
    if one not in tuple(Scope):
        return "scope-unknown", f"must be one of {', '.join(Scope)}", f"必须是以下之一：{'、'.join(Scope)}"
    if one not in ROLE_SCOPES[role]:
        return "scope-beyond-role", f"a key of role {role} never has it", f"角色为 {role} 的密钥不能具有此范围"
    if one not in givable:
        return "scope-not-yours", "your own key does not have it", "您自己的密钥不具有此范围"
    return None
