"""The rows of the registry. Knows SQL and transactions, no HTTP and no rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.record import Record, Status, record_from_row
from core.sqlfiles import load_sql

SQL = load_sql("registry", "identifiers.sql")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks, from where: what the audit keeps of a request. `actor` is `api_key.id`."""

    actor: int
    source: str | None
    request_id: str


@dataclass(frozen=True, slots=True)
class NewIdentifier:
    """A row to be. `prefix` and `key` are canonical."""

    key: str
    identifier: str
    prefix: str
    packed: bytes
    template_id: int | None


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of a `NewIdentifier`: `record` is the row as it now stands, whoever wrote it."""

    created: bool
    record: Record


@dataclass(frozen=True, slots=True)
class AuditLine:
    origin: Origin
    action: str
    about: str
    identifiers: int


async def insert_new(connection: Any, new: Sequence[NewIdentifier], slot: int) -> list[Inserted]:
    """Insert what is not there yet, in the transaction of the caller, and count it. One result for each, in order.

    The first of equal keys is inserted; the others find its row. `slot` is the caller's own row among the counters.
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
        await connection.execute(SQL["count_registrations"], prefixes, [counts[p] for p in prefixes], slot)
    return [Inserted(row.key in made and first[row.key] is row, standing[row.key]) for row in new]


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


async def page_of_records(pool: Any, prefix: str, after: str | None, limit: int) -> list[Record]:
    """At most `limit` records of a canonical prefix in order of key, after the key `after`."""
    rows = await pool.fetch(SQL["page"], after or f"{prefix}/", f"{prefix}0", limit)
    return [record_from_row(row) for row in rows]


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
    """Write the next version of a locked record, and what it was before; returns the new record."""
    version = old.version + 1
    await connection.execute(
        SQL["keep_change"], old.key, version, actor, kind, old.template_id, old.status.value, old.packed,
        old.withdrawal, reason,
    )  # fmt: skip
    changed_at = await connection.fetchval(
        SQL["change_one"], old.key, packed, template_id, status.value, withdrawal, version
    )
    return Record(old.key, old.identifier, packed, version, status, template_id, withdrawal, old.created_at, changed_at)


def _record_of(new: NewIdentifier, created_at: datetime) -> Record:
    return Record(new.key, new.identifier, new.packed, 1, Status.ACTIVE, new.template_id, None, created_at, created_at)
