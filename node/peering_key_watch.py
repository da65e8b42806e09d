"""When the keys of peering end: told in `biaojie sync status`, in the log and as metrics, in time for another one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from core.database import STORE_FAILURES
from core.settings import Settings
from core.telemetry import PEERING_KEY_ALARM, PEERING_KEY_SECONDS, publish
from core.timestamps import rfc3339
from node.peering_key_kinds import KINDS, Kind
from node.peering_key_slots import write_notes
from sync.escrow.pgp import OpenPgpFailed
from sync.signing.keys import KeyUnusable

log = logging.getLogger(__name__)
_LOOK_SECONDS = 60.0
_DAY_SECONDS = 86_400
_SOON_DAYS, _VERY_SOON_DAYS = 30, 7


@dataclass(frozen=True, slots=True)
class End:
    """Of the key in use; `wrong`: why it cannot be read, `ends_at` None then or where it does not end."""

    kind: str
    ends_at: datetime | None = None
    wrong: str = ""

    def level(self, now: datetime) -> int:
        """0 is well, 1 from 30 days before, 2 from 7 days before and for what cannot be read."""
        if self.wrong:
            return 2
        if self.ends_at is None:
            return 0
        days = (self.ends_at - now).total_seconds() / _DAY_SECONDS
        return 2 if days <= _VERY_SOON_DAYS else 1 if days <= _SOON_DAYS else 0


def ends_of(settings: Settings) -> list[End]:
    """Of each kind that is there."""
    return [end for kind in KINDS.values() if (end := _end_of(kind(settings))) is not None]


def _end_of(kind: Kind) -> End | None:
    try:
        held = kind.in_use()
        return End(kind.name, kind.ends_at(held)) if held else None
    except (KeyUnusable, OpenPgpFailed, ValueError, OSError) as wrong:
        return End(kind.name, None, str(wrong)[:200])


def key_lines(ends: list[End], now: datetime) -> list[str]:
    """For `biaojie sync status`: what somebody has to see to."""
    return [
        f"ALARM 告警: {end.kind} {f'ends 到期 {rfc3339(end.ends_at)}' if end.ends_at else f'cannot be read 无法读取: {end.wrong}'}"
        f"   (biaojie sync keys show {end.kind})"
        for end in ends
        if end.level(now)
    ]


class KeyWatch:
    """A part of the process that exchanges. Each alarm is said once a day; notes of changes become entries of the audit."""

    def __init__(self, settings: Settings, pool: Any, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings, self._pool, self._now = settings, pool, now
        self._told: dict[str, tuple[date, int]] = {}

    async def run(self) -> None:
        """For ever; a lost database is waited for."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        now = self._now()
        for end in ends_of(self._settings):
            level = end.level(now)
            PEERING_KEY_ALARM.labels(end.kind).set(level)
            if end.ends_at is not None:
                PEERING_KEY_SECONDS.labels(end.kind).set((end.ends_at - now).total_seconds())
            if level and self._told.get(end.kind) != (now.date(), level):
                self._told[end.kind] = (now.date(), level)
                log.log(logging.ERROR if level > 1 else logging.WARNING, "%s", key_lines([end], now)[0])
        publish("biaojie_peering_")
        try:
            async with self._pool.acquire() as connection:
                await write_notes(connection, self._settings.data_dir.resolve())
        except STORE_FAILURES as lost:  # and OSError of the files
            log.warning("changes of keys are not in the audit yet: %s", lost or type(lost).__name__)
