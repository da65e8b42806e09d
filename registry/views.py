"""A record as its owner sees it. Pure."""

from __future__ import annotations

from typing import Any

from core.record import Record
from core.template import Template
from core.timestamps import rfc3339
from core.values import HandleValue, render

STATUS_WORDS = {1: "active", 2: "withdrawn"}


def owner_view(record: Record, template: Template | None) -> dict[str, Any]:
    """Everything but what no API shows: identifier, version, status, template, times (RFC 3339, UTC), all values."""
    created = int(record.created_at.timestamp())
    shown: dict[str, Any] = {
        "identifier": record.identifier,
        "version": record.version,
        "status": STATUS_WORDS[record.status],
        "template": template.identifier if template else None,
        "created_at": rfc3339(record.created_at),
        "changed_at": rfc3339(record.changed_at),
        "values": [_owned(value, created) for value in record.values],
    }
    if record.withdrawn:
        shown["withdrawn"] = {"at": rfc3339(record.changed_at), "reason": record.reason, "successor": record.successor}
    return shown


def _owned(value: HandleValue, created: int) -> dict[str, Any]:
    """The Handle form and, where it is not the usual one, the visibility."""
    shown = render(value, created)
    return shown if value.public else shown | {"visibility": value.visibility}
