"""Fill reverse indexes with what was there before they were wished for: bounded steps, by one worker at a time, resumable."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import asyncpg

from core.database import store_errors
from core.errors import StoreUnavailable
from registry.store import VALUE_INDEX as SQL

log = logging.getLogger(__name__)
STEP_ROWS = 2_000
_LOOK_SECONDS = 1.0
_SHORTEST_REST = 0.02


async def fill_value_indexes(pool: Any) -> None:
    """For ever; rests as long as it works, so that others always get their turn. A lost database is waited for."""
    while True:
        began, busy = time.monotonic(), False
        try:
            with store_errors():
                busy = await fill_step(pool)
        except StoreUnavailable:
            pass  # the feed says so, once for all
        except asyncpg.PostgresError:
            log.exception("a reverse index could not be filled; trying again")
        await asyncio.sleep(max(_SHORTEST_REST, time.monotonic() - began) if busy else _LOOK_SECONDS)


async def fill_step(pool: Any) -> bool:
    """One transaction: whether there was something to do.

    Filling begins once every writer that may not have seen the wish has ended: from then on each row is either there to be
    read, or put into the index by who writes it.
    """
    async with pool.acquire() as connection, connection.transaction():
        wish = await connection.fetchrow(SQL["unfinished_wish"])
        if wish is None:
            return False
        prefix = wish["prefix"]
        if wish["settled"] is None:
            await connection.execute(SQL["settle_wish"], prefix)
            return True
        if not await connection.fetchval(SQL["all_settled"], wish["settled"], wish["settled_at"]):
            return False
        after = wish["position"] or f"{prefix}/"
        last = await connection.fetchval(SQL["end_of_step"], after, f"{prefix}0", STEP_ROWS)
        if last is None:
            await connection.execute(SQL["finish_wish"], prefix)
        else:
            await connection.execute(SQL["index_range"], prefix, after, last, wish["types"])
            await connection.execute(SQL["move_wish"], prefix, last)
        return True
