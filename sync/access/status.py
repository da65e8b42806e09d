"""How peering stands, from the database: for the command line and, later, the console."""

from __future__ import annotations

from typing import Any

from sync.access.outbox import SQL

_MOST = 20


async def read_status(connection: Any) -> dict[str, Any]:
    """Figures, the newest commands and the newest messages; times are datetimes. No personal data."""
    figures = dict(await connection.fetchrow(SQL["figures"]))
    figures["oldest_seconds"] = round(float(figures["oldest_seconds"] or 0), 1)
    commands = [dict(row) for row in await connection.fetch(SQL["newest_commands"], _MOST)]
    messages = [dict(row) for row in await connection.fetch(SQL["newest_messages"], _MOST)]
    return {"figures": figures, "commands": commands, "messages": messages}


async def poll_now(connection: Any) -> None:
    """The process that exchanges sees it at its next turn."""
    await connection.execute(SQL["poll_now"])


async def send_now(connection: Any) -> None:
    """Everything that waits is due, and what had stopped it is forgotten."""
    await connection.execute(SQL["send_now"])
