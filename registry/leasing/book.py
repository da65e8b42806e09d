"""Which suffixes of a prefix are leased, as a worker knows it: read when it is first asked, and again after more were leased.

What is held here can be too much (a lease that ended a moment ago), never too little for the `leases` of the prefix that it
was read for: a hit is therefore held against the table before anybody is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.access import Prefix
from registry.leasing.formula import Formula, stored_formula
from registry.leasing.ranges import unflat
from registry.leasing.rows import SQL

_PREFIXES_HELD = 1_000


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a lease, and the key that took it."""

    first: int
    last: int
    lease: int
    actor: int


@dataclass(frozen=True, slots=True)
class Leased:
    """The leases of one prefix: for each formula its ranges in order."""

    case_sensitive: bool
    by_formula: tuple[tuple[Formula, tuple[Span, ...]], ...]

    def find(self, key: str, actor: int | None) -> Span | None:
        """The range that a canonical key lies in, but for those of the actor itself."""
        suffix = key.partition("/")[2]
        for formula, spans in self.by_formula:
            number = formula.number(suffix, self.case_sensitive)
            if number is None:
                continue
            at = bisect_right(spans, number, key=lambda span: span.first) - 1
            if at >= 0 and number <= spans[at].last and spans[at].actor != actor:
                return spans[at]
        return None


@dataclass(slots=True)
class LeaseBook:
    """One for each worker."""

    _held: OrderedDict[str, tuple[int, Leased]] = field(default_factory=OrderedDict)

    async def of(self, source: Any, prefix: Prefix) -> Leased:
        """At least what was leased when the prefix had as many leases as it says. Raises as asyncpg does."""
        held = self._held.get(prefix.key)
        if held is not None and held[0] >= prefix.leases:
            return held[1]
        found = leased_from(prefix, await source.fetch(SQL["leased"], prefix.key))
        self._held[prefix.key] = (prefix.leases, found)
        while len(self._held) > _PREFIXES_HELD:
            self._held.popitem(last=False)
        return found


def leased_from(prefix: Prefix, rows: Iterable[Any]) -> Leased:
    spans: dict[tuple[str, date], list[Span]] = {}
    for row in rows:
        held = spans.setdefault((row["pattern"], row["day"]), [])
        held += [Span(first, last, row["id"], row["actor"]) for first, last in unflat(row["granted"])]
    return Leased(
        prefix.suffix_case_sensitive,
        tuple(
            (stored_formula(*name), tuple(sorted(some, key=lambda span: span.first))) for name, some in spans.items()
        ),
    )
