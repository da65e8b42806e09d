"""What the top level's copy gives back is believed only where it was asked for, is this node's, and is whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sync.escrow.rows import Row
from sync.reconcile.repairing import believed

AT = datetime(2026, 11, 1, tzinfo=UTC)
GOOD = Row(3, 1, None, None, AT, None, "88.118.7/A", "88.118.7/a", None, b'[[1,"DESC","x"]]')
GONE = GOOD._replace(key="88.118.7/B", shown=None, status=2, withdrawal='{"reason":"x","successor":null}')
ASKED = {"88.118.7/A", "88.118.7/B", "0.NA/88.118.7", "77.1/A", "88.1180.1/A", "88.118.7/", "88.118"}


def test_what_was_asked_for_is_believed_once() -> None:
    prefix = GOOD._replace(key="0.NA/88.118.7", shown=None)
    assert believed([GOOD, GONE, prefix, GOOD], ASKED, "88.118") == [GOOD, GONE, prefix]


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "88.118.7/OTHER"}, {"key": "77.1/A"}, {"key": "88.1180.1/A"}, {"key": "88.118.7/"}, {"key": "88.118"},
        {"version": 0}, {"version": 2**31}, {"version": True}, {"version": "3"}, {"status": 3}, {"owner_id": "1"},
        {"shown": 5}, {"shown": "88.118.7/b"}, {"value": b"{"}, {"value": b"[5]"}, {"value": b'[[1,"",""]]'},
        {"withdrawal": "{}"}, {"status": 2}, {"status": 2, "withdrawal": "[]"}, {"status": 2, "withdrawal": "{}"},
    ],
)  # fmt: skip
def test_anything_else_is_left_out(changed: dict[str, Any]) -> None:
    changed = {"shown": None, **changed} if "key" in changed else changed
    assert believed([GOOD._replace(**changed), GONE], ASKED, "88.118") == [GONE]
