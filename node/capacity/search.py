"""The highest rate that a door holds: p99 within the promise, every answer right, nothing late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from node.load.arrivals import Outcome, Place, Question, closed_model, open_model

P99_MILLISECONDS = 10.0
_SHARES = (0.8, 0.6, 0.4, 0.25, 0.12, 0.05)  # of the most that a closed loop gets, tried in this order
LONGEST_TURNS = 1.5 + len(_SHARES)  # of a search, each as long as it was told
_CONNECTIONS, _DEPTH = 32, 8
_LATE = 1.05
_PATIENCE_SECONDS = 2.0
_PROBED = 300  # questions that say how many make a probe of the wanted length


@dataclass(frozen=True, slots=True)
class Tried:
    """One rate, in identifiers a second. `share` is that of the closed loop's rate."""

    share: float
    rate: float
    seconds: float
    outcome: Outcome

    @property
    def held(self) -> bool:
        said = self.outcome
        on_time = said.seconds <= self.seconds * _LATE + P99_MILLISECONDS / 1_000
        return not said.errors and said.answered == said.asked and on_time and self.p99 <= P99_MILLISECONDS

    @property
    def p99(self) -> float:
        return self.outcome.milliseconds(99)

    def as_json(self) -> dict[str, Any]:
        return {
            "per_second": self.rate,
            "share_of_closed_loop": self.share,
            "held": self.held,
            "asked": self.outcome.asked,
            "answered": self.outcome.answered,
            "errors": dict(self.outcome.errors),
            "seconds": self.outcome.seconds,
            "p50_milliseconds": self.outcome.milliseconds(50),
            "p99_milliseconds": self.p99,
            "latencies_microseconds": sorted(self.outcome.latencies.counts.items()),
        }


@dataclass(frozen=True, slots=True)
class Found:
    """`most` is what a closed loop gets, whatever the latency; `tried` the paced runs. All in identifiers a second."""

    most: float
    tried: list[Tried]

    @property
    def held(self) -> float:
        """0.0 where no rate held."""
        return max((one.rate for one in self.tried if one.held), default=0.0)

    def as_json(self) -> dict[str, Any]:
        return {"closed_loop": self.most, "held": self.held, "tried": [one.as_json() for one in self.tried]}


async def closed_rate(place: Place, questions: Iterator[Question], seconds: float) -> Outcome:
    """As many as make up about so many seconds, every connection always waiting for answers."""
    shape: Any = {"connections": _CONNECTIONS, "depth": _DEPTH, "patience": _PATIENCE_SECONDS}
    probe = await closed_model(place, questions, _PROBED, **shape)
    return await closed_model(place, questions, max(int(probe.rate * seconds), _PROBED), **shape)


async def highest(place: Place, questions: Iterator[Question], seconds: float) -> Found:
    """Paced runs by a Poisson clock, downwards from what a closed loop gets once it is warm, until one holds."""
    await closed_rate(place, questions, seconds)
    loop = await closed_rate(place, questions, seconds / 2)
    each = loop.identifiers / max(loop.answered, 1)
    tried: list[Tried] = []
    for share in _SHARES:
        rate = max(loop.rate * share, 1.0)
        outcome = await open_model(place, questions, rate, seconds, _CONNECTIONS, patience=_PATIENCE_SECONDS)
        tried.append(Tried(share, rate * each, seconds, outcome))
        if tried[-1].held:
            break
    return Found(loop.rate * each, tried)
