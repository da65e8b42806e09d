"""JSON Schema, as OpenAPI 3.1 uses it, as the rows of an indented table, a short type, and an example. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

Json = dict[str, Any]
_DEEPEST = 5
_LIMITS = ("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "pattern", "default")


@dataclass(frozen=True, slots=True)
class Row:
    """One member of an object, at its depth."""

    depth: int
    name: str
    type: str
    required: bool
    about: str
    limits: str


def resolve(document: Json, node: Any) -> Json:
    """Follow `$ref` inside the document, at most a few steps; members beside it overrule. Unknown ones give `{}`."""
    for _ in range(8):
        if not isinstance(node, dict) or "$ref" not in node:
            break
        found: Any = document
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            found = found.get(part, {}) if isinstance(found, dict) else {}
        node = {**found, **{member: value for member, value in node.items() if member != "$ref"}}
    return node if isinstance(node, dict) else {}


def schema_name(schema: Any) -> str:
    """The component that a schema refers to, or nothing."""
    reference = str(schema.get("$ref", "")) if isinstance(schema, dict) else ""
    return reference.rpartition("/")[2] if reference.startswith("#/components/schemas/") else ""


def whole(document: Json, schema: Any) -> Json:
    """A schema with its references followed and its `allOf` joined."""
    found = resolve(document, schema)
    for part in found.get("allOf", []):
        joined = whole(document, part)
        found = {
            **joined,
            **found,
            "properties": {**joined.get("properties", {}), **found.get("properties", {})},
            "required": [*joined.get("required", []), *found.get("required", [])],
        }
    return found


def type_text(document: Json, schema: Any) -> str:
    """As in `string`, `list of object`, `"active" | "withdrawn"`, `integer | null`."""
    found = whole(document, schema)
    if "const" in found:
        return orjson.dumps(found["const"]).decode()
    if "enum" in found:
        return " | ".join(orjson.dumps(value).decode() for value in found["enum"])
    for choice in ("oneOf", "anyOf"):
        if choice in found:
            return " | ".join(dict.fromkeys(type_text(document, option) for option in found[choice]))
    kinds = found.get("type", "object" if found.get("properties") else "any")
    return " | ".join(_kind_text(document, found, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def rows(document: Json, schema: Any, language: str) -> Iterator[Row]:
    """The members of an object schema, each followed by its own members, `_DEEPEST` levels down; recursion is cut."""
    yield from _rows(document, schema, language, 0, ())


def sample(document: Json, schema: Any, depth: int = 0) -> Any:
    """An example of a schema: its own where it has one, else made from its members' examples and types."""
    found = whole(document, schema)
    for member in ("example", "default", "const"):
        if member in found:
            return found[member]
    for member in ("examples", "enum"):
        if found.get(member):
            return found[member][0]
    for choice in ("oneOf", "anyOf"):
        if found.get(choice):
            return sample(document, found[choice][0], depth + 1)
    kinds = found.get("type", "object" if found.get("properties") else None)
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "array":
        return [sample(document, found.get("items", {}), depth + 1)] if depth < _DEEPEST else []
    if kind == "object":
        members = found.get("properties", {}) if depth < _DEEPEST else {}
        return {name: sample(document, member, depth + 1) for name, member in members.items()}
    return {"string": "…", "integer": 1, "number": 1.0, "boolean": True}.get(str(kind))


def _rows(document: Json, schema: Any, language: str, depth: int, above: tuple[str, ...]) -> Iterator[Row]:
    named = schema_name(schema)
    if depth > _DEEPEST or (named and named in above):
        return
    above = (*above, named) if named else above
    found = whole(document, schema)
    if "items" in found:
        yield from _rows(document, found["items"], language, depth, above)
    for choice in ("oneOf", "anyOf"):
        for option in found.get(choice, []):
            yield from _rows(document, option, language, depth, above)
    required = set(found.get("required", []))
    for name, member in found.get("properties", {}).items():
        about = whole(document, member)
        text = (language == "zh" and about.get("x-zh-description")) or about.get("description") or ""
        yield Row(depth, name, type_text(document, member), name in required, str(text), _limits(about))
        yield from _rows(document, member, language, depth + 1, above)


def _kind_text(document: Json, schema: Json, kind: str) -> str:
    if kind == "array":
        return f"list of {type_text(document, schema.get('items', {}))}"
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _limits(schema: Json) -> str:
    return ", ".join(f"{name} {orjson.dumps(schema[name]).decode()}" for name in _LIMITS if name in schema)
