"""A record as an export writes it. Pure.

Lossless means: read back by a bulk job, every value has its index, type, format, data, time to live, permissions, visibility
and references, and the identifier its spelling, template, status, reason and successor. Versions and times belong to the node
that gave them and are left out, so that the same content is the same bytes wherever it is exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from core.record import Record
from core.template import Template
from core.values import DEFAULT_PERMISSIONS, DEFAULT_TTL_SECONDS, HandleValue, references_json, unpack

COLUMNS = ("identifier", "template", "status", "reason", "successor", "values")
STATUS_NAMES = {1: "active", 2: "withdrawn"}


def values_of(record: Record, template: Template | None) -> list[dict[str, Any]]:
    """As the API takes them. Where a template narrows who sees a value, each says for itself."""
    told = template is not None and template.narrows
    return [_value(value, told) for value in unpack(record.packed)]


def _value(value: HandleValue, told: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "index": value.index, "type": value.type, "data": {"format": value.format, "value": value.data},
    }  # fmt: skip
    if value.ttl != DEFAULT_TTL_SECONDS:
        shown["ttl"] = value.ttl
    if value.references:
        shown["references"] = references_json(value.references)
    if value.permissions != DEFAULT_PERMISSIONS:
        shown["permissions"] = f"{value.permissions & 15:04b}"
    if told or value.permissions != DEFAULT_PERMISSIONS:
        shown["visibility"] = value.visibility
    return shown


def item_of(record: Record, template: Template | None) -> dict[str, Any]:
    """An item of the API's own, as `POST /api/v1/identifiers` takes it; a withdrawn one says so."""
    item: dict[str, Any] = {"identifier": record.identifier}
    if template is not None:
        item["template"] = template.identifier
    if record.withdrawn:
        item["status"] = "withdrawn"
        item["withdrawn"] = {"reason": record.reason, "successor": record.successor}
    return item | {"values": values_of(record, template)}


def cells_of(record: Record, template: Template | None) -> tuple[str, ...]:
    """One text for each of `COLUMNS`; what is not there is empty."""
    return (
        record.identifier,
        template.identifier if template else "",
        STATUS_NAMES[record.status],
        record.reason or "",
        record.successor or "",
        orjson.dumps(values_of(record, template)).decode(),
    )


def named_cells(record: Record, indexes: Sequence[int]) -> tuple[str, ...]:
    """For people: identifier, status, and the text of each index; data that is no text is its JSON."""
    said = {value.index: value.data for value in unpack(record.packed)}
    texts = (said.get(index, "") for index in indexes)
    shown = (text if isinstance(text, str) else orjson.dumps(text).decode() for text in texts)
    return (record.identifier, STATUS_NAMES[record.status], *shown)
