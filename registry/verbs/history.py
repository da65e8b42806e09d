"""What an identifier said before: every version, who made it, when, and what differs from the one before."""

from __future__ import annotations

from typing import Any

from core.access import Principal
from core.database import store_errors
from core.errors import IdentifierUnknown
from core.identifier import Identifier
from core.record import Record
from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from core.values import HandleValue, difference, unpack
from registry.ownership import readable, require_own
from registry.room import Registry
from registry.store import find_record

_SQL = load_sql("registry", "history.sql")
_NEWEST = 2**31 - 1


async def history(
    registry: Registry, principal: Principal, identifier: Identifier, before: int | None, limit: int
) -> dict[str, Any]:
    """Versions newest first, at most `limit` below the version `before`; `next` continues, None at the first version.

    Errors: `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `IdentifierUnknown`, `StoreUnavailable`.
    """
    prefix = await readable(registry, principal, identifier)
    key = identifier.key(prefix.suffix_case_sensitive)
    with store_errors():
        record = await find_record(registry.pool, key)
        rows = await registry.pool.fetch(_SQL["history"], key, before or _NEWEST, limit + 1)
    require_own(principal, prefix, record)
    if record is None:
        raise IdentifierUnknown(f"{identifier} is not registered here", f"{identifier} 未在本节点注册")
    more, rows = len(rows) > limit, rows[:limit]
    after = await _values_after(registry, record, before)
    items = []
    for row in rows:
        items.append(_change(row, after))
        after = unpack(bytes(row["old_value"]))
    if not more:
        items.append({"version": 1, "at": rfc3339(record.created_at), "kind": "register"})
    return {"identifier": record.identifier, "items": items, "next": rows[-1]["version"] if more else None}


async def _values_after(registry: Registry, record: Record, before: int | None) -> list[HandleValue]:
    """The values that the newest version asked for has: what the change after it replaced, or what stands now."""
    if before is None or before > record.version:
        return record.values
    rows = await registry.pool.fetch(_SQL["history"], record.key, before + 1, 1)
    return unpack(bytes(rows[0]["old_value"])) if rows else record.values


def _change(row: Any, after: list[HandleValue]) -> dict[str, Any]:
    differs = difference(unpack(bytes(row["old_value"])), after)
    return {
        "version": row["version"],
        "at": rfc3339(row["at"]),
        "kind": row["kind"],
        "by": {"key_id": row["key_id"], "label": row["label"]},
        "reason": row["reason"],
        "difference": [
            {"index": one["index"], "kind": one["kind"], "before": one["registered"], "after": one["sent"]}
            for one in differs
        ],
    }
