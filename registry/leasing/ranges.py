"""Sets of whole numbers as ranges: (first, last) pairs in order, apart from each other. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

Ranges = tuple[tuple[int, int], ...]


def ranges_of(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """All numbers of the pairs (first ≤ last), whichever order and however they touch."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(pairs):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def ranges_from(numbers: Iterable[int]) -> Ranges:
    return ranges_of((number, number) for number in numbers)


def unflat(stored: Sequence[int]) -> Ranges:
    """As PostgreSQL keeps them: first, last, first, last, …"""
    return tuple(zip(stored[::2], stored[1::2], strict=True))


def flat(ranges: Ranges) -> list[int]:
    return list(chain.from_iterable(ranges))


def size(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)


def numbers(ranges: Ranges) -> Iterator[int]:
    return chain.from_iterable(range(first, last + 1) for first, last in ranges)


def contains(ranges: Ranges, number: int) -> bool:
    at = bisect_right(ranges, number, key=lambda pair: pair[0]) - 1
    return at >= 0 and number <= ranges[at][1]


def without(ranges: Ranges, others: Ranges) -> Ranges:
    """The numbers of `ranges` that are not in `others`; the time it takes is linear in both."""
    left: list[tuple[int, int]] = []
    at = 0
    for first, last in ranges:
        while at < len(others) and others[at][1] < first:
            at += 1
        look = at
        while look < len(others) and others[look][0] <= last:
            if others[look][0] > first:
                left.append((first, others[look][0] - 1))
            first = others[look][1] + 1
            look += 1
        if first <= last:
            left.append((first, last))
    return tuple(left)


def take(ranges: Ranges, count: int) -> tuple[Ranges, Ranges]:
    """(the lowest `count` numbers or all there are, the rest)."""
    taken: list[tuple[int, int]] = []
    for at, (first, last) in enumerate(ranges):
        if count == 0:
            return tuple(taken), ranges[at:]
        end = min(last, first + count - 1)
        taken.append((first, end))
        count -= end - first + 1
        if end < last:
            return tuple(taken), ((end + 1, last), *ranges[at + 1 :])
    return tuple(taken), ()


def texts(ranges: Ranges) -> list[str]:
    """As answers write them: `17` or `1-500`."""
    return [str(first) if first == last else f"{first}-{last}" for first, last in ranges]


def is_in_order(ranges: Ranges) -> bool:
    return all(first <= last for first, last in ranges) and all(a[1] + 1 < b[0] for a, b in pairwise(ranges))
