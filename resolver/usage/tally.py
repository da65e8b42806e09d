"""Counting resolutions in a worker. Pure: no I/O, no clock.

A *resolution* is one answered look-up of one identifier, found or definitively not found. What this node asks itself, and
traffic that the operator marked (by key or address), is counted apart. Undercounting by a killed worker's last second is
allowed and reported; overcounting never: a batch that was handed out keeps its number until it is known to be applied, and
the store applies each number once.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from dataclasses import dataclass
from enum import StrEnum

SECONDS_PER_MINUTE = 60
_MOST_LINES = 200_000  # held while PostgreSQL is away: beyond that minutes are given up for hours, never a count


class Door(StrEnum):
    HANDLE_JSON = "handle-json"
    NEGOTIATED = "negotiated"
    BATCH = "batch"
    GS1 = "gs1"
    HANDLE_TCP = "handle-tcp"
    HANDLE_UDP = "handle-udp"
    HANDLE_HTTP = "handle-http"


class Outcome(StrEnum):
    FOUND = "found"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"
    REFERRED = "referred"  # another node answers it: counted apart, no part of a total


# What is counted together: unix minute, canonical prefix, door, outcome, and whether it is a probe.
Line = tuple[int, str, str, str, bool]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a worker hands to the store. `sequence` counts up by one; the same number is always the same lines."""

    sequence: int
    lines: dict[Line, int]

    @property
    def resolutions(self) -> int:
        return sum(self.lines.values())


class Tally:
    """One for each worker. `add` is one dictionary update."""

    def __init__(self) -> None:
        self._open: dict[Line, int] = {}
        self._sealed: Batch | None = None
        self._sequence = 0
        self.minute = 0  # unix minute, set by the tick
        self.answered: MutableSequence[int] | memoryview = [0]  # all of this run; see resolver/usage/noted.py

    def add(self, prefix: str, door: str, outcome: str, probe: bool = False, count: int = 1) -> None:
        self.add_noted(prefix, door, outcome, probe, count)
        self.note(count)

    def note(self, count: int) -> None:
        """So many are answered now; `add_noted` says what they were, in the same turn of the loop."""
        self.answered[0] += count

    def add_noted(self, prefix: str, door: str, outcome: str, probe: bool, count: int) -> None:
        line = (self.minute, prefix, door, outcome, probe)
        self._open[line] = self._open.get(line, 0) + count

    @property
    def waiting(self) -> int:
        """Resolutions not yet known to be applied."""
        return sum(self._open.values()) + (self._sealed.resolutions if self._sealed else 0)

    def seal(self) -> Batch | None:
        """The batch to apply next: the same one until `applied` says so, None when there is nothing."""
        if self._sealed is None and self._open:
            self._sequence += 1
            self._sealed, self._open = Batch(self._sequence, self._open), {}
        elif len(self._open) > _MOST_LINES:
            self._open = _by_hour(self._open)
        return self._sealed

    def applied(self, sequence: int) -> None:
        if self._sealed is not None and self._sealed.sequence == sequence:
            self._sealed = None


def _by_hour(lines: dict[Line, int]) -> dict[Line, int]:
    """The same counts, minutes moved to the beginning of their hour."""
    merged: dict[Line, int] = {}
    for (minute, *rest), count in lines.items():
        line = (minute - minute % 60, *rest)
        merged[line] = merged.get(line, 0) + count  # type: ignore[index,arg-type]  # a Line again
    return merged
