"""The templates of a prefix as bodies of `POST /api/v1/templates`, a line each: what an export needs published before it.
A retired one has `state` and `reason` beside: it is published for the rows that have it, and retired after them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from core.template import Template
from core.template_life import State
from registry.template_wish import CARRIERS, INDUSTRY


def template_lines(templates: Iterable[Template], prefix: str, reasons: Mapping[str, str | None]) -> bytes:
    """In order of key; `reasons` are of the retired ones, by key."""
    own = sorted((one for one in templates if one.key.startswith(f"{prefix}/")), key=lambda one: one.key.encode())
    return b"".join(orjson.dumps(_body(one) | _end(one, reasons)) + b"\n" for one in own)


def _end(template: Template, reasons: Mapping[str, str | None]) -> dict[str, Any]:
    return {"state": State.RETIRED.value, "reason": reasons.get(template.key)} if template.retired else {}


def _body(template: Template) -> dict[str, Any]:
    """What `registry.template_wish` reads; where a draft came from belongs to the node that made it."""
    facts = orjson.loads(template.facts) if template.facts else {}
    industry = {level: facts[name] for level, name in INDUSTRY.items() if facts.get(name)}
    about: dict[str, Any] = {name: facts.get(name) for name in ("name_zh", "name_en", "description")}
    about |= {"version": template.version, "industry": industry or None}
    if facts.get("type") in CARRIERS:
        about["carrier"] = facts["type"]
    items = [item.as_json() for item in template.items]
    said = {name: one for name, one in about.items() if one is not None}
    return {"identifier": template.identifier, **said, "items": items}
