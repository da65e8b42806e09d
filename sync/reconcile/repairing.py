"""Repair what reconciliation found, on either side."""

from __future__ import annotations

from typing import Any

from sync.escrow.making import SQL
from sync.escrow.rows import Row
from sync.escrow.sending import EscrowClient
from sync.reconcile.comparing import Difference, rows_there


class NobodyToAct(Exception):
    """History names who changed something, and this node has no operator yet."""


async def repair_there(connection: Any, found: Difference) -> int:
    """The next deposit tells them again, as they are here then; what is only there is told as deleted. How many."""
    keys = sorted({*found.here_only, *found.there_only, *found.different})
    await connection.execute(SQL["ask_retelling"], keys)
    return len(keys)


async def repair_here(connection: Any, client: EscrowClient, sln: str, found: Difference) -> int:
    """What differs becomes as it is there, under a higher version and with its history; what is only there comes back; what is
    only here stays, as nothing is ever deleted. All of it or nothing. How many. Raises `NobodyToAct`, and as `ask` does."""
    rows = await rows_there(client, sln, [*found.different, *found.there_only])
    wrong = set(found.different)
    async with connection.transaction():
        actor = await connection.fetchval(SQL["repairer"])
        if actor is None:
            raise NobodyToAct("there is no operator's key")
        for row in rows:
            if row.key in wrong:
                await _replace(connection, row, actor)
            else:
                await connection.execute(SQL["bring_back"], *row)
    return len(rows)


async def _replace(connection: Any, row: Row, actor: int) -> None:
    await connection.execute(SQL["note_repair"], row.key, row.version, actor)
    await connection.execute(
        SQL["repair_row"],
        row.key,
        row.version,
        row.status,
        row.template_id,
        row.owner_id,
        row.shown,
        row.withdrawal,
        row.value,
    )
