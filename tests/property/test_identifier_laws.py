"""Laws that hold for every identifier, not only for those somebody thought of."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from core.errors import IdentifierMalformed
from core.identifier import (
    MAX_BYTES,
    MAX_PREFIX_BYTES,
    decode_path,
    encode_path,
    fold_case,
    parse_identifier,
    parse_prefix,
)
from tests.property.identifiers import identifier_texts

LAWS = settings(deadline=None, max_examples=300)
REASONS = {
    "identifier-too-long", "identifier-no-slash", "identifier-empty-part", "identifier-prefix-too-long",
    "identifier-bad-character",
}  # fmt: skip
anything = st.text(st.characters(), max_size=300)  # lone surrogates included


@LAWS
@given(anything | st.builds("{}/{}".format, anything, anything))
@example("HTTP://")
def test_any_text_is_an_identifier_or_has_a_known_reason(text: str) -> None:
    try:
        found = parse_identifier(text)
    except IdentifierMalformed as refused:
        assert refused.reason in REASONS or refused.reason.startswith(
            ("gs1-", "oid-", "ecode-", "did-")
        )  # `HTTP://` is GS1's
        return
    assert 0 < len(found.prefix.encode()) <= MAX_PREFIX_BYTES
    assert found.suffix and len(str(found).encode()) <= MAX_BYTES
    assert unicodedata.is_normalized("NFC", str(found))
    assert parse_prefix(found.prefix) == found.prefix


@LAWS
@given(anything)
def test_any_text_is_a_prefix_or_has_a_known_reason(text: str) -> None:
    with suppress(IdentifierMalformed):
        assert "/" not in parse_prefix(text)


@LAWS
@given(identifier_texts)
def test_reading_is_idempotent(text: str) -> None:
    found = parse_identifier(text)
    assert parse_identifier(str(found)) == found


@LAWS
@given(identifier_texts, st.booleans())
def test_a_canonical_key_is_its_own_key(text: str, case_sensitive: bool) -> None:
    key = parse_identifier(text).key(case_sensitive)
    assert parse_identifier(key).key(case_sensitive) == key
    assert len(key.encode()) <= MAX_BYTES


@LAWS
@given(identifier_texts)
def test_ascii_case_never_makes_another_identifier(text: str) -> None:
    changed = re.sub("[a-zA-Z]", lambda letter: letter[0].swapcase(), str(parse_identifier(text)))
    assume(unicodedata.is_normalized("NFC", changed))  # else the other case is not an ASCII letter: W̊ and ẘ
    assert parse_identifier(changed).key() == parse_identifier(text).key()


@LAWS
@given(st.text(st.characters(codec="utf-8")))
def test_folding_twice_is_folding_once(text: str) -> None:
    folded = fold_case(text)
    assert fold_case(folded) == folded
    assert not re.search("[a-z]", folded)


@LAWS
@given(identifier_texts)
def test_an_identifier_survives_its_address(text: str) -> None:
    identifier = str(parse_identifier(text))
    address = encode_path(identifier)
    assert address.isascii() and not set(address) & set(' "#<>?[]\\^`{|}+&')
    assert decode_path(address) == identifier


@LAWS
@given(identifier_texts, st.data())
def test_any_mixture_of_escaped_and_plain_bytes_is_the_same_address(text: str, data: st.DataObject) -> None:
    identifier = str(parse_identifier(text))
    escaped = data.draw(st.lists(st.booleans(), min_size=len(identifier.encode()), max_size=len(identifier.encode())))
    octets = b"".join(
        b"%%%02x" % octet if escape or octet == ord("%") else bytes([octet])
        for octet, escape in zip(identifier.encode(), escaped, strict=True)
    )
    assert decode_path(octets.decode("utf-8", "surrogateescape")) == identifier


@LAWS
@given(st.binary(max_size=60) | st.from_regex(rb"\A(%[0-9a-fA-F]{0,2}|[a-z/])*\Z"))
def test_any_bytes_of_a_path_decode_or_are_called_badly_encoded(octets: bytes) -> None:
    try:
        decode_path(octets.decode("utf-8", "surrogateescape"))
    except IdentifierMalformed as refused:
        assert refused.reason == "identifier-bad-encoding"
