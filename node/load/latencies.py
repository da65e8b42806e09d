"""How often each latency was met, to three significant digits. Pure, and cheap enough to stand beside a hundred thousand a second."""

from __future__ import annotations

from collections import Counter

MOST_MICROSECONDS = 60_000_000


class Latencies:
    """`counts`: times by microseconds, rounded down to three digits."""

    __slots__ = ("counts",)

    def __init__(self, counts: dict[int, int] | None = None) -> None:
        self.counts: Counter[int] = Counter(counts or {})

    def record(self, microseconds: int, times: int = 1) -> None:
        step = 1
        while microseconds >= 1_000 * step:
            step *= 10
        self.counts[min(max(microseconds - microseconds % step, 1), MOST_MICROSECONDS)] += times

    def add(self, other: Latencies) -> None:
        self.counts.update(other.counts)

    @property
    def total(self) -> int:
        return self.counts.total()

    def milliseconds(self, percentile: float) -> float:
        """The least latency that this share (0 to 100) of all did not exceed; 0.0 where none was met."""
        wanted, seen = self.total * percentile / 100, 0
        for microseconds in sorted(self.counts):
            seen += self.counts[microseconds]
            if seen >= wanted:
                return microseconds / 1_000
        return 0.0
