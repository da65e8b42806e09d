"""Suffixes that the node makes."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.minting import gs1_check, mod_37_36, parse_pattern, suffix, uuid7

NOW = datetime(2026, 12, 31, 20, 0, tzinfo=UTC)  # already the next day in Beijing
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def made(text: str, number: int = 7) -> str:
    return suffix(parse_pattern(text), number, NOW, lambda bits: (1 << bits) - 1)


def test_published_check_characters() -> None:
    assert mod_37_36("A1-2425G-ABC1234002") == "M"  # GRid standard, its own example
    assert gs1_check("629104150021") == "3"  # GS1 General Specifications, the example of a GTIN-13
    assert gs1_check("0061414112345") == "2"


@given(st.text(ALPHABET, min_size=1, max_size=30), st.data())
def test_the_check_character_finds_every_wrong_one(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(ALPHABET.replace(text[place], "")))
    assert mod_37_36(text) != mod_37_36(text[:place] + other + text[place + 1 :])


def test_parts_of_a_pattern() -> None:
    assert made("BAV99-{seq:6}") == "BAV99-000007"
    assert made("{seq}") == "7"
    assert made("{date}/{seq:2}", 123) == "20270101/123"
    assert made("{{x}}{seq}") == "{x}7"
    assert made("A12425GABC123400{seq}{check}", 2) == "A12425GABC1234002M"
    assert made("629104150021{gs1}-{seq}") == "6291041500213-7"


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
def test_uuid7_is_one(milliseconds: int, random_bits: int) -> None:
    found = uuid.UUID(uuid7(milliseconds, random_bits))
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == milliseconds


@pytest.mark.parametrize(
    "text", ["", "fixed", "{seq", "seq}", "{other}", "{date:3}{seq}", "{seq:0}", "{seq:100}", "x" * 201]
)
def test_what_is_not_a_pattern(text: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (the reasons are its two arguments)
        parse_pattern(text)
    en, zh = refused.value.args
    assert en and re.search("[\u4e00-\u9fff]", zh)
