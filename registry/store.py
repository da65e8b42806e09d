"""The rows of the registry. Knows SQL and transactions, no HTTP and no rules."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from core.access import not_yours
from core.record import Record, Status, record_from_row
from core.sqlfiles import load_sql
from registry.list_filter import ListFilter

SQL = load_sql("registry", "identifiers.sql")
VALUE_INDEX = load_sql("registry", "value_index.sql")
SCANNED = 10_000  # rows looked at for one page of a list, at most


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks, from where: what the audit keeps of a request. `actor` is `api_key.id`."""

    actor: int
    source: str | None
    request_id: str


@dataclass(frozen=True, slots=True)
class Keyless:
    """An `Origin` without a key: an applicant, the top level, or the node itself; the entry says which."""

    source: str | None = None
    request_id: str = ""
    actor: None = None


@dataclass(frozen=True, slots=True)
class NewIdentifier:
    """A row to be. `prefix` and `key` are canonical. It is written only while the prefix is as the caller believed: of
    `enterprise_id` (None: whoever has it), with no more than `leases` leases ever (None: however many)."""

    key: str
    identifier: str
    prefix: str
    packed: bytes
    template_id: int | None
    enterprise_id: int | None = None
    leases: int | None = None


class PrefixMoved(Exception):
    """The prefix is not what the caller believed: it has changed hands, or some of its suffixes were leased."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of a `NewIdentifier`: `record` is the row as it now stands, whoever wrote it."""

    created: bool
    record: Record


@dataclass(frozen=True, slots=True)
class AuditLine:
    origin: Origin | Keyless
    action: str
    about: str
    identifiers: int


async def insert_group(
    pool: Any, asked: Sequence[tuple[NewIdentifier, Origin]], slot: int
) -> list[Inserted | PrefixMoved]:
    """As `insert_new`, in a transaction of its own: what single callers asked for, each with an audit entry. Rows whose
    prefix moved are left out."""
    first = {new.key: (new, origin) for new, origin in reversed(asked)}
    rows = [first[key] for key in sorted(first)]
    created = await pool.fetch(
        SQL["insert_group"],
        [new.key for new, _ in rows],
        [new.identifier if new.identifier != new.key else None for new, _ in rows],
        [new.packed for new, _ in rows],
        [new.template_id for new, _ in rows],
        [origin.actor for _, origin in rows],
        [origin.source for _, origin in rows],
        [origin.request_id for _, origin in rows],
        slot,
        [new.enterprise_id for new, _ in rows],
        [new.leases for new, _ in rows],
    )
    made = {row["key"]: _record_of(first[row["key"]][0], row["created_at"]) for row in created}
    standing = dict(made)
    if len(made) < len(rows):
        found = await pool.fetch(SQL["find_many"], [key for key in first if key not in made])
        standing.update((row["key"], record_from_row(row)) for row in found)
    return [
        Inserted(new.key in made and first[new.key][0] is new, standing[new.key])
        if new.key in standing
        else PrefixMoved()
        for new, _ in asked
    ]


async def insert_new(connection: Any, new: Sequence[NewIdentifier], slot: int) -> list[Inserted]:
    """Insert what is not there yet, in the transaction of the caller, and count it. One result for each, in order.

    The first of equal keys is inserted; the others find its row. `slot` is the caller's own row among the counters. Raises
    `PrefixMoved`.
    """
    first = {row.key: row for row in reversed(new)}
    rows = [first[key] for key in sorted(first)]
    created = await connection.fetch(
        SQL["insert_new"],
        [row.key for row in rows],
        [row.identifier if row.identifier != row.key else None for row in rows],
        [row.packed for row in rows],
        [row.template_id for row in rows],
    )
    made = {row["key"]: _record_of(first[row["key"]], row["created_at"]) for row in created}
    standing = dict(made)
    if len(made) < len(rows):
        found = await connection.fetch(SQL["find_many"], [key for key in first if key not in made])
        standing.update((row["key"], record_from_row(row)) for row in found)
    if made:
        counts = Counter(first[key].prefix for key in made)
        prefixes = sorted(counts)
        counted = await connection.fetch(SQL["count_registrations"], prefixes, [counts[p] for p in prefixes], slot)
        held = {row["prefix"]: (row["enterprise_id"], row["leases"]) for row in counted}
        if any(_moved(first[key], *held[first[key].prefix]) for key in made):
            raise PrefixMoved
        if indexed := {row["prefix"] for row in counted if row["indexed"]}:
            await index_values(connection, [key for key in made if first[key].prefix in indexed])
    return [Inserted(row.key in made and first[row.key] is row, standing[row.key]) for row in new]


