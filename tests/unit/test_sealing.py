"""Sealing: only its key and its place open what was sealed; keys are rotated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import PersonalDataLocked
from core.sealing import Vault, new_key, parse_keys

OLD, NEW = parse_keys(f"{new_key()}, {new_key()}")


@given(st.binary(max_size=200), st.text(max_size=50), st.integers(0, 10_000))
def test_any_change_of_bytes_or_place_is_noticed(plain: bytes, place: str, where: int) -> None:
    vault = Vault((OLD,))
    sealed = vault.seal(plain, place)
    assert vault.open(sealed, place) == plain
    with pytest.raises(PersonalDataLocked):
        vault.open(sealed, place + "x")
    changed = bytearray(sealed)
    changed[where % len(sealed)] ^= 1
    with pytest.raises(PersonalDataLocked):
        vault.open(bytes(changed), place)
    with pytest.raises(PersonalDataLocked):
        vault.open(sealed[: where % len(sealed)], place)


def test_the_first_key_seals_and_all_open() -> None:
    sealed = Vault((OLD,)).seal(b"x", "p")
    both = Vault((NEW, OLD))
    assert both.open(sealed, "p") == b"x" and not sealed.startswith(both.beginning)
    assert both.seal(b"x", "p").startswith(both.beginning)
    with pytest.raises(PersonalDataLocked):
        Vault((NEW,)).open(sealed, "p")
    assert both.seal(b"x", "p") != both.seal(b"x", "p"), "a nonce of its own each time"


def test_without_keys_nothing_is_sealed() -> None:
    with pytest.raises(PersonalDataLocked):
        Vault().seal(b"x", "p")


@pytest.mark.parametrize("wrong", ["x", "AAAA", "é", f"{new_key()},short", new_key()[:-4]], ids=range(5))
def test_a_wrong_key_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(ValueError, match="base64 of 32 bytes") as refused:
        parse_keys(wrong)
    assert wrong not in str(refused.value)
