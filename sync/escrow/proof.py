"""What a deposit says of the state that it leaves behind, so that a restoration can prove that it has come to the same. Pure.

Of identifiers: sums of digests by range, which PostgreSQL computes. Of every other kind of object: how many there are, and the
sum of their digests, each of the JSON that is deposited, whatever the order of its members.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson


@dataclass(frozen=True, slots=True)
class Range:
    """Rows whose key is `first` or later, up to the next range: how many, and the sum of their digests."""

    first: str
    rows: int
    total: int


class KindTotal(NamedTuple):
    """Of one kind of object (a small table): how many, and the sum of their digests."""

    object: str
    rows: int
    total: int


@dataclass(frozen=True, slots=True)
class Proof:
    """`kinds` is empty in deposits of versions that did not say it."""

    ranges: tuple[Range, ...]
    kinds: tuple[KindTotal, ...] = ()


class Tally:
    """Adds up objects as they come."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, int]] = {}

    def add(self, object_: str, key: str, content: str) -> None:
        """`content` is JSON. Raises ValueError."""
        rows, total = self._found.get(object_, (0, 0))
        self._found[object_] = rows + 1, total + _digest(object_, key, content)

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self._found.values())

    def totals(self, kinds: Iterable[str]) -> tuple[KindTotal, ...]:
        """In this order, those that there are none of too."""
        return tuple(KindTotal(kind, *self._found.get(kind, (0, 0))) for kind in kinds)


def _digest(object_: str, key: str, content: str) -> int:
    """64 bits, signed."""
    canonical = orjson.dumps(orjson.loads(content), option=orjson.OPT_SORT_KEYS)
    said = b"\0".join((object_.encode(), key.encode(), canonical))
    return int.from_bytes(hashlib.md5(said, usedforsecurity=False).digest()[:8], "big", signed=True)


def agrees(deposited: str, found: str) -> bool:
    """Whether a row says what was deposited of it; columns that a later version has added do not count."""
    was, now = orjson.loads(deposited), orjson.loads(found)
    return all(name in now and now[name] == value for name, value in was.items())


@dataclass(frozen=True, slots=True)
class Compared:
    """One kind of object after a restoration. `wrong`: what differs, for people; empty: nothing."""

    object: str
    deposited: int
    restored: int
    wrong: str = ""


def compare_held(
    kinds: Iterable[str], said: tuple[KindTotal, ...], held: Mapping[tuple[str, str], str], found: Mapping[tuple[str, str], str]
) -> list[Compared]:  # fmt: skip
    """What the last deposit says, what all of them came to (`held`), and what the tables hold (`found`): all the same."""
    merged, result = Tally(), []
    for (object_, key), content in held.items():
        merged.add(object_, key, content)
    wanted: dict[str, Any] = {one.object: one for one in said}
    for own in merged.totals(kinds):
        want = wanted.get(own.object)
        there = sum(1 for object_, _ in found if object_ == own.object)
        unlike = [
            key for (object_, key), content in held.items()
            if object_ == own.object and not ((object_, key) in found and agrees(content, found[object_, key]))
        ]  # fmt: skip
        wrong = ""
        if want is not None and want != own:
            wrong = f"the deposits come to {own.rows} 托管数据合计 {own.rows}, digest 摘要 {own.total} ≠ {want.total}"
        elif unlike or there != own.rows:
            wrong = f"not as deposited 与托管不符: {', '.join(unlike[:5]) or there}"
        result.append(Compared(own.object, want.rows if want is not None else own.rows, there, wrong))
    return result
