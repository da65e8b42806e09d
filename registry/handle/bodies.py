"""Values that a Handle client sent, as the bodies that the verbs take: they check them as for every other door. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.errors import BodyInvalid, FieldProblem, ValueTaken
from core.value_intake import check_size, parse_values
from core.values import PARTNER_READ, HandleValue, pack, references_json
from core.visibility import from_handle


def with_held_visibility(values: Sequence[HandleValue], held: Sequence[HandleValue]) -> list[HandleValue]:
    """The values with our permissions, by the table of `core.visibility`, without their times. Raises `ValueTaken` where two
    have one index."""
    before = {value.index: value.permissions for value in held}
    taken: set[int] = set()
    for value in values:
        if value.index in taken:
            raise ValueTaken(f"Index {value.index} is named twice", f"索引 {value.index} 重复", index=value.index)
        taken.add(value.index)
    return [
        replace(value, permissions=from_handle(value.permissions, before.get(value.index)), timestamp=None)
        for value in sorted(values, key=lambda value: value.index)
    ]


def checked(values: Sequence[HandleValue], path: str = "values") -> list[HandleValue]:
    """The same, once they pass what every door's do. Raises `BodyInvalid`."""
    problems: list[FieldProblem] = []
    found = parse_values(values_json(values), path, problems)
    check_size(pack(found), path, problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return found


def values_json(values: Sequence[HandleValue]) -> list[dict[str, Any]]:
    return [_value_json(value) for value in values]


def _value_json(value: HandleValue) -> dict[str, Any]:
    said: dict[str, Any] = {
        "index": value.index,
        "type": value.type,
        "data": {"format": value.format, "value": value.data},
        "ttl": value.ttl,
    }
    if value.references:
        said["references"] = references_json(value.references)
    if not value.by_default:
        said["permissions"] = f"{value.permissions & 15:04b}"
    if value.permissions & PARTNER_READ:
        said["visibility"] = "partners"
    return said
