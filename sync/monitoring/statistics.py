"""Hours that are over become documents, once; documents go out in their order until each is acknowledged.

Sealing is one transaction: numbers, chain and content of a document are decided there and never again, so whatever is lost on
the way, what is sent later is the same. Hours that were sealed lately are looked at again, and one that grew gets a correction.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.sqlfiles import load_sql
from sync.monitoring.documents import Halt, Outcome, hourly_document, judge
from sync.monitoring.figures import HOUR, by_hour, carried_on, hours, rows_of, whole_hour
from sync.operations.canonical import NO_DIGEST, canonical, digest
from sync.operations.outcomes import Rewind, There

log = logging.getLogger(__name__)
SQL = load_sql("sync", "monitoring.sql")
_HOURS_AT_ONCE = 48
_DOCUMENTS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Sealing:
    """`after`: how long after its end an hour is sealed. `again`: how long it is looked at for what came late."""

    after: timedelta = timedelta(minutes=10)
    again: timedelta = timedelta(hours=24)


class Sealer:
    """`clock` is replaced in tests."""

    def __init__(
        self, pool: Any, node_prefix: str, sealing: Sealing, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._pool, self._sln, self._sealing = pool, node_prefix, sealing
        self._clock = clock or (lambda: datetime.now(UTC))
        self._due: datetime | None = None

    async def seal(self) -> int:
        """What is due; how many documents were made. Raises as asyncpg does."""
        now = self._clock()
        if self._due is not None and now < self._due:
            return 0
        until, made = whole_hour(now - self._sealing.after), 0
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                state = await connection.fetchrow(SQL["lock_state"])
                if state["restored_at"] is not None and state["adopted_seq"] is None:
                    return made  # a heartbeat's answer tells which number comes next
                more, reached = await self._seal_some(connection, state, until)
            made += more
            if reached >= until:
                self._due = until + HOUR + self._sealing.after
                return made

    async def _seal_some(self, connection: Any, state: Any, until: datetime) -> tuple[int, datetime]:
        """(documents made, up to which hour)."""
        settled = state["settled_until"]
        if settled is None:
            settled = until - HOUR
            await connection.execute(SQL["begin"], settled)
            await connection.execute(SQL["settle"], settled)
        reached = min(until, settled + self._sealing.again + _HOURS_AT_ONCE * HOUR)
        counted = by_hour(await connection.fetch(SQL["hourly_figures"], settled, reached))
        live = {row["prefix"]: row["live"] for row in await connection.fetch(SQL["live"])}
        known = {row["hour"]: row for row in await connection.fetch(SQL["latest_of_hours"], settled)}
        last = await connection.fetchrow(SQL["last_document"])
        seq, previous = (last["seq"], last["rows_digest"]) if last is not None else _begins_after(state)
        settle_until = max(settled, reached - self._sealing.again)
        made = 0
        for hour in hours(settled, reached):
            figures = counted.get(hour, {})
            carried_on(live, figures)
            rows = rows_of(figures, live, self._sln)
            held = known.get(hour)
            if held is None or held["rows_digest"] != digest(rows):
                seq, made = seq + 1, made + 1
                corrects = None if held is None else held["seq"]
                document = hourly_document(
                    self._sln, secrets.token_hex(16), self._clock(), seq, hour, rows, previous, corrects
                )
                previous = document["rowsDigest"]
                await connection.execute(SQL["write_document"], seq, hour, corrects, previous, canonical(document))
            if hour + HOUR == settle_until:
                await connection.execute(SQL["put_live"], list(live), list(live.values()))
        await connection.execute(SQL["settle"], settle_until)
        return made, reached


def _begins_after(state: Any) -> tuple[int, str]:
    """Number and digest before the first document of this node: after a restoration those of the node that was lost."""
    return (state["adopted_seq"], state["adopted_digest"]) if state["adopted_seq"] else (0, NO_DIGEST)


async def adopt(connection: Any, expect: int, digest_before: str | None) -> bool:
    """After a restoration: number on from what the top level has; whether it was so. What the lost node counted and never told is
    lost with it, and no hour that it told is told again."""
    if expect > 1 and digest_before is None:
        log.error("the top level waits for statistics %d and does not tell the digest of the one before", expect)
        return False
    await connection.execute(SQL["adopt"], expect - 1, digest_before or NO_DIGEST)
    log.warning("restored from deposits: statistics go on with %d, from the hour of the restoration on", expect)
    return True


class Delivery:
    """Sends what is sealed. `post(content)` gives HTTP status and body, and raises as `SignedHttp.send` does."""

    def __init__(self, pool: Any, post: Callable[[bytes], Any]) -> None:
        self._pool, self._post = pool, post

    async def round(self) -> Outcome | None:
        """Everything that waits, in order; gives the outcome that ended the round, None when all is there. Raises as asyncpg
        and as `SignedHttp.send` do."""
        while rows := await self._pool.fetch(SQL["unsent"], _DOCUMENTS_AT_ONCE):
            for row in rows:
                outcome = judge(row["seq"], *await self._post(bytes(row["content"])))
                if not isinstance(outcome, There):
                    await self._turn(outcome)
                    return outcome
                await self._pool.execute(SQL["acknowledged"], row["seq"])
        await self._pool.execute(SQL["succeeded"])
        return None

    async def _turn(self, outcome: Outcome) -> None:
        if isinstance(outcome, Rewind):
            log.warning("the top level lacks statistics from %d on; they are sent again", outcome.expect)
            await self._pool.execute(SQL["rewind"], outcome.expect)
        elif isinstance(outcome, Halt):
            log.error("statistics stop until `biaojie sync send`: %s", outcome.why)
            await self._pool.execute(SQL["stop"], outcome.why)


async def rewind(connection: Any, seq: int) -> int:
    """Send everything from this number on again; how many had been acknowledged."""
    return int((await connection.execute(SQL["rewind"], seq)).split()[-1])


async def go_on(connection: Any) -> None:
    """What had stopped the statistics is forgotten, and what waits is sent now."""
    await connection.execute(SQL["go_on"])