def _moved(new: NewIdentifier, enterprise_id: int, leases: int) -> bool:
    return new.enterprise_id not in (None, enterprise_id) or new.leases not in (None, leases)


async def index_values(connection: Any, keys: Sequence[str]) -> None:
    """Into the reverse index with what these identifiers say, in the transaction that writes them."""
    await connection.execute(VALUE_INDEX["index_values"], keys)


async def write_audit(connection: Any, lines: Iterable[AuditLine]) -> None:
    columns = [
        (line.origin.actor, line.action, line.about, line.identifiers, line.origin.source, line.origin.request_id)
        for line in lines
    ]
    if columns:
        await connection.execute(SQL["write_audit"], *map(list, zip(*columns, strict=True)))


async def lock_record(connection: Any, key: str) -> Record | None:
    row = await connection.fetchrow(SQL["lock_one"], key)
    return record_from_row(row) if row else None


async def find_record(pool: Any, key: str) -> Record | None:
    row = await pool.fetchrow(SQL["find_one"], key)
    return record_from_row(row) if row else None


async def records_of(pool: Any, keys: Sequence[str]) -> list[Record]:
    """Those of the canonical keys that are there, in order of key."""
    rows = await pool.fetch(SQL["find_many"], keys) if keys else []
    return sorted(map(record_from_row, rows), key=lambda record: record.key.encode())


async def scan_keys(pool: Any, wanted: ListFilter, after: str, limit: int) -> tuple[list[str], str | None]:
    """(keys of at most `limit` identifiers that pass the filter, the key to go on after or None at the end).

    Looks at `SCANNED` rows, so there may be none although there are more."""
    statement = SQL["scan_withdrawn" if wanted.status is Status.WITHDRAWN else "scan_page"]
    rows = await pool.fetch(statement, after, *wanted.bounds, SCANNED, limit, *wanted.conditions)
    more = bool(rows) and (len(rows) == limit or rows[-1]["place"] == SCANNED)
    return [row["key"] for row in rows if row["wanted"]], rows[-1]["key"] if more else None


async def keys_with_value(pool: Any, wanted: ListFilter, after: str, limit: int) -> tuple[list[str], str | None]:
    """As `scan_keys`, by the reverse index: whether they still say the value is for the caller to see."""
    assert wanted.value is not None
    kind, data = wanted.value
    digest = hashlib.sha256(orjson.dumps(data)).digest()[:16]
    rows = await pool.fetch(VALUE_INDEX["keys_with_value"], wanted.prefix, kind, digest, after, *wanted.bounds, limit)
    keys = [row["key"] for row in rows]
    return keys, keys[-1] if len(keys) == limit else None


async def keys_owned_elsewhere(pool: Any, enterprise_id: int, after: str, limit: int) -> list[str]:
    """What was transferred to an enterprise, in order of key."""
    return [row["key"] for row in await pool.fetch(SQL["owned_elsewhere"], enterprise_id, after, limit)]


async def page_of_records(pool: Any, after: str, bounds: tuple[str, str, str], limit: int) -> list[Record]:
    """At most `limit` records between bounds (from, below, up to) in order of key, after the key `after`."""
    return [record_from_row(row) for row in await pool.fetch(SQL["page"], after, *bounds, limit)]


async def change_record(
    connection: Any,
    old: Record,
    *,
    actor: int,
    kind: str,
    reason: str | None,
    packed: bytes,
    template_id: int | None,
    status: Status,
    withdrawal: str | None,
) -> Record:
    """Write the next version of a locked record, and what it was before; returns the new record. Raises `PrefixNotYours`
    where the record is not the actor's any more."""
    version = old.version + 1
    kept = await connection.fetchrow(
        SQL["keep_change"], old.key, version, actor, kind, old.template_id, old.status.value, old.packed,
        old.withdrawal, reason,
    )  # fmt: skip
    if not kept["owned"]:
        raise not_yours(old.key.partition("/")[0])
    changed_at = await connection.fetchval(
        SQL["change_one"], old.key, packed, template_id, status.value, withdrawal, version
    )
    if kept["indexed"]:
        await index_values(connection, [old.key])
    return Record(
        old.key, old.identifier, packed, version, status, template_id, withdrawal, old.created_at, changed_at,
        old.owner_id,
    )  # fmt: skip


def _record_of(new: NewIdentifier, created_at: datetime) -> Record:
    return Record(new.key, new.identifier, new.packed, 1, Status.ACTIVE, new.template_id, None, created_at, created_at)
