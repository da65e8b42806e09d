"""What the body of `POST /api/v1/transfers` says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.errors import FieldProblem
from core.identifier import Identifier
from registry.fields import read_number, read_prefix, read_text, read_until
from registry.intake import MAX_REASON, template_named

TRANSFER_MEMBERS = frozenset(("object", "prefix", "to_enterprise", "reason", "until"))
USUAL = timedelta(days=30)
LONGEST = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class TransferWish:
    """Either `identifier` or `prefix` is there."""

    identifier: Identifier | None
    prefix: str
    to_enterprise: int
    reason: str
    until: datetime


def parse_transfer(body: dict[str, Any], now: datetime, problems: list[FieldProblem]) -> TransferWish | None:
    """The wish, or None when problems were added."""
    before = len(problems)
    if (body.get("object") is None) == (body.get("prefix") is None):
        en, zh = "must name either object (one identifier) or prefix", "必须且只能给出 object（单个标识）或 prefix 之一"
        problems.append(FieldProblem("", "object-unclear", en, zh))
    identifier = template_named(body.get("object"), "object", problems)
    prefix = read_prefix(body.get("prefix"), "prefix", problems)
    to_enterprise = read_number(body.get("to_enterprise"), "to_enterprise", problems)
    reason = read_text(body.get("reason"), "reason", MAX_REASON, problems)
    until = read_until(body.get("until"), "until", now, LONGEST, problems) if "until" in body else now + USUAL
    if len(problems) > before:
        return None
    return TransferWish(identifier, identifier.prefix if identifier else prefix or "", to_enterprise, reason, until)
