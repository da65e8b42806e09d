"""What an enterprise or a key may do at most, and the arithmetic of requests per second. Pure.

Requests are paced by the generic cell rate algorithm (ITU-T I.371): one number for each subject, the time at which all its
requests are paid off. Times are whole microseconds, intervals rounded up: what is promised is never exceeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SECOND = 1_000_000
MAX_RATE = 100_000
MAX_BURST = 1_000_000
MAX_REGISTRATIONS = 10**12


class Kind(StrEnum):
    ENTERPRISE = "enterprise"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a quota is for: `number` is `enterprise.id` or `api_key.id`."""

    kind: Kind
    number: int


@dataclass(frozen=True, slots=True)
class Limits:
    """None is unlimited. `burst` requests may come at once; None: those of one second."""

    requests_per_second: int | None = None
    burst: int | None = None
    registrations_per_day: int | None = None
    registrations_total: int | None = None


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` requests at once, `per_second` in the long run."""

    subject: Subject
    per_second: int
    burst: int

    @property
    def interval(self) -> int:
        """Microseconds that one request takes to be paid off."""
        return -(-SECOND // self.per_second)

    @property
    def most_owed(self) -> int:
        return self.burst * self.interval


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many a subject may register: at least one of the two is not None."""

    subject: Subject
    per_day: int | None
    total: int | None


def rate_of(subject: Subject, limits: Limits) -> Rate | None:
    if limits.requests_per_second is None:
        return None
    return Rate(subject, limits.requests_per_second, limits.burst or limits.requests_per_second)


def allowance_of(subject: Subject, limits: Limits) -> Allowance | None:
    if limits.registrations_per_day is None and limits.registrations_total is None:
        return None
    return Allowance(subject, limits.registrations_per_day, limits.registrations_total)


def spend(paid_at: int, now: int, rate: Rate) -> tuple[bool, int]:
    """Whether one more request is let through, and when all are paid off then. A refused one costs nothing.

    A time further off than a burst can be (the clock went back, the limit was raised) counts as a full burst.
    """
    owed = min(max(paid_at - now, 0), rate.most_owed)
    if owed > rate.most_owed - rate.interval:
        return False, now + owed
    return True, now + owed + rate.interval


def remaining(owed: int, rate: Rate) -> int:
    """How many more could come at once, when so much is owed after a request (microseconds)."""
    return max(rate.most_owed - owed, 0) // rate.interval


def retry_after(owed: int, rate: Rate) -> int:
    """Seconds until one more is let through, rounded up; 0 where it would be now."""
    wait = owed - (rate.most_owed - rate.interval)
    return max(-(-wait // SECOND), 0)


def policy(rate: Rate) -> str:
    """The limit as a `RateLimit-Policy` item (draft-ietf-httpapi-ratelimit-headers-06, section 3.2)."""
    window = -(-rate.most_owed // SECOND)
    return f'{rate.burst};w={window};rate={rate.per_second};subject="{rate.subject.kind}"'


def rate_fields(rates: tuple[Rate, ...], owed: tuple[int, ...] | None) -> dict[str, str]:
    """Header fields for an answer: of the limit that leaves least, all policies. `owed` None: the limits could not be
    enforced, and the policy says so."""
    if owed is None:
        return {"RateLimit-Policy": ", ".join(f"{policy(rate)};enforced=?0" for rate in rates)}
    left, _, reset, rate = min(
        (remaining(debt, rate), position, -(-debt // SECOND), rate)
        for position, (debt, rate) in enumerate(zip(owed, rates, strict=True))
    )
    return {
        "RateLimit-Limit": str(rate.burst),
        "RateLimit-Remaining": str(left),
        "RateLimit-Reset": str(reset),
        "RateLimit-Policy": ", ".join(map(policy, rates)),
    }
