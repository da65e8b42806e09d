"""One hour as a document, and what the answer to it means. Pure.

| answer                | meaning                                                             |
|-----------------------|---------------------------------------------------------------------|
| 200 accepted          | it is there                                                         |
| 200 duplicate         | it was there                                                        |
| 409 gap, `expect`     | earlier ones are missing there: from `expect` on all are sent again |
| 409 conflict          | something else is there under this number: a person has to look     |
| 400 and other 4xx     | our fault: a person has to look                                     |
| anything else         | unknown: the same bytes again                                       |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from sync.monitoring.figures import HOUR
from sync.operations.canonical import digest
from sync.operations.envelope import envelope, time_text
from sync.operations.outcomes import Again, Rewind, There
from sync.operations.shapes import STREAM

LATE = "迟到数据补录 (late entries)"
_BUSY = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class Halt:
    why: str


Outcome = There | Rewind | Again | Halt


def hourly_document(
    sln: str, message_id: str, now: datetime, seq: int, hour: datetime, rows: list[dict[str, Any]], previous: str,
    corrects: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """`previous`: the digest of the rows of the document before."""
    more = {} if corrects is None else {"corrects": corrects, "reason": LATE}
    return {
        **envelope("statistics", sln, message_id, now),
        "stream": STREAM,
        "seq": seq,
        "from": time_text(hour),
        "to": time_text(hour + HOUR),
        "sealed": True,
        "counting": "answered-here",
        "rows": rows,
        "rowsDigest": digest(rows),
        "prevDigest": previous,
        **more,
    }


def judge(seq: int, status: int, body: bytes) -> Outcome:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        said = {}
    result, expect = said.get("result"), said.get("expect")
    about = said.get("kind") == "statistics-reply" and said.get("stream") == STREAM and said.get("seq") == seq
    if status == 200:
        return There() if about and result in ("accepted", "duplicate") else Again("the answer is of something else")
    if status == 409 and about and result == "gap" and isinstance(expect, int) and 1 <= expect < seq:
        return Rewind(expect)
    if 400 <= status < 500 and status not in _BUSY:
        why = said.get("detail") or said.get("title") or result or ""
        return Halt(f"statistics {seq}: HTTP {status} {result or said.get('code') or ''} {why}"[:500])
    return Again(f"HTTP {status}")
