"""What is asked of a quota, and how one is shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from core.errors import FieldProblem
from core.quota import MAX_BURST, MAX_RATE, MAX_REGISTRATIONS, Limits
from core.timestamps import rfc3339
from registry.fields import read_number

_BOUNDS = {
    "requests_per_second": (1, MAX_RATE),
    "burst": (1, MAX_BURST),
    "registrations_per_day": (0, MAX_REGISTRATIONS),
    "registrations_total": (0, MAX_REGISTRATIONS),
}
QUOTA_MEMBERS = frozenset(_BOUNDS)


def parse_limits(body: dict[str, Any], problems: list[FieldProblem]) -> Limits | None:
    """The limits wished for, or None when problems were added. What is missing or null is unlimited."""
    before = len(problems)
    found = {
        name: read_number(body[name], name, problems, least=least, most=most)
        for name, (least, most) in _BOUNDS.items()
        if body.get(name) is not None
    }
    if "burst" in found and "requests_per_second" not in found:
        en, zh = "needs requests_per_second beside it", "须同时给出 requests_per_second"
        problems.append(FieldProblem("burst", "burst-alone", en, zh))
    return Limits(**found) if len(problems) == before else None


def quota_view(limits: Limits, own: bool, used: Mapping[str, Any]) -> dict[str, Any]:
    """`own`: the limits were set for this one, and are not the defaults of the node."""
    return {
        "own": own,
        "limits": asdict(limits),
        "used": {"registrations_today": used["today"], "registrations_total": used["total"]},
        "day_renews_at": rfc3339(used["renews_at"]),
    }
