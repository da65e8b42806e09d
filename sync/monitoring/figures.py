"""Rows of an hour from what was counted in it. Pure.

| what is said | where it was counted                                                                        |
|--------------|---------------------------------------------------------------------------------------------|
| registered   | `enterprise_count`, written with the rows themselves                                        |
| updated      | changes of existing identifiers but withdrawals; a restored one is one                      |
| deleted      | withdrawals: nothing is ever deleted                                                        |
| liveAtEnd    | carried on from hour to hour: registered, less withdrawn, and those that were restored      |
| resolved     | `usage_minute`, found                                                                       |
| notFound     | `usage_minute`, definitively not there, or withdrawn                                        |
| referred     | `usage_minute`, another node answers                                                        |
| failed       | always 0: what was not answered is not counted by prefix                                    |

Identifiers that a bulk file brings in as withdrawn already count as live: no counter knows of them. Probes are no part of it.
What lies under no prefix of this node, or under one that the form does not allow for, and what is beyond the most rows of a
document is said in the row of the node's own prefix, so that totals stay whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sync.operations.shapes import MOST_ROWS

HOUR = timedelta(hours=1)
_PREFIX = re.compile(r"[^/.\s]+(\.[^/.\s]+)+")
_LONGEST_PREFIX = 64
_SAID = {
    "registered": "registered", "updated": "updated", "deleted": "deleted", "resolved": "resolved",
    "not_found": "notFound", "referred": "referred",
}  # fmt: skip
_TRANSPORTS = ("http", "tcp", "udp")
Figures = dict[str, Counter[str]]


def whole_hour(at: datetime) -> datetime:
    """The beginning of its hour."""
    return at.replace(minute=0, second=0, microsecond=0)


def hours(first: datetime, until: datetime) -> Iterator[datetime]:
    while first < until:
        yield first
        first += HOUR


def by_hour(counted: Iterable[Mapping[str, Any]]) -> dict[datetime, Figures]:
    """Of rows with hour, prefix and counts."""
    found: dict[datetime, Figures] = {}
    for row in counted:
        numbers = {name: value for name, value in dict(row).items() if name not in ("hour", "prefix")}
        found.setdefault(row["hour"], {})[row["prefix"]] = Counter(numbers)
    return found


def carried_on(live: dict[str, int], figures: Figures) -> None:
    """`live` at the end of the hour, in place."""
    for prefix, counted in figures.items():
        if moved := counted["registered"] - counted["deleted"] + counted["revived"]:
            live[prefix] = live.get(prefix, 0) + moved


def rows_of(figures: Figures, live: Mapping[str, int], node_prefix: str) -> list[dict[str, Any]]:
    """Sorted by prefix; one for each with any activity or live identifiers."""
    together: Figures = {}
    for prefix in {*figures, *(name for name, count in live.items() if count)}:
        counted = Counter(figures.get(prefix, ()))
        counted["live"] = max(live.get(prefix, 0), 0)
        if any(counted.values()):
            fits = len(prefix) <= _LONGEST_PREFIX and _PREFIX.fullmatch(prefix)
            together.setdefault(prefix if fits else node_prefix, Counter()).update(counted)
    return [_row(prefix, counted) for prefix, counted in sorted(_bounded(together, node_prefix).items())]


def _bounded(together: Figures, node_prefix: str) -> Figures:
    if len(together) <= MOST_ROWS:
        return together
    rest = together.pop(node_prefix, Counter())
    largest = sorted(together, key=lambda prefix: (-sum(together[prefix].values()), prefix))
    for prefix in largest[MOST_ROWS - 1 :]:
        rest.update(together.pop(prefix))
    return {**together, node_prefix: rest}


def _row(prefix: str, counted: Counter[str]) -> dict[str, Any]:
    said = {name: counted[kept] for kept, name in _SAID.items()}
    transports = {name: counted[name] for name in _TRANSPORTS}
    return {"prefix": prefix, **said, "liveAtEnd": counted["live"], "failed": 0, "byTransport": transports}
