"""How JSON answers write times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from core.timestamps import rfc3339


def test_a_time_is_written_in_utc_with_whole_seconds() -> None:
    china = timezone(timedelta(hours=8))
    assert rfc3339(datetime(2026, 1, 31, 10, 0, 0, 999_999, tzinfo=UTC)) == "2026-01-31T10:00:00Z"
    assert rfc3339(datetime(2026, 1, 31, 18, 0, tzinfo=china)) == "2026-01-31T10:00:00Z"
    assert rfc3339(None) is None
