"""What changes of the standby data flows to the top level, as it is committed: prefixes and identifiers, in numbered documents.

The position is a PostgreSQL snapshot, as in `core.feed`: the next reading brings exactly what that did not see, so a reading
holds nothing that was committed after anything of a later one. What is read becomes documents in the transaction that moves
the position, and nothing is read while one of them is not acknowledged; so the same bytes go out until they are, and an outage
costs no room. They are kept until a whole set holds them, and can be sent again from any of their numbers on.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sync.operations.canonical import canonical
from sync.operations.outcomes import Rewind, There
from sync.operations.shapes import MEDIA_TYPE
from sync.takeover.lines import identifier_line, prefix_line
from sync.takeover.standby import SQL, Put
from sync.takeover.telling import (
    MOST_BYTES,
    MOST_LINES,
    NoBase,
    Outcome,
    Place,
    changes_document,
    judge,
)

log = logging.getLogger(__name__)
_DOCUMENTS_AT_ONCE = 20
_MOST_TURNS = 3  # back to what is missing there, in one round
_READ_SECONDS = 600.0


class TooMany(Exception):
    """So much has changed that a whole set is less."""


class Flow:
    """`share`: of a whole set's lines, how many may be told as changes before a new one is made, in percent."""

    def __init__(
        self, pool: Any, sln: str, put: Put, share: int, clock: Callable[[], datetime] | None = None, least: int = 50_000
    ) -> None:  # fmt: skip
        self._pool, self._sln, self._put, self._share, self._least = pool, sln, put, share, least
        self._clock = clock or (lambda: datetime.now(UTC))

    async def base_needed(self) -> str | None:
        """Why a whole set is needed, None where none is."""
        position, base = await self._pool.fetchrow(SQL["position"]), await self._pool.fetchrow(SQL["last_snapshot"])
        if base is None:
            return "the top level has none"
        if position["seen"] is None:
            return position["last_error"] or "changes were not followed"
        kept = await self._pool.fetchrow(SQL["changes_kept"])
        return "much has changed" if kept["lines"] > self._most(base) else None

    async def round(self) -> Outcome | None:
        """What waits, then what has changed meanwhile; the outcome that ended it, None where the top level lacks nothing. Raises as
        asyncpg and `put` do."""
        await self._pool.execute(SQL["ask_again"])
        for _ in range(_MOST_TURNS):
            outcome = await self._deliver() or await self._made_and_delivered()
            if not isinstance(outcome, Rewind):
                break
        if isinstance(outcome, NoBase):
            await self.lose(outcome.why, outcome.renamed)
        elif outcome is not None:
            await self._pool.execute(SQL["position_failed"], str(getattr(outcome, "why", outcome))[:500])
        return outcome

    async def _made_and_delivered(self) -> Outcome | None:
        now = self._clock()
        try:
            if not await self._make(now):
                return None
        except TooMany:
            return NoBase("more has changed than a whole set is worth", False)
        outcome = await self._deliver()
        if outcome is None:
            await self._pool.execute(SQL["position_whole"], now)
        return outcome

    async def lose(self, why: str, renamed: bool) -> None:
        """A whole set is needed before anything more is told."""
        log.warning("standby data: %s; a whole set is sent", why)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["lose_position"], why[:500], renamed)
            await connection.execute(SQL["forget_changes"], 2**62)

    async def _make(self, watermark: datetime) -> bool:
        """Documents of what has become visible since the position, and the position after them, in one transaction; False where there
        is no position. Raises `TooMany`."""
        async with self._pool.acquire() as connection:
            since = await connection.fetchval(SQL["oldest_moment"])
            async with connection.transaction(isolation="repeatable_read"):
                await connection.execute(SQL["lock_position"])
                held = await connection.fetchrow(SQL["position"])
                base = await connection.fetchrow(SQL["last_snapshot"])
                if held["seen"] is None or base is None:
                    return False
                moment = await connection.fetchrow(SQL["standby_moment"])
                place = Place(str(held["stream"]), base["snapshot_id"], base["after"])
                writing = _Writing(connection, self._sln, place, held["number"], watermark)
                await self._read(connection, held, self._most(base), writing)
                if held["told_base"] != place.base and writing.number == held["number"]:
                    await writing.write()  # nothing changed, but the top level is to know what it stands on from now on
                await connection.execute(SQL["move_position"], writing.number, place.base, moment["seen"], since)
                return True

    async def _read(self, connection: Any, held: Any, most: int, writing: _Writing) -> None:
        prefixes = await connection.fetch(SQL["changed_prefixes"], held["seen"], most + 1, timeout=_READ_SECONDS)
        if len(prefixes) > most:
            raise TooMany
        for row in prefixes:
            await writing.add(prefix_line(row))
        xid = await connection.fetchval(SQL["next_transaction"])
        cursor = await connection.cursor(
            SQL["changed_identifiers"], held["seen"], held["since"], xid, most + 1, timeout=_READ_SECONDS
        )
        while rows := await cursor.fetch(MOST_LINES, timeout=_READ_SECONDS):
            if rows[0]["found"] > most:
                raise TooMany
            for row in rows:
                await writing.add(identifier_line(row))
        await writing.rest()

    def _most(self, base: Any) -> int:
        return max(int(base["records"]) * self._share // 100, self._least)

    async def _deliver(self) -> Outcome | None:
        stream = str(await self._pool.fetchval(SQL["stream"]))
        while rows := await self._pool.fetch(SQL["unsent_changes"], _DOCUMENTS_AT_ONCE):
            for row in rows:
                path = f"{self._sln}/changes/{row['number']}"
                outcome = judge(stream, row["number"], *await self._put(path, bytes(row["content"]), MEDIA_TYPE))
                if isinstance(outcome, Rewind):
                    return await self._turned(outcome)
                if not isinstance(outcome, There):
                    return outcome
                await self._pool.execute(SQL["change_acknowledged"], row["number"])
        return None

    async def _turned(self, outcome: Rewind) -> Outcome:
        first = (await self._pool.fetchrow(SQL["changes_kept"]))["first"]
        if first is None:  # a whole set that was completed meanwhile holds them
            return outcome
        if outcome.expect < first:
            return NoBase(f"the top level waits for changes {outcome.expect}, which are not kept", True)
        log.warning("the top level lacks changes from %d on; they are sent again", outcome.expect)
        await rewind(self._pool, outcome.expect)
        return outcome


class _Writing:
    """Lines become documents that keep their bounds."""

    def __init__(self, connection: Any, sln: str, place: Place, number: int, watermark: datetime) -> None:
        self._connection, self._sln, self._place, self._watermark = connection, sln, place, watermark
        self._lines: list[bytes] = []
        self._size = 0
        self.number = number

    async def add(self, line: bytes) -> None:
        if len(self._lines) >= MOST_LINES or self._size + len(line) > MOST_BYTES:
            await self.write()
        self._lines.append(line)
        self._size += len(line)

    async def rest(self) -> None:
        if self._lines:
            await self.write()

    async def write(self) -> None:
        self.number += 1
        document = changes_document(
            self._sln, secrets.token_hex(16), self._watermark, self._place, self.number, self._lines
        )
        content = await asyncio.to_thread(canonical, document)
        await self._connection.execute(SQL["write_change"], self.number, self._watermark, len(self._lines), content)
        self._lines, self._size = [], 0


async def rewind(connection: Any, number: int) -> int:
    """Send everything from this number on again; how many had been acknowledged."""
    return int((await connection.execute(SQL["rewind_changes"], number)).split()[-1])
