"""What the top level changed while it answered: brought in whole, beside what it was never given."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from core.record import Record, Status
from core.values import HandleValue, pack, unpack
from sync.operations.shapes import Change
from sync.takeover.changes import carried_out
from sync.takeover.lines import identifier_line

KEY, MADE = "88.118.8/X", datetime(2026, 1, 31, 10, tzinfo=UTC)


def test_references_and_absolute_times_to_live_come_back_as_they_were_told() -> None:
    named = HandleValue(1, "URL", "x", expires_at=1_000_000_000, references=(("0.NA/88.118.8", 300), ("a/中 b", 0)))
    hidden = HandleValue(2, "COST", "9", permissions=12, expires_at=5)
    packed = pack([named, hidden])
    row = {"key": KEY, "shown": None, "value": packed, "version": 3, "status": 1, "template_id": None, "owner_id": None}
    line = orjson.loads(identifier_line(row | {"withdrawal": None, "created_at": MADE, "changed_at": None}))
    assert line["values"][0]["ttl"] == "2001-09-09T01:46:40Z" and len(line["values"]) == 1
    record = Record(KEY, KEY, packed, 3, Status.ACTIVE, None, None, MADE, MADE)
    for values, kept in ((line["values"], True), ([line["values"][0] | {"references": []}], False)):
        [after] = carried_out([Change(key=KEY, version=3, values=values)], {KEY: record}, "88.118", frozenset(), 100)
        assert (after.packed == packed) is kept, "told and not changed: not a byte differs"
        assert unpack(after.packed)[1] == hidden
