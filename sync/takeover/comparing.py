"""Which identifiers and prefixes differ between what is held here and what the top level would answer from: exactly those.

As `sync.reconcile` does it with deposits: both sides add up the marks of the same ranges, and only ranges whose count or sum
differ are listed. What is not told yet is no difference.
"""

from __future__ import annotations

import asyncio
import secrets
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sync.escrow.making import choose_borders
from sync.escrow.writing import END
from sync.operations.canonical import canonical
from sync.operations.envelope import envelope
from sync.operations.shapes import Malformed, Marks, Sums, read
from sync.takeover.lines import prefix_line, prefix_mark
from sync.takeover.standby import SQL, Refused, pages

_RANGES = 1_024
_MOST_LISTED = 64  # ranges; of more it is enough to know that they differ
_MOST_KEYS = 100_000  # that differ: then no more ranges are listed
_MOST_UNTOLD = 100_000
_PAGE = 5_000
_SECONDS = 600.0
MOST_TOLD = 20

# Puts a question (its bytes); gives HTTP status and body.
Ask = Callable[[bytes], Awaitable[tuple[int, bytes]]]


@dataclass(slots=True)
class Compared:
    """How many identifiers and prefixes were compared, and which differ; `more`: ranges that differ and were not listed; `unsure`:
    ranges that were not listed and differ perhaps only by what is not told yet."""

    compared: int = 0
    keys: list[str] = field(default_factory=list)
    more: int = 0
    unsure: int = 0

    @property
    def different(self) -> int:
        return len(self.keys) + self.more

    @property
    def told(self) -> list[str]:
        return self.keys[:MOST_TOLD]


class Comparison:
    """`ask` goes to the top level."""

    def __init__(self, sln: str, ask: Ask) -> None:
        self._sln, self._ask = sln, ask

    async def of(self, connection: Any) -> Compared:
        """In one snapshot, which its caller has begun; changes nothing. Raises `Refused`, and as asyncpg and `ask` do."""
        found = Compared()
        position = await connection.fetchrow(SQL["position"])
        stream = str(position["stream"])
        borders = await choose_borders(connection, _RANGES)
        ranges = [list(one) for one in zip(["", *borders], [*borders, END], strict=True)]
        there = asyncio.create_task(self._sums(stream, "identifiers", ranges))
        try:
            here = await connection.fetch(
                SQL["standby_sums"], [one[0] for one in ranges], [one[1] for one in ranges], timeout=_SECONDS
            )
            told = await there
        finally:
            there.cancel()
        found.compared = sum(row["rows"] for row in here)
        wrong = [
            place
            for place, (row, said) in enumerate(zip(here, told, strict=True))
            if (str(row["rows"]), str(row["total"])) != said
        ]
        untold = await _untold(connection, position) if wrong else frozenset()
        busy = {bisect_right(borders, key) for key in untold}
        for listed, place in enumerate(sorted(wrong, key=busy.__contains__)):  # those first that surely differ
            if listed < _MOST_LISTED and len(found.keys) < _MOST_KEYS:
                marks = await self._marks(stream, "identifiers", ranges[place])
                found.keys += _differing(await _marks_here(connection, *ranges[place]), marks, untold)
            elif place in busy:
                found.unsure += 1
            else:
                found.more += 1
        await self._prefixes(connection, position, found)
        return found

    async def reach(self) -> None:
        """Whether anybody is there, before much is read for them. Raises as `ask` does."""
        head = envelope("standby-question", self._sln, secrets.token_hex(16), datetime.now(UTC))
        await self._ask(canonical({**head, "stream": str(UUID(int=0)), "of": "prefixes", "ranges": []}))

    async def _prefixes(self, connection: Any, position: Any, found: Compared) -> None:
        stream = str(position["stream"])
        here = {
            row["prefix"]: prefix_mark(prefix_line(row))
            async for row in pages(connection, "standby_prefixes", "prefix")
        }
        found.compared += len(here)
        whole = ["", END]
        (said,) = await self._sums(stream, "prefixes", [whole])
        if said != (str(len(here)), str(sum(here.values()))):
            marks = await self._marks(stream, "prefixes", whole)
            found.keys += _differing(here, marks, await _untold_prefixes(connection, position))

    async def _sums(self, stream: str, of: str, ranges: list[list[str]]) -> list[tuple[str, str]]:
        said = await self._asked(Sums, stream, {"of": of, "ranges": ranges})
        if len(said.ranges) != len(ranges):
            raise Refused("the answer to a question about standby data is of other ranges")
        return [(rows, total) for rows, total in said.ranges]

    async def _marks(self, stream: str, of: str, between: list[str]) -> dict[str, int]:
        marks: dict[str, int] = {}
        first, end = between
        while True:
            said = await self._asked(Marks, stream, {"of": of, "between": [first, end]})
            try:
                marks.update((key, int(mark)) for key, mark in said.marks)
            except ValueError as wrong:
                raise Refused(f"a mark of the top level cannot be read: {wrong}"[:300]) from None
            if not said.marks or said.marks[-1][0] < first:
                return marks
            first = said.marks[-1][0] + "\x01"  # the least text after it; no identifier has control characters

    async def _asked(self, shape: Any, stream: str, question: dict[str, Any]) -> Any:
        head = envelope("standby-question", self._sln, secrets.token_hex(16), datetime.now(UTC))
        status, body = await self._ask(canonical({**head, "stream": stream, **question}))
        if status != 200:
            raise Refused(f"a question about standby data is not answered: HTTP {status} {body[:200]!r}")
        try:
            return read(shape, body)[1]
        except Malformed as wrong:
            raise Refused(f"the answer about standby data cannot be read: {wrong}"[:400]) from None


async def _marks_here(connection: Any, first: str, end: str) -> dict[str, int]:
    marks: dict[str, int] = {}
    while rows := await connection.fetch(SQL["standby_marks"], first, end, _PAGE, timeout=_SECONDS):
        marks.update((row["key"], row["mark"]) for row in rows)
        first = rows[-1]["key"] + "\x01"
    return marks


def _differing(here: dict[str, int], there: dict[str, int], untold: frozenset[str]) -> list[str]:
    keys = (here.keys() | there.keys()) - untold
    return sorted(key for key in keys if here.get(key) != there.get(key))


async def _untold(connection: Any, position: Any) -> frozenset[str]:
    """Identifiers that wait to be told: what has become visible since the position. Raises `Refused` where they are too many."""
    if position["seen"] is None:
        return frozenset()
    xid = await connection.fetchval(SQL["next_transaction"])
    arguments = (position["seen"], position["since"], xid, _MOST_UNTOLD)
    rows = await connection.fetch(SQL["changed_identifiers"], *arguments, timeout=_SECONDS)
    if rows and rows[0]["found"] >= _MOST_UNTOLD:
        raise Refused("so much is not told yet that nothing can be compared")
    return frozenset(row["key"] for row in rows)


async def _untold_prefixes(connection: Any, position: Any) -> frozenset[str]:
    if position["seen"] is None:
        return frozenset()
    rows = await connection.fetch(SQL["changed_prefixes"], position["seen"], _MOST_UNTOLD, timeout=_SECONDS)
    return frozenset(row["prefix"] for row in rows)
