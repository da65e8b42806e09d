"""One document of changes, and what the answer to it means. Pure.

| answer                | meaning                                                                                    |
|-----------------------|--------------------------------------------------------------------------------------------|
| 200 accepted          | it is there                                                                                |
| 200 duplicate         | it was there                                                                               |
| 409 gap, `expect`     | earlier ones are missing there: from `expect` on all are sent again                        |
| 409 conflict          | something else is there under this number: a stream of another name begins, with a new set |
| 409 no-base           | the whole set that it stands on is not there: a new one is sent                            |
| anything else         | unknown: the same bytes again                                                              |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync.operations.envelope import envelope, time_text
from sync.operations.outcomes import Again, Rewind, There
from sync.operations.shapes import ChangesReply, Malformed, read

MOST_LINES, MOST_BYTES = 2_000, 2 * 1024 * 1024  # of one document


@dataclass(frozen=True, slots=True)
class NoBase:
    """`renamed`: the top level has other changes under these numbers."""

    why: str
    renamed: bool


Outcome = There | Rewind | Again | NoBase


@dataclass(frozen=True, slots=True)
class Place:
    """Of a document: in which stream, and on which whole set it stands, which holds everything up to `after`."""

    stream: str
    base: str
    after: int


def changes_document(
    sln: str, message_id: str, watermark: datetime, place: Place, number: int, lines: list[bytes]
) -> dict[str, Any]:
    return {
        **envelope("standby-changes", sln, message_id, watermark),
        "stream": place.stream,
        "number": number,
        "base": place.base,
        "after": place.after,
        "watermark": time_text(watermark),
        "lines": [line.decode() for line in lines],
    }


def judge(stream: str, number: int, status: int, body: bytes) -> Outcome:
    if status not in (200, 409):
        return Again(f"HTTP {status} {body[:200].decode(errors='replace')}")
    try:
        _, said = read(ChangesReply, body)
    except Malformed as wrong:
        return Again(f"the answer cannot be read: {wrong}"[:400])
    if (said.stream, said.number) != (stream, number):
        return Again("the answer is of something else")
    match status, said.result:
        case 200, ("accepted" | "duplicate"):
            return There()
        case 409, "gap" if said.expect is not None and said.expect < number:
            return Rewind(said.expect)
        case 409, "conflict":
            return NoBase(f"the top level has other changes under the number {number}", True)
        case 409, "no-base":
            return NoBase("the top level lacks the whole set", False)
    return Again(f"HTTP {status} {said.result}")
