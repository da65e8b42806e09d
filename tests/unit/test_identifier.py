"""The grammar of identifiers, case by case: what is taken, what is refused and for which reason, where the borders lie."""

from __future__ import annotations

import unicodedata

import pytest

from core.errors import IdentifierMalformed
from core.identifier import decode_path, encode_path, fold_case, parse_identifier, parse_prefix, shorten


@pytest.mark.parametrize(
    ("text", "prefix", "suffix"),
    [
        ("88.118.8/JXDY2106023", "88.118.8", "JXDY2106023"),
        ("88.101.0042/007", "88.101.0042", "007"),  # zeros are text
        ("10/x", "10", "x"),
        ("0.NA/88.118", "0.NA", "88.118"),
        ("88.118.8/a/b//c/", "88.118.8", "a/b//c/"),  # the first slash divides
        ("88.118.8//", "88.118.8", "/"),
        ("88.118.8/..", "88.118.8", ".."),
        ("88.118.8/ leading and trailing ", "88.118.8", " leading and trailing "),
        ("88.118.8/a#b?c%d+e&f=g", "88.118.8", "a#b?c%d+e&f=g"),
        ("88.118.8/10Ω ±5% “引号” \"quoted\" 'single'", "88.118.8", "10Ω ±5% “引号” \"quoted\" 'single'"),
        ("88.118.8/型号🔧", "88.118.8", "型号🔧"),
        ("88.118.8/\u00a0\u3000", "88.118.8", "\u00a0\u3000"),  # spaces of other widths print
        ("企业.甲/零件", "企业.甲", "零件"),
        ("88.118.8/\u0301x", "88.118.8", "\u0301x"),  # a lone combining mark
    ],
)
def test_a_well_formed_identifier_is_split_at_the_first_slash(text: str, prefix: str, suffix: str) -> None:
    found = parse_identifier(text)
    assert (found.prefix, found.suffix) == (prefix, suffix)
    assert str(found) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "identifier-no-slash"),
        ("88.118.8", "identifier-no-slash"),
        ("88.118.8\uff0fx", "identifier-no-slash"),  # a full-width slash does not divide
        ("88.118.8/", "identifier-empty-part"),
        ("/x", "identifier-empty-part"),
        ("//x", "identifier-empty-part"),
        (".88/x", "identifier-empty-part"),
        ("88./x", "identifier-empty-part"),
        ("88..118/x", "identifier-empty-part"),
        ("./x", "identifier-empty-part"),
        ("8" * 65 + "/x", "identifier-prefix-too-long"),
        ("企" * 22 + "/x", "identifier-prefix-too-long"),
        ("88 118/x", "identifier-bad-character"),
        ("88\u3000118/x", "identifier-bad-character"),
        ("88.118.8/a\x00", "identifier-bad-character"),
        ("88.118.8/a\nb", "identifier-bad-character"),
        ("88.118.8/a\x7f", "identifier-bad-character"),
        ("88.118.8/a\x85", "identifier-bad-character"),
        ("88.118.8/a\u200bb", "identifier-bad-character"),  # zero width
        ("88.118.8/a\u202eb", "identifier-bad-character"),  # right-to-left override
        ("88.118.8/\ufeffa", "identifier-bad-character"),
        ("88.118.8/\u2028", "identifier-bad-character"),
        ("88.118.8/\u2029", "identifier-bad-character"),
        ("88.118.8/\ue000", "identifier-bad-character"),  # private use
        ("88.118.8/\u0378", "identifier-bad-character"),  # unassigned
        ("88.118.8/\ud800", "identifier-bad-character"),  # half of a surrogate pair
        ("88.118.8/" + "x" * 247, "identifier-too-long"),
        ("88.118.8/" + "x" * 5000, "identifier-too-long"),
        ("\ud800" * 5000, "identifier-too-long"),
    ],
)
def test_each_kind_of_malformed_identifier_has_its_own_reason(text: str, reason: str) -> None:
    with pytest.raises(IdentifierMalformed) as refused:
        parse_identifier(text)
    assert refused.value.reason == reason
    assert refused.value.en.isprintable() and refused.value.zh.isprintable(), "a message must be safe to show"
    assert refused.value.en != refused.value.zh


