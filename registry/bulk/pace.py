"""How a job makes way for others: by what it reads of their registrations, never by a guess about the machine.

Between chunks it asks how many registrations everybody else has committed since; while they are busy it works on one
connection, sends its rows in a trickle, and rests between chunks.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from registry.bulk.jobs import SQL

BUSY_PER_SECOND = 20.0  # single registrations of others that somebody is waiting for
_REST_FACTOR = 0.5
_LONGEST_REST_SECONDS = 1.0
_ASK_SECONDS = 0.2
_PAUSE_SECONDS = 0.004


class Pace:
    """One for each runner."""

    def __init__(self) -> None:
        self._count: int | None = None
        self._asked_at = 0.0
        self.others_per_second = 0.0

    @property
    def busy(self) -> bool:
        return self.others_per_second > BUSY_PER_SECOND

    @property
    def pause_seconds(self) -> float:
        """Rest after each piece of a chunk that is sent: PostgreSQL gets its rows in a trickle, not in one flood."""
        return _PAUSE_SECONDS if self.busy else 0.0

    async def look(self, connection: Any) -> None:
        """Ask again, if the last answer is not of just now."""
        now = time.monotonic()
        if now - self._asked_at < _ASK_SECONDS:
            return
        count = await connection.fetchval(SQL["registrations_elsewhere"])
        if self._count is not None and now - self._asked_at < 10:
            # A new hour begins at zero: that reading says nothing.
            self.others_per_second = max(0, count - self._count) / (now - self._asked_at)
        self._count, self._asked_at = count, now

    async def rest(self, worked_seconds: float) -> None:
        if self.busy:
            await asyncio.sleep(min(_LONGEST_REST_SECONDS, worked_seconds * _REST_FACTOR))
