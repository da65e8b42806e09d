"""The exchange with the top level as a process: one leader, sending and polling for ever, and its figures."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from typing import Any

from core.database import STORE_FAILURES
from core.telemetry import (
    PEERING_ACKNOWLEDGED,
    PEERING_BACKLOG_SECONDS,
    PEERING_CIRCUIT,
    PEERING_OPEN,
    PEERING_RAISED,
    PEERING_REJECTED,
    publish,
)
from sync.access.breaker import Breaker, jittered
from sync.access.inbox import Inbox
from sync.access.outbox import SQL, Outbox
from sync.access.sender import Sender
from sync.access.transport import Busy, NotSent, OutcomeUnknown, Stopped, Transport

log = logging.getLogger(__name__)
LOCK = 0x6269616F70656572  # "biaopeer"
_TICK_SECONDS, _MEASURE_SECONDS, _FOLLOWER_SECONDS = 0.25, 1.0, 2.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the queue is asked: while something is awaited, and else."""

    poll_seconds: float = 30.0
    idle_poll_seconds: float = 600.0


class Peer:
    """One a process; the one that holds the advisory lock works, the others wait for their turn."""

    def __init__(self, pool: Any, outbox: Outbox, transport: Transport, user: str, pace: Pace) -> None:
        self._pool, self._transport, self._pace = pool, transport, pace
        self._breaker = Breaker()
        self._sender = Sender(pool, outbox, transport, self._breaker, user, pace.poll_seconds)
        self._inbox = Inbox(pool, outbox, transport)
        self._changed_at: Any = None
        self._measured = 0.0

    async def run(self) -> None:
        """For ever; a lost database is waited for."""
        try:
            while True:
                await self._in_turn()
                await asyncio.sleep(_FOLLOWER_SECONDS)
        finally:
            await self.close()

    async def _in_turn(self) -> None:
        try:
            async with self._pool.acquire() as connection:
                await self._lead(connection)
        except STORE_FAILURES as lost:
            log.warning("PostgreSQL cannot be reached: %s", lost or type(lost).__name__)
            await self._transport.close()

    async def _lead(self, connection: Any) -> None:
        """As long as the connection that holds the lock lives."""
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            return
        log.info("exchanging with the top level")
        try:
            while True:
                await connection.fetchval("SELECT 1")  # the lock went with a connection that is gone
                await self.tick()
                await asyncio.sleep(_TICK_SECONDS)
        finally:
            if not connection.is_closed():
                await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)

    async def close(self) -> None:
        await self._transport.close()

    async def tick(self) -> None:
        """Send what is due, ask the queue where it is time. Raises as asyncpg does."""
        state = await self._pool.fetchrow(SQL["read_state"])
        if state["changed_at"] != self._changed_at:  # the command line wants it now
            if self._changed_at is not None:
                self._breaker.succeeded()
                await self._pool.execute(SQL["everything_due"])
            self._changed_at = state["changed_at"]
        if state["stopped"] is None:
            await self._sender.round()
            if state["poll_due"] and self._breaker.allows(time.monotonic()):
                await self._poll()
        if time.monotonic() - self._measured >= _MEASURE_SECONDS:
            await self._measure()

    async def _poll(self) -> None:
        try:
            await self._inbox.drain()
        except Stopped as wrong:
            await self._pool.execute(SQL["stop_sending"], str(wrong)[:500])
            log.error("the top level will not have us; nothing is sent until `biaojie sync send`: %s", wrong)
        except (NotSent, OutcomeUnknown) as wrong:
            patience = wrong.seconds if isinstance(wrong, Busy) else 0.0
            self._breaker.failed(time.monotonic(), random.random(), patience)  # noqa: S311
            await self._pool.execute(SQL["failed_to_hear"], f"poll: {wrong}"[:500])
            log.warning("the queue of the top level cannot be read: %s", wrong)
        else:
            self._breaker.succeeded()
            await self._pool.execute(SQL["heard"])
        awaited = await self._pool.fetchval(SQL["anything_awaited"])
        seconds = self._pace.poll_seconds if awaited else self._pace.idle_poll_seconds
        await self._pool.execute(SQL["polled"], jittered(seconds, random.random()))  # noqa: S311

    async def _measure(self) -> None:
        self._measured = time.monotonic()
        row = await self._pool.fetchrow(SQL["figures"])
        PEERING_OPEN.set(row["open"] + row["awaiting"])
        PEERING_BACKLOG_SECONDS.set(float(row["oldest_seconds"] or 0))
        if row["last_acknowledged_at"] is not None:
            PEERING_ACKNOWLEDGED.set(row["last_acknowledged_at"].timestamp())
        PEERING_REJECTED.set(row["refused"] + row["failed"])
        PEERING_RAISED.set(row["raised"])
        PEERING_CIRCUIT.set(1 if self._breaker.open or row["stopped"] else 0)
        publish("biaojie_peering_")
