"""One process of many does a thing: the one whose connection holds an advisory lock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from core.database import STORE_FAILURES

log = logging.getLogger(__name__)
_FOLLOWER_SECONDS = 2.0


async def lead(pool: Any, lock: int, tick: Callable[[], Awaitable[None]], pause_seconds: float, what: str) -> None:
    """Ticks for ever while it is this one's turn, and waits for it otherwise; a lost database is waited for."""
    while True:
        try:
            async with pool.acquire() as connection:
                await _while_held(connection, lock, tick, pause_seconds, what)
        except STORE_FAILURES as lost:
            log.warning("%s: PostgreSQL cannot be reached: %s", what, lost or type(lost).__name__)
        await asyncio.sleep(_FOLLOWER_SECONDS)


async def _while_held(
    connection: Any, lock: int, tick: Callable[[], Awaitable[None]], pause_seconds: float, what: str
) -> None:
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock):
        return
    log.info("%s: leading", what)
    try:
        while True:
            await connection.fetchval("SELECT 1")  # the lock went with a connection that is gone
            await tick()
            await asyncio.sleep(pause_seconds)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", lock)
