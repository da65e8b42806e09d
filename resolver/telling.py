"""What is told about a record beside its values: `?info`, `?explain`. Pure; private values are no part of it."""

from __future__ import annotations

from typing import Any

from core.access import Prefix
from core.exchange import Ask
from core.negotiation import wants
from core.record import Record
from core.template import Template
from core.timestamps import rfc3339
from resolver.memory import Entry
from resolver.usage.tally import Door

# Rules by which a representation is chosen, as they are told: slug -> (English, Chinese).
RULES = {
    "handle-json": ("This door gives Handle JSON", "该接口返回 Handle JSON"),
    "accept-json": ("Accept likes JSON best", "Accept 优先 JSON"),
    "accept-html": ("Accept likes HTML best", "Accept 优先 HTML"),
    "links": (
        "Links answer, by type or by the rules of GS1 Digital Link",
        "按链接类型或 GS1 Digital Link 规则以链接应答",
    ),
    "url-value": ("There is a URL value, and JSON was not asked for", "存在 URL 值，且未要求 JSON"),
    "no-url-value": ("There is no URL value to go to", "没有可跳转的 URL 值"),
}


def info_of(
    record: Record, prefix: Prefix | None, template: Template | None, holder: str | None = None
) -> dict[str, Any]:
    """Who registered it and who holds it, under which template and prefix, what its status is; none of its values.

    `holder` is whom it was transferred to, empty where the name is not known; None: the enterprise of its prefix has it.
    """
    maker = None if prefix is None else prefix.enterprise_name
    told: dict[str, Any] = {
        "identifier": record.identifier,
        "status": "withdrawn" if record.withdrawn else "active",
        "version": record.version,
        "registered_at": rfc3339(record.created_at),
        "changed_at": rfc3339(record.changed_at),
        "prefix": None if prefix is None else {"prefix": prefix.shown, "suspended": prefix.suspended},
        "registered_by": None if maker is None else {"name": maker},
        "held_by": {"name": holder or None} if holder is not None else None if maker is None else {"name": maker},
        "template": None if template is None else template.identifier,
    }
    if record.withdrawn:
        told["withdrawn"] = {"at": told["changed_at"], "reason": record.reason, "successor": record.successor}
    return told


def explanation_of(
    entry: Entry, tier: str, now: float, worker: int, rule: str, stale_seconds: float, aliases: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Which tier answered, how old that is, why it has this form. `now` is monotonic seconds, as `Entry.stored_at`."""
    en, zh = RULES[rule]
    return {
        "identifier": entry.record.identifier,
        "answered_by": tier,
        "read_from": entry.origin,
        "age_seconds": round(max(now - entry.stored_at, 0.0), 3) if tier == "memory" else 0.0,
        "stale_seconds": round(stale_seconds, 1),
        "version": entry.record.version,
        "worker": worker,
        "representation": {"rule": rule, "en": en, "zh": zh},
        "aliases": list(aliases),
        "referral": [],
    }


def rule_of(ask: Ask, door: Door, moved: bool, linked: bool) -> str:
    """Why the answer has the form that it has."""
    if door is Door.HANDLE_JSON:
        return "handle-json"
    if linked:
        return "links"
    likes = wants(ask.headers.get("accept", ""))
    if likes == "json":
        return "accept-json"
    return "url-value" if moved else "accept-html" if likes == "html" else "no-url-value"


def foreign_info_of(identifier: str, way: tuple[str, ...]) -> dict[str, Any]:
    """Of a foreign identifier this node knows no more than who answered; `way` are the addresses that were asked."""
    return {"identifier": identifier, "status": "foreign", "answered_by": "recursion", "site": way[-1]}


def foreign_explanation_of(identifier: str, way: tuple[str, ...]) -> dict[str, Any]:
    steps = [{"prefix": None, "site": address} for address in way]
    return {"identifier": identifier, "answered_by": "recursion", "referral": steps}
