"""What a grant of sight may say: reading the body of `POST /api/v1/grants`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.errors import FieldProblem, IdentifierMalformed
from core.identifier import Identifier, parse_identifier, parse_prefix

GRANT_MEMBERS = frozenset(("identifier", "template", "prefix", "types", "to", "until"))
MAX_TYPES = 100
_SCOPES = ("identifier", "template", "prefix")


@dataclass(frozen=True, slots=True)
class GrantWish:
    """`scope` says which of identifier, template and prefix is meant; exactly one of `to_key_id` and `to_enterprise`."""

    scope: str
    prefix: str
    identifier: Identifier | None
    types: list[str] | None
    to_key_id: str | None
    to_enterprise: int | None
    until: datetime | None


def parse_grant(body: dict[str, Any], now: datetime, problems: list[FieldProblem]) -> GrantWish | None:
    """The wish, or None when problems were added."""
    scope, prefix, identifier = _scope(body, problems)
    types = _types(body.get("types"), problems)
    key_id, enterprise = _receiver(body.get("to"), problems)
    until = _until(body.get("until"), now, problems)
    return GrantWish(scope, prefix, identifier, types, key_id, enterprise, until) if not problems else None


def _scope(body: dict[str, Any], problems: list[FieldProblem]) -> tuple[str, str, Identifier | None]:
    named = [scope for scope in _SCOPES if body.get(scope) is not None]
    if len(named) != 1:
        problems.append(
            FieldProblem(
                "",
                "scope-unclear",
                f"must name exactly one of {', '.join(_SCOPES)}",
                f"必须且只能给出 {'、'.join(_SCOPES)} 之一",
            )
        )
        return "", "", None
    scope, text = named[0], body[named[0]]
    try:
        if not isinstance(text, str):
            raise IdentifierMalformed("identifier-missing", "must be text", "必须是文本")
        if scope == "prefix":
            return scope, parse_prefix(text), None
        identifier = parse_identifier(text)
        return scope, identifier.prefix, identifier
    except IdentifierMalformed as wrong:
        problems.append(wrong.at(scope))
        return scope, "", None


def _types(raw: Any, problems: list[FieldProblem]) -> list[str] | None:
    if raw is None:
        return None
    if (
        isinstance(raw, list)
        and 0 < len(raw) <= MAX_TYPES
        and all(isinstance(t, str) and 0 < len(t) <= 255 for t in raw)
    ):
        return sorted(set(raw))
    problems.append(
        FieldProblem(
            "types", "list-invalid", f"must be 1 to {MAX_TYPES} value types", f"必须是 1 到 {MAX_TYPES} 个值类型"
        )
    )
    return None


def _receiver(raw: Any, problems: list[FieldProblem]) -> tuple[str | None, int | None]:
    if isinstance(raw, dict) and len(raw) == 1:
        key_id, enterprise = raw.get("key_id"), raw.get("enterprise_id")
        if isinstance(key_id, str) and 0 < len(key_id) <= 64:
            return key_id, None
        if isinstance(enterprise, int) and not isinstance(enterprise, bool) and 0 < enterprise < 2**31:
            return None, enterprise
    problems.append(
        FieldProblem(
            "to",
            "receiver-unclear",
            'must be {"key_id": "…"} or {"enterprise_id": …}',
            '必须是 {"key_id": "…"} 或 {"enterprise_id": …}',
        )
    )
    return None, None


def _until(raw: Any, now: datetime, problems: list[FieldProblem]) -> datetime | None:
    if raw is None:
        return None
    try:
        until = datetime.fromisoformat(raw) if isinstance(raw, str) else None
    except ValueError:
        until = None
    if until is not None and until.tzinfo is not None and until > now:
        return until
    problems.append(
        FieldProblem(
            "until",
            "time-invalid",
            "must be a future time with its zone, as 2027-01-31T00:00:00+08:00",
            "必须是带时区的未来时间，例如 2027-01-31T00:00:00+08:00",
        )
    )
    return None
