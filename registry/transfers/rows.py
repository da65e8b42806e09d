"""The rows of `transfer`. Knows SQL, no HTTP and no rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from registry.transfers.states import State

SQL = load_sql("registry", "transfers.sql")


@dataclass(frozen=True, slots=True)
class Transfer:
    """One row of `transfer`. `kind` is identifier or prefix, `key` canonical; `started_by` is a key id, `consented_by` the
    number of the giving side's key."""

    id: int
    kind: str
    prefix: str
    key: str
    shown: str
    from_enterprise: int
    from_name: str
    to_enterprise: int
    to_name: str
    reason: str
    until: datetime
    created_at: datetime
    ended_at: datetime | None
    consented_by: int | None
    started_by: str
    state: State

    @property
    def view(self) -> dict[str, Any]:
        """As answers show it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "object" if self.kind == "identifier" else "prefix": self.shown,
            "from": {"enterprise_id": self.from_enterprise, "name": self.from_name},
            "to": {"enterprise_id": self.to_enterprise, "name": self.to_name},
            "reason": self.reason,
            "state": self.state.value,
            "until": rfc3339(self.until),
            "created_at": rfc3339(self.created_at),
            "started_by": self.started_by,
            "ended_at": rfc3339(self.ended_at),
        }


async def read_transfer(pool: Any, transfer_id: int) -> Transfer | None:
    row = await pool.fetchrow(SQL["read_transfer"], transfer_id)
    return _transfer(row) if row else None


async def lock_transfer(connection: Any, transfer_id: int) -> Transfer:
    """One that is there; read after it is locked, so that it is as the last move left it."""
    await connection.execute(SQL["lock_transfer"], transfer_id)
    found = await read_transfer(connection, transfer_id)
    assert found is not None  # transfers are never deleted
    return found


async def page_of_transfers(
    pool: Any, enterprise: int | None, before: int, limit: int, state: str | None
) -> list[Transfer]:
    rows = await pool.fetch(SQL["page_of_transfers"], enterprise, before, limit, state)
    return [_transfer(row) for row in rows]


def _transfer(row: Any) -> Transfer:
    plain = {name: row[name] for name in Transfer.__dataclass_fields__ if name != "state"}
    return Transfer(**plain, state=State(row["state"]))
