"""The tally never says more than was added, and says all of it once everything is applied."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resolver.usage.tally import Line, Tally, _by_hour

steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(["88.1", "88.2"]), st.integers(1, 5)),
        st.tuples(st.just("minute"), st.just(""), st.integers(1, 100)),
        st.tuples(st.just("store"), st.just(""), st.booleans()),
        st.tuples(st.just("confirm"), st.just(""), st.just(0)),
    )
)


@given(steps)
def test_a_store_that_applies_each_number_once_has_exactly_what_was_added(taken: list[tuple[str, str, int]]) -> None:
    tally, stored, seen = Tally(), dict[Line, int](), 0
    added = 0
    for what, prefix, number in [
        *taken,
        ("store", "", True),
        ("confirm", "", 0),
        ("store", "", True),
        ("confirm", "", 0),
    ]:
        if what == "add":
            tally.add(prefix, "page", "found", count=number)
            added += number
        elif what == "minute":
            tally.minute += number
        elif what == "store" and number and (batch := tally.seal()) is not None and batch.sequence > seen:
            seen = batch.sequence
            for line, count in batch.lines.items():
                stored[line] = stored.get(line, 0) + count
        elif what == "confirm":
            tally.applied(seen)
        assert sum(stored.values()) <= added == tally.answered[0]
    assert sum(stored.values()) == added and tally.waiting == 0


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 10_000), st.sampled_from("ab"), st.just("d"), st.just("o"), st.booleans()),
        st.integers(1, 9),
    )
)
def test_minutes_given_up_for_hours_lose_no_count(lines: dict[Line, int]) -> None:
    merged = _by_hour(lines)
    assert sum(merged.values()) == sum(lines.values())
    assert all(minute % 60 == 0 for minute, *_ in merged)
