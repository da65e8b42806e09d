"""What is to be done about deposits, and when. Pure: the clock is passed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sync.access.breaker import jittered
from sync.escrow.names import DIFF, FULL, deadline_of, deposit_day, is_sunday, watermark_of

MOST_REVISIONS = 5  # of a day: what is refused that often is refused for a reason that time does not cure
FILES_LOST = 0  # the code of a deposit that was given up on our side
_ALARMS = (timedelta(hours=12), timedelta(hours=20))
_FRESH, _LAST_HOUR = timedelta(hours=2), timedelta(hours=1)
_HALF_OF_ALL = 2**31  # transaction numbers have 32 bits in a row


@dataclass(frozen=True, slots=True)
class Base:
    """The accepted deposit that a differential may stand on."""

    id: str
    day: date
    cluster: str
    cut_xid: int
    told: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A deposit to be made. `base` of a differential only."""

    day: date
    kind: str
    revision: int
    base: Base | None


def plan(day: date, newest: Any, base: Base | None) -> Plan | None:
    """The deposit that this day still lacks; None: it has one that is under way or accepted. `newest` is the newest deposit's
    row or None."""
    revision, full = 0, is_sunday(day)
    if newest is not None and newest["day"] >= day:
        if newest["state"] != "refused" or newest["revision"] + 1 >= MOST_REVISIONS:
            return None
        revision = newest["revision"] + 1
        full = full or newest["code"] != FILES_LOST  # the other side found fault: it starts afresh
    # A day that was missed, or whose verdict is still out, is made good by a full deposit.
    if full or base is None or base.day != day - timedelta(days=1):
        return Plan(day, FULL, revision, None)
    return Plan(day, DIFF, revision, base)


def stands(base: Base, cluster: str, next_xid: int) -> bool:
    """Whether transaction numbers still say what has changed since: not in another cluster, nor after two billion of them."""
    return base.cluster == cluster and 0 <= next_xid - base.cut_xid < _HALF_OF_ALL


def alarm(now: datetime, accepted: date | None) -> int:
    """0 while nothing is amiss; 1 from 12:00 and 2 from 20:00 UTC of a day whose deposit is not accepted, so that somebody has
    half a day, then four hours, to the deadline. `accepted`: the day of the last one that was."""
    if accepted is not None and accepted >= deposit_day(now):
        return 0
    passed = now - watermark_of(deposit_day(now))
    return sum(passed >= after for after in _ALARMS)


def is_fresh(now: datetime, made_at: datetime | None) -> bool:
    """Whether a deposit under way since `made_at` needs nobody yet: it is not two hours old, and the deadline is more than one
    away. None: there is none."""
    return made_at is not None and now - made_at < _FRESH and deadline_of(deposit_day(now)) - now > _LAST_HOUR


def backoff_seconds(failures: int, chance: float) -> float:
    """A minute, doubling to an hour, ±20 % by a `chance` from 0 to 1."""
    return jittered(min(60.0 * 2 ** min(failures, 6), 3_600.0), chance)


def send_from(watermark: datetime, minutes: float, jitter: float) -> datetime:
    """`jitter` from 0 to 1."""
    return watermark + timedelta(minutes=minutes * (1 + jitter / 5))
