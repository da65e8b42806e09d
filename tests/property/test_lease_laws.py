"""Ranges of numbers and formulas of suffixes: laws."""

from __future__ import annotations

from datetime import date

from hypothesis import assume, given
from hypothesis import strategies as st

from core.identifier import fold_case
from registry.leasing.formula import formula_of
from registry.leasing.ranges import (
    contains,
    flat,
    is_in_order,
    numbers,
    ranges_from,
    ranges_of,
    size,
    take,
    unflat,
    without,
)
from registry.minting import parse_pattern

sets = st.frozensets(st.integers(1, 60), max_size=40)
literals = st.text(
    st.characters(codec="ascii", min_codepoint=32, max_codepoint=126, exclude_characters="{}"), max_size=6
)
patterns = st.builds(
    lambda before, width, after: f"{before}{{seq{width}}}{after}",
    st.tuples(literals, st.sampled_from(["", "{date}", "{check}", "{gs1}", "{{"])).map("".join),
    st.sampled_from(["", ":1", ":3", ":12"]),
    st.tuples(st.sampled_from(["", "{date}", "{check}", "{gs1}", "7"]), literals).map("".join),
)


def test_all_numbers_are_covered_by_the_model() -> None:
    assert ranges_of([(5, 9), (1, 2), (3, 3), (8, 12)]) == ((1, 3), (5, 12))


@given(sets, sets)
def test_ranges_are_sets(one: frozenset[int], other: frozenset[int]) -> None:
    mine, theirs = ranges_from(one), ranges_from(other)
    assert is_in_order(mine) and set(numbers(mine)) == one and size(mine) == len(one)
    left = without(mine, theirs)
    assert is_in_order(left) and set(numbers(left)) == one - other
    assert set(numbers(ranges_of((*mine, *theirs)))) == one | other
    assert all(contains(mine, number) == (number in one) for number in range(62))
    assert unflat(flat(mine)) == mine


@given(sets, st.integers(0, 70))
def test_taking_takes_the_lowest_and_loses_nothing(held: frozenset[int], count: int) -> None:
    taken, rest = take(ranges_from(held), count)
    assert list(numbers(taken)) == sorted(held)[:count] and list(numbers(rest)) == sorted(held)[count:]
    assert is_in_order(taken) and is_in_order(rest)


@given(patterns, st.integers(1, 10**12), st.booleans())
def test_a_suffix_is_read_back_as_its_number(text: str, number: int, case_sensitive: bool) -> None:
    formula = formula_of(parse_pattern(text), date(2026, 11, 22))
    suffix = formula.suffix(number)
    assume(suffix)
    canonical = suffix if case_sensitive else fold_case(suffix)
    assert formula.number(canonical, case_sensitive) == number


@given(patterns, st.text(max_size=24) | st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True))
def test_what_the_formula_does_not_make_is_no_number(text: str, suffix: str) -> None:
    formula = formula_of(parse_pattern(text), date(2026, 11, 22))
    found = formula.number(suffix, True)
    assert found is None or formula.suffix(found) == suffix
