"""Requests per second never exceed what is promised, whatever the order of arrivals; what is told of them is true."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.quota import SECOND, Kind, Rate, Subject, rate_fields, remaining, retry_after, spend

RATES = st.builds(Rate, st.just(Subject(Kind.KEY, 1)), st.integers(1, 100_000), st.integers(1, 1_000))
PAUSES = st.lists(st.integers(0, 3 * SECOND) | st.integers(0, 50), max_size=80)


def let_through(rate: Rate, pauses: list[int]) -> list[int]:
    """When requests passed that came after such pauses."""
    now, paid_at, passed = 1_700_000_000 * SECOND, 0, []
    for pause in pauses:
        now += pause
        allowed, paid_at = spend(paid_at, now, rate)
        if allowed:
            passed.append(now)
    return passed


@given(RATES, PAUSES)
def test_no_window_has_more_than_the_burst_and_the_rate(rate: Rate, pauses: list[int]) -> None:
    passed = let_through(rate, pauses)
    for first, began in enumerate(passed):
        for last in range(first, len(passed)):
            seconds = (passed[last] - began) / SECOND
            assert last - first + 1 <= rate.burst + rate.per_second * seconds + 1e-6


@given(RATES, PAUSES)
def test_it_is_a_bucket_that_fills_at_the_rate(rate: Rate, pauses: list[int]) -> None:
    """The model: a bucket of `burst` tokens, one more each interval."""
    now, paid_at, tokens, at = 0, 0, rate.burst * rate.interval, 0
    for pause in pauses:
        now += pause
        tokens, at = min(tokens + now - at, rate.burst * rate.interval), now
        allowed, paid_at = spend(paid_at, now, rate)
        assert allowed == (tokens >= rate.interval)
        tokens -= rate.interval if allowed else 0
        assert remaining(max(paid_at - now, 0), rate) == tokens // rate.interval


@given(RATES, st.integers(0, 10**12), st.integers(0, 2**50))
def test_whoever_waits_as_long_as_told_is_let_through(rate: Rate, owed: int, now: int) -> None:
    allowed, paid_at = spend(now + owed, now, rate)
    wait = retry_after(paid_at - now, rate)
    if not allowed:
        assert wait >= 1
        assert spend(paid_at, now + wait * SECOND, rate)[0]
        assert not spend(paid_at, now + (wait - 1) * SECOND, rate)[0], "and no longer than needed"


@given(RATES, st.integers(0, 10**9), RATES, st.integers(0, 10**9))
def test_the_headers_tell_of_the_limit_that_leaves_least(one: Rate, owed: int, other: Rate, more: int) -> None:
    fields = rate_fields((one, other), (owed, more))
    assert int(fields["RateLimit-Remaining"]) == min(remaining(owed, one), remaining(more, other))
    assert int(fields["RateLimit-Remaining"]) <= int(fields["RateLimit-Limit"])
    assert fields["RateLimit-Policy"].count(";w=") == 2


def test_a_limit_that_cannot_be_enforced_says_so_and_promises_nothing() -> None:
    rate = Rate(Subject(Kind.ENTERPRISE, 1), 50, 100)
    assert rate_fields((rate,), None) == {"RateLimit-Policy": '100;w=2;rate=50;subject="enterprise";enforced=?0'}
