"""A stored identifier as every room sees it, and its form in the shared cache. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

import orjson

from core.values import HandleValue, unpack


class Status(IntEnum):
    """What has become of an identifier. Withdrawn ones stay, and answer 410."""

    ACTIVE = 1
    WITHDRAWN = 2


@dataclass(slots=True)  # not frozen: making frozen ones takes three times as long, and each look-up makes one
class Record:
    """One row of the hot table, never changed once made. `packed` is as in `core.values`; `withdrawal` is JSON text or None."""

    key: str
    identifier: str  # as first registered
    packed: bytes
    version: int
    status: Status
    template_id: int | None
    withdrawal: str | None
    created_at: datetime
    changed_at: datetime
    owner_id: int | None = None  # the enterprise that it was transferred to; None: its prefix's

    @property
    def values(self) -> list[HandleValue]:
        return unpack(self.packed)

    @property
    def withdrawn(self) -> bool:
        return self.status is Status.WITHDRAWN

    @property
    def reason(self) -> str | None:
        return self._withdrawal("reason")

    @property
    def successor(self) -> str | None:
        return self._withdrawal("successor")

    @property
    def etag(self) -> str:
        return f'"{self.version}"'

    def _withdrawal(self, member: str) -> str | None:
        if self.withdrawal is None:
            return None
        found: str | None = orjson.loads(self.withdrawal).get(member)
        return found


def record_from_row(row: Any) -> Record:
    """From the columns of `identifier` (mapping of name to value); defaults that are stored as NULL are filled in."""
    key, created_at = row["key"], row["created_at"]
    return Record(
        key,
        row["shown"] or key,
        row["value"],
        row["version"],
        Status(row["status"]),
        row["template_id"],
        row["withdrawal"],
        created_at,
        row["changed_at"] or created_at,
        row["owner_id"],
    )


# In the shared cache the version stands first, in fixed width, so that a script inside Redis can compare it unparsed.
VERSION_DIGITS = 10


def encode_record(record: Record) -> bytes:
    members = (
        record.key,
        record.identifier,
        record.packed.decode(),
        record.version,
        record.status.value,
        record.template_id,
        record.withdrawal,
        record.created_at,
        record.changed_at,
        *(() if record.owner_id is None else (record.owner_id,)),
    )
    return b"%0*d" % (VERSION_DIGITS, record.version) + orjson.dumps(members)


def decode_record(stored: bytes) -> Record:
    """Raises ValueError or TypeError for what `encode_record` did not write."""
    key, identifier, packed, version, status, template_id, withdrawal, created, changed, *owner = orjson.loads(
        stored[VERSION_DIGITS:]
    )
    return Record(
        key,
        identifier,
        packed.encode(),
        version,
        Status(status),
        template_id,
        withdrawal,
        datetime.fromisoformat(created),
        datetime.fromisoformat(changed),
        *owner,
    )
