"""A template as JSON Schema (draft 2020-12): what `POST /api/v1/identifiers` takes for it. Pure.

The schema describes the whole body, so that an integrator can check what it is about to send. JSON Schema cannot say all:
bounds of numbers and of dates, whether a day exists and what an identifier is are left to the node, and told in words.
"""

from __future__ import annotations

from typing import Any

from core.data_types import BOOLEANS, DATE, FILE, MAX_FILE, MAX_URL, NUMBER, URL
from core.identifier import MAX_BYTES, encode_path
from core.pattern import plain
from core.template_item import PUBLIC, STRING, WIDTH, TemplateItem
from core.values import MAX_REFERENCE_BYTES, MAX_REFERENCES, MAX_TTL_SECONDS
from registry.template_store import Held

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SHAPES: dict[str, dict[str, Any]] = {
    "string": {},
    "number": {"pattern": f"^(?:{NUMBER})$"},
    "date": {"pattern": f"^(?:{DATE})$"},
    "boolean": {"enum": list(BOOLEANS)},
    "url": {"pattern": f"^(?:{URL})$", "maxLength": MAX_URL},
    "enumeration": {},
    "reference": {"pattern": r"^[^/\s]+/[^\u0000]+$", "minLength": 3, "maxLength": MAX_BYTES},
    "file": {"pattern": f"^(?:{FILE})$", "maxLength": MAX_FILE},
}


def schema(held: Held, base: str) -> dict[str, Any]:
    """`base` is the path that templates are served under: the same schema under whichever name the node is asked."""
    items = [item for item in held.definition.items if item.enabled]
    facts = held.definition.facts
    required = [_contains(item) for item in items if item.required]
    values: dict[str, Any] = {"type": "array", "minItems": 1, "items": {"oneOf": [_value(item) for item in items]}}
    if required:
        values["allOf"] = required
    shown = {
        "$schema": DIALECT,
        "$id": f"{base}{encode_path(held.identifier)}/schema",
        "title": facts.get("name_en") or held.identifier,
        "x-zh-title": facts.get("name_zh") or held.identifier,
        "type": "object",
        "properties": {
            "identifier": {"type": "string", "minLength": 3, "maxLength": MAX_BYTES, "pattern": "^[^/]+/"},
            "template": {"type": "string", "const": held.identifier},
            "values": values,
        },
        "required": ["identifier", "template", "values"],
        "additionalProperties": False,
    }
    return shown | ({"description": facts["description"]} if facts.get("description") else {})


_REFERENCES = {
    "type": "array",
    "maxItems": MAX_REFERENCES,
    "items": {
        "type": "object",
        "properties": {
            "handle": {"type": "string", "minLength": 1, "maxLength": MAX_REFERENCE_BYTES},
            "index": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
        },
        "required": ["handle", "index"],
        "additionalProperties": False,
    },
}


def _value(item: TemplateItem) -> dict[str, Any]:
    """A value of this item; text may also stand bare, without a format."""
    text = _text(item)
    data: dict[str, Any] = {
        "type": "object",
        "properties": {"format": {"const": STRING}, "value": text},
        "required": ["value"],
    }
    narrower = [name for name, width in WIDTH.items() if width <= WIDTH[item.visibility]]
    return {
        "title": item.name_en,
        "x-zh-title": item.name_zh,
        "type": "object",
        "properties": {
            "index": {"const": item.index},
            "type": {"const": item.type},
            "data": {"oneOf": [data, text]},
            "ttl": {
                "oneOf": [
                    {"type": "integer", "minimum": 0, "maximum": MAX_TTL_SECONDS},
                    {"type": "string", "format": "date-time"},
                ]
            },
            "references": _REFERENCES,
            "visibility": {"enum": narrower, "default": item.visibility},
            "permissions": {
                "type": "string",
                "pattern": "^[01]{4}$" if item.visibility == PUBLIC else "^[01]{2}0[01]$",
            },
        },
        "required": ["index", "type", "data"],
        "additionalProperties": False,
    }


def _text(item: TemplateItem) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "string", **_SHAPES[item.data_type], "x-data-type": item.data_type}
    if item.min_length:
        shape["minLength"] = item.min_length
    if item.max_length is not None:
        shape["maxLength"] = min(item.max_length, shape.get("maxLength", item.max_length))
    if item.choices:
        shape["oneOf"] = [{"const": one.code, "title": one.en, "x-zh-title": one.zh} for one in item.choices]
    told = {"x-minimum": item.minimum, "x-maximum": item.maximum, "x-unit": item.unit}
    shape |= {name: rule for name, rule in told.items() if rule is not None}
    if item.pattern is not None:
        own = {"pattern": f"^(?:{plain(item.pattern)})$"}
        shape = shape | own if "pattern" not in shape else shape | {"allOf": [own]}
    return shape


def _contains(item: TemplateItem) -> dict[str, Any]:
    return {"contains": {"type": "object", "properties": {"index": {"const": item.index}}, "required": ["index"]}}
