"""A circuit breaker, and how long to wait: after failures in a row nothing is sent for a while, then one is tried. Pure.

| state     | a success | a failure                                        | time passes |
|-----------|-----------|--------------------------------------------------|-------------|
| closed    | closed    | open when it is the `FAILURES`th in a row        |             |
| open      |           |                                                  | half-open   |
| half-open | closed    | open, twice as long, at most `LONGEST_SECONDS`   |             |
"""

from __future__ import annotations

FAILURES = 5
FIRST_SECONDS, LONGEST_SECONDS = 2.0, 60.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 300.0


class Breaker:
    """`now` is any clock that only goes on, in seconds; `chance` a random number from 0 to 1."""

    def __init__(self) -> None:
        self._failures = 0
        self._pause = FIRST_SECONDS
        self._open_until: float | None = None

    def allows(self, now: float) -> bool:
        """Whether one may be sent now."""
        return self._open_until is None or now >= self._open_until

    @property
    def open(self) -> bool:
        """Open or half-open: the last that was tried failed."""
        return self._open_until is not None

    def succeeded(self) -> None:
        self._failures, self._pause, self._open_until = 0, FIRST_SECONDS, None

    def failed(self, now: float, chance: float, at_least_seconds: float = 0.0) -> None:
        """`at_least_seconds`: what the other side asked for."""
        self._failures += 1
        if self._failures >= FAILURES or at_least_seconds:
            self._open_until = now + max(jittered(self._pause, chance), at_least_seconds)
            self._pause = min(self._pause * 2, LONGEST_SECONDS)


def jittered(seconds: float, chance: float) -> float:
    """±20 %, so that many do not come at once."""
    return seconds * (0.8 + 0.4 * chance)


def pause_after(attempts: int, chance: float) -> float:
    """How long after the `attempts`th attempt of a command the next one is."""
    return jittered(min(_FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 20), _LONGEST_PAUSE_SECONDS), chance)
