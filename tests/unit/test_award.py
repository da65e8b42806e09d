"""The year's figures for the award: averages are over whole days and never rounded up, a threshold is exceeded, not reached."""

from __future__ import annotations

from datetime import date

from resolver.usage.award import REGISTRATIONS_A_YEAR, RESOLUTIONS_A_DAY, Year, days_counted


def test_averages_are_over_the_days_that_are_over_and_rounded_down() -> None:
    said = Year(2026, registrations=25, resolutions=32, days=3, registrations_of_days=20).as_json()
    assert said["registrations"]["counted"] == 25, "today included"
    assert said["registrations_a_day"] == {"days": 3, "total": 20, "average": 6}
    assert (said["resolutions_a_day"]["total"], said["resolutions_a_day"]["counted"]) == (32, 10)
    first_day = Year(2026, 5, 0, 0, 0).as_json()
    assert first_day["registrations_a_day"]["average"] == first_day["resolutions_a_day"]["counted"] == 0


def test_thresholds_must_be_exceeded() -> None:
    for more in (0, 1):
        said = Year(2026, REGISTRATIONS_A_YEAR + more, (RESOLUTIONS_A_DAY + more) * 2, 2, 0).as_json()
        for threshold in (said["registrations"], said["resolutions_a_day"]):
            assert (threshold["margin"], threshold["exceeded"]) == (more, bool(more))


def test_days_of_a_year_end_with_it() -> None:
    assert [days_counted(2026, today) for today in (date(2026, 1, 1), date(2026, 3, 1), date(2027, 5, 1))] == [
        0,
        59,
        365,
    ]
