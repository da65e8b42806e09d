"""How JSON answers write times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.timestamps import rfc3339, unix_seconds


def test_a_time_is_written_in_utc_with_whole_seconds() -> None:
    china = timezone(timedelta(hours=8))
    assert rfc3339(datetime(2026, 1, 31, 10, 0, 0, 999_999, tzinfo=UTC)) == "2026-01-31T10:00:00Z"
    assert rfc3339(datetime(2026, 1, 31, 18, 0, tzinfo=china)) == "2026-01-31T10:00:00Z"
    assert rfc3339(None) is None


def test_a_time_is_read_in_any_zone() -> None:
    for text in ("2026-01-31T10:00:00Z", "2026-01-31T18:00:00+08:00", "2026-01-31T10:00:00.000Z"):
        assert unix_seconds(text) == 1_769_853_600


@pytest.mark.parametrize(
    "text",
    [
        "", "86400", "2026-01-31", "2026-01-31T10:00:00", "2026-01-31 10:00:00Z", "2026-01-31T10:00:00.5Z", "20260131T100000Z",
        "2026-02-30T10:00:00Z", "0000-01-01T00:00:00Z", "2026-01-31T10:00:00+25:00", "２026-01-31T10:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_time_of_whole_seconds_is_none(text: str) -> None:
    assert unix_seconds(text) is None
