"""How often somebody may try to log in: failed attempts by name and source, and by source alone; of IPv6 a source
is a /64. Pure.

The generic cell rate algorithm (ITU-T I.371): one number for each key, the time at which all its attempts are paid off.
An attempt is charged when it begins and given back when it succeeds, so that many at once are not all waved through.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from core.arrivals import network_of

KEYS_HELD = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` attempts at once; one more each `period_seconds`."""

    burst: int
    period_seconds: float


NAME = Allowance(20, 6.0)
SOURCE = Allowance(200, 1.0)


class Attempts:
    """At most `KEYS_HELD` names and sources, those longest unused forgotten first. `now` is a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._paid_at: OrderedDict[str, float] = OrderedDict()

    def take(self, name: str, source: str, now: float) -> float:
        """Charge one attempt; how many seconds to wait instead, when it is refused (and not charged): else 0."""
        keys = _keys(name, source)
        wait = max(self._wait(key, allowance, now) for key, allowance in keys)
        if wait <= 0:
            self._add(keys, now, 1)
        return max(wait, 0.0)

    def give_back(self, name: str, source: str, now: float) -> None:
        self._add(_keys(name, source), now, -1)

    def __len__(self) -> int:
        return len(self._paid_at)

    def _wait(self, key: str, allowance: Allowance, now: float) -> float:
        owed = max(self._paid_at.get(key, 0.0) - now, 0.0)
        return owed - (allowance.burst - 1) * allowance.period_seconds

    def _add(self, keys: Iterable[tuple[str, Allowance]], now: float, attempts: int) -> None:
        for key, allowance in keys:
            paid_at = max(self._paid_at.get(key, 0.0), now) + attempts * allowance.period_seconds
            self._paid_at[key] = paid_at
            self._paid_at.move_to_end(key)
        while len(self._paid_at) > KEYS_HELD:
            self._paid_at.popitem(last=False)


def _keys(name: str, source: str) -> tuple[tuple[str, Allowance], ...]:
    network = network_of(source)
    return (f"{network} {name}", NAME), (network, SOURCE)
