"""Templates as the API shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.timestamps import rfc3339
from registry.codes.industry import find
from registry.template_store import Held, Listed
from registry.template_wish import INDUSTRY, LINEAGE


def whole(held: Held) -> dict[str, Any]:
    """One template with its items."""
    shown = _about(held, held.definition.version, held.definition.facts)
    shown["items"] = [item.as_json() for item in held.definition.items]
    if held.retired_at is not None:
        at = rfc3339(held.retired_at)
        shown["retired"] = {"at": at, "reason": held.retired_reason}
    return shown


def line(listed: Listed) -> dict[str, Any]:
    """One template in a list: how many items, not which."""
    return _about(listed, listed.version, listed.facts) | {"item_count": listed.item_count}


def _about(held: Held | Listed, version: str | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: facts.get(name) for name in ("name_zh", "name_en", "description")}
    return {
        "identifier": held.identifier,
        "state": held.state.value,
        "version": version,
        **said,
        "industry": _industry(facts),
        "carrier": facts.get("type"),
        **{name: facts.get(name) for name in LINEAGE},
        "created_at": rfc3339(held.created_at),
    }


def _industry(facts: Mapping[str, Any]) -> dict[str, str] | None:
    """The codes by level, and the name of the deepest."""
    codes = {level: facts[name] for level, name in INDUSTRY.items() if facts.get(name)}
    if not codes:
        return None
    found = find(list(codes.values())[-1])
    return codes | ({"name": found.name} if found else {})
