"""Laws of the other schemes: whatever is read comes back the same, and no text makes the readers fall over."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from core.errors import IdentifierMalformed
from core.identifier import SchemeIdentifier, decode_path, encode_path, identifier_in_url, parse_identifier
from core.schemes.gs1 import read_key
from core.schemes.gs1_keys import check_digit

_AI_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz"
_values = st.text(_AI_82, min_size=1, max_size=20)
_gtins = st.text("0123456789", min_size=13, max_size=13).map(lambda digits: digits + check_digit(digits))
_arcs = st.integers(0, 10**12).map(str)
_marks = st.sampled_from(
    [
        "01/",
        "(01)",
        "(10)",
        "/10/",
        "/21/",
        "https://",
        "urn:oid:",
        "ecode:",
        "did:bid:",
        "GS1.",
        "OID.",
        "DID.BID/",
        "1.2.156",
    ]
)


@given(_gtins, _values, _values)
def test_every_spelling_of_a_gtin_lot_and_serial_is_one_key(gtin: str, lot: str, serial: str) -> None:
    key = read_key(f"01/{gtin}")
    path = f"01/{gtin}/10/{quote(lot, safe='')}/21/{quote(serial, safe='')}"
    found = parse_identifier(path)
    assert str(found) == f"https://id.gs1.org/{path}"
    again = parse_identifier(str(found))
    assert again.key(True) == found.key(True)
    assert [level.path for level in read_key(path).levels][-1] == key.path
    for raw in (path, encode_path(str(found)), quote(path, safe="")):
        assert identifier_in_url(raw).key(True) == found.key(True)


@given(_gtins, st.integers(1, 9))
def test_a_changed_digit_is_noticed(gtin: str, by: int) -> None:
    changed = gtin[:-1] + str((int(gtin[-1]) + by) % 10)
    try:
        read_key(f"01/{changed}")
    except IdentifierMalformed as wrong:
        assert wrong.reason == "gs1-check-digit"
    else:
        raise AssertionError(changed)


@given(st.lists(_arcs, min_size=1, max_size=6))
def test_an_oid_comes_back_and_lies_under_each_arc_above_it(arcs: list[str]) -> None:
    dotted = ".".join(["1", "2", *arcs])
    found = parse_identifier(f"urn:oid:{dotted}")
    assert str(found) == dotted
    assert isinstance(found, SchemeIdentifier)
    assert found.lies_under("OID.1.2") and found.key() == f"OID.1.2/{dotted}"
    assert not found.lies_under("OID.1.3")


@given(st.lists(_marks | st.text(max_size=20), max_size=6).map("".join))
def test_any_text_is_read_or_refused_and_what_is_read_is_read_again(text: str) -> None:
    try:
        found = parse_identifier(text)
    except IdentifierMalformed:
        return
    again = parse_identifier(str(found))
    assert (str(again), again.key(True)) == (str(found), found.key(True))
    assert decode_path(encode_path(str(found))) == str(found)