@pytest.mark.parametrize("letter", ["x", "Ω", "中", "🔧"])
def test_length_is_counted_in_bytes_to_the_exact_border(letter: str) -> None:
    width = len(letter.encode())
    room = 255 - len("88.118.8/")
    exact = "88.118.8/" + letter * (room // width) + "x" * (room % width)
    assert len(exact.encode()) == 255
    assert str(parse_identifier(exact)) == exact
    with pytest.raises(IdentifierMalformed) as refused:
        parse_identifier(exact + "x")
    assert refused.value.reason == "identifier-too-long"


@pytest.mark.parametrize("prefix", ["8" * 64, "企" * 21 + "x", "8." * 31 + "88"])
def test_a_prefix_may_have_64_bytes_and_not_65(prefix: str) -> None:
    assert len(prefix.encode()) == 64
    assert parse_prefix(prefix) == parse_identifier(f"{prefix}/x").prefix == prefix
    for refused in (lambda: parse_prefix(prefix + "8"), lambda: parse_identifier(f"{prefix}8/x")):
        with pytest.raises(IdentifierMalformed) as wrong:
            refused()
        assert wrong.value.reason == "identifier-prefix-too-long"


def test_length_is_counted_after_normalisation() -> None:
    decomposed = "88.118.8/" + "e\u0301" * 123
    assert len(decomposed.encode()) > 255
    assert len(str(parse_identifier(decomposed)).encode()) == 255


def test_equal_looking_spellings_are_one_identifier() -> None:
    composed, decomposed = parse_identifier("88.118.8/é한"), parse_identifier("88.118.8/" + "e\u0301\u1112\u1161\u11ab")
    assert composed == decomposed
    assert parse_identifier("88.118.8/\u2126").suffix == "Ω", "the ohm sign is the letter omega by NFC"
    assert parse_identifier("88.118.8/ﬁ").suffix == "ﬁ", "NFC, not NFKC: a ligature stays"


def test_only_ascii_letters_compare_without_case() -> None:
    assert parse_identifier("ab.c/straße-éω").key() == "AB.C/STRAßE-éω"
    assert parse_identifier("ab.c/x").key() == parse_identifier("AB.C/X").key()
    assert parse_identifier("88/é").key() != parse_identifier("88/É").key()
    assert parse_identifier("88/ı").key() != parse_identifier("88/I").key(), "the dotless i is not ASCII"
    assert parse_identifier("88/K").key() == parse_identifier("88/k").key()
    assert parse_identifier("88/\u212a").key() == parse_identifier("88/k").key(), "the kelvin sign is a K by NFC"


def test_a_case_sensitive_prefix_folds_itself_but_not_its_suffixes() -> None:
    assert parse_identifier("ab.c/xY").key(case_sensitive=True) == "AB.C/xY"
    assert parse_identifier("ab.c/xY").prefix_key == "AB.C"


def test_folding_keeps_the_normal_form() -> None:
    """`i` with a dot above has no composed form, `I` with a dot above has: folding must not leave the NFC."""
    lower, upper = parse_identifier("88/i\u0307"), parse_identifier("88/I\u0307")
    assert lower.key() == upper.key() == "88/\u0130"
    assert unicodedata.is_normalized("NFC", fold_case("w\u030a i\u0307 t\u0308"))


def test_leading_zeros_make_another_prefix() -> None:
    assert parse_identifier("88.101.42/1").key() != parse_identifier("88.101.0042/1").key()
    assert parse_identifier("88/1").key() != parse_identifier("88/01").key()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("88.118.8/a%2Fb", "88.118.8/a/b"),
        ("88.118.8%2Fa", "88.118.8/a"),
        ("88.118.8/a+b", "88.118.8/a+b"),  # `+` is a letter of identifiers, not a space
        ("88.118.8/a%2Bb%20c", "88.118.8/a+b c"),
        ("88.118.8/%2541", "88.118.8/%41"),  # decoded once, not twice
        ("88.118.8/%e4%b8%ad%E6%96%87", "88.118.8/中文"),
        ("88.118.8/中文", "88.118.8/中文"),  # clients that do not escape
        ("%", None),
        ("88.118.8/100%", None),
        ("88.118.8/%2", None),
        ("88.118.8/%G0", None),
        ("88.118.8/%u4e2d", None),
        ("88.118.8/%%20", None),
        ("88.118.8/%D6%D0", None),  # 中 in GBK
        ("88.118.8/%C0%AF", None),  # an overlong slash
        ("88.118.8/%ED%A0%80", None),  # a surrogate
        ("88.118.8/\udcd6\udcd0", None),  # raw GBK bytes, as the server hands them over
    ],
)
def test_the_path_is_percent_decoded_once_as_utf8(raw: str, text: str | None) -> None:
    if text is not None:
        assert decode_path(raw) == text
        return
    with pytest.raises(IdentifierMalformed) as refused:
        decode_path(raw)
    assert refused.value.reason == "identifier-bad-encoding"


def test_addresses_survive_browsers_that_collapse_dots() -> None:
    assert encode_path("88.118.8/a/b") == "88.118.8/a/b"
    for suffix in ("..", "./x", "a/../b", "a/."):
        assert "/" not in encode_path(f"88.118.8/{suffix}")


def test_quoted_text_in_messages_is_short_and_printable() -> None:
    assert shorten("a\x00b") == "'a\\u0000b'"
    assert len(shorten("x" * 1000)) == 63
    assert shorten("\u202e\ud800").isprintable()
