"""Escrow watched: its metrics, and the alarms of a day whose deposit is not accepted in time (§8.1)."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from core.telemetry import ESCROW_AGE_SECONDS, ESCROW_ALARM, ESCROW_BYTES, ESCROW_SECONDS, ESCROW_STOPPED, publish
from sync.escrow.calendar import alarm, is_fresh
from sync.escrow.making import SQL
from sync.escrow.names import deadline_of, deposit_day, watermark_of

log = logging.getLogger(__name__)
_EVERY = timedelta(seconds=10)
_SEVERITY = (logging.NOTSET, logging.WARNING, logging.ERROR)


class Watch:
    """Looks every few seconds. Each alarm of a day is said once by each process; while the deposit is fresh it is news, no
    warning."""

    def __init__(self) -> None:
        self._looked: datetime | None = None
        self._said: tuple[date, int] | None = None

    async def look(self, connection: Any, now: datetime) -> None:
        """Raises as asyncpg does."""
        if self._looked is not None and abs(now - self._looked) < _EVERY:
            return
        self._looked = now
        row = await connection.fetchrow(SQL["standing"])
        accepted = row["accepted_day"]
        level = alarm(now, accepted)
        ESCROW_ALARM.set(level)
        ESCROW_STOPPED.set(1 if row["stopped"] else 0)
        ESCROW_BYTES.set(row["bytes"] or 0)
        if accepted is not None:
            ESCROW_AGE_SECONDS.set((now - watermark_of(accepted)).total_seconds())
        news = level > 0 and is_fresh(now, row["under_way_since"])
        self._tell(deposit_day(now), logging.INFO if news else _SEVERITY[level])
        publish("biaojie_peering_")

    def _tell(self, day: date, severity: int) -> None:
        if not severity or (self._said is not None and self._said >= (day, severity)):
            return
        self._said = (day, severity)
        log.log(
            severity,
            "the deposit of %s is not accepted yet, its deadline is %s UTC: see `biaojie sync status` "
            "%s 的数据托管尚未通过核验，截止时间 UTC %s",
            day, f"{deadline_of(day):%H:%M}", day, f"{deadline_of(day):%H:%M}",
        )  # fmt: skip


@contextmanager
def timed(step: str) -> Iterator[None]:
    """What ends without an error is what is told."""
    began = time.monotonic()
    yield
    ESCROW_SECONDS.labels(step).set(time.monotonic() - began)
