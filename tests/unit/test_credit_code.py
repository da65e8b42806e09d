"""The check character of GB 32100-2015, with codes that companies print on their invoices."""

from __future__ import annotations

import pytest

from registry.credit_code import is_credit_code

REAL = ["914403001922038216", "9144030071526726XG", "91330100799655058B", "91110000802100433B"]
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)  # table of the standard's annex


@pytest.mark.parametrize("code", REAL)
def test_codes_of_real_companies_are_valid(code: str) -> None:
    total = sum(WEIGHTS[place] * ALPHABET.index(letter) for place, letter in enumerate(code[:17]))
    assert ALPHABET[(31 - total % 31) % 31] == code[17], "the example itself must be a real code"
    assert is_credit_code(code)


@pytest.mark.parametrize("code", REAL)
def test_every_single_wrong_character_is_noticed(code: str) -> None:
    for place in range(18):
        for letter in ALPHABET:
            changed = code[:place] + letter + code[place + 1 :]
            assert is_credit_code(changed) == (changed == code)


@pytest.mark.parametrize(
    "text", ["", REAL[0][:17], REAL[0] + "0", REAL[2].lower(), "I" * 18, REAL[0] + "\n", "９" * 18, " " + REAL[0][1:]]
)
def test_other_forms_are_refused(text: str) -> None:
    assert not is_credit_code(text)
