"""Applications end that wait for their applicant (drafts, returned ones) and that nobody has touched for long."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg

from core.database import store_errors
from core.errors import StoreUnavailable
from registry.applications.states import MOVES, Actor, Move, State
from registry.applications.store import SQL, make_move
from registry.store import AuditLine, Keyless, write_audit

log = logging.getLogger(__name__)
_EVERY_SECONDS = 600.0
_AT_ONCE = 100


async def expire_abandoned(pool: Any, idle_days: int) -> None:
    """For ever, in each worker; a lost database is waited for."""
    while True:
        try:
            with store_errors():
                async with pool.acquire() as connection:
                    while await expire_some(connection, idle_days) == _AT_ONCE:
                        pass
        except StoreUnavailable:
            pass  # the feed says so, once for all
        except asyncpg.PostgresError:
            log.exception("abandoned applications could not be ended; trying again")
        await asyncio.sleep(_EVERY_SECONDS)


async def expire_some(connection: Any, idle_days: int) -> int:
    """How many ended, `_AT_ONCE` at most. Raises as asyncpg does."""
    states = [state.value for state in MOVES[Move.EXPIRE].leads]
    reason = f"untouched for {idle_days} days 超过 {idle_days} 天未办理"
    async with connection.transaction():
        rows = await connection.fetch(SQL["lock_abandoned"], states, idle_days, _AT_ONCE)
        for row in rows:
            await make_move(connection, row["id"], State(row["state"]), Move.EXPIRE, Actor.NODE, None, reason)
        await write_audit(
            connection, [AuditLine(Keyless(), "expire-application", f"application {row['id']}", 0) for row in rows]
        )
    return len(rows)
