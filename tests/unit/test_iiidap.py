"""The pure parts of IIIDAP: what is asked, words for industries, limits, the bootstrap registry."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from core.arrivals import ADDRESSES_HELD, MINUTE, Arrivals
from core.errors import IdentifierMalformed, ParameterInvalid, PatternUnsupported
from resolver.iiidap.bootstrap import longest_match, read_services
from resolver.iiidap.query import NamePattern, read_name, read_pattern, read_prefix
from resolver.iiidap.vocabulary import industry_words

SAMPLE = Path(__file__).resolve().parents[1] / "conformance" / "iiidap" / "sample-bootstrap.json"


def test_queries_are_read_once_and_in_nfc() -> None:
    assert read_prefix("88%2E118.8a") == "88.118.8A"
    assert read_name("e%CC%81") == "é"
    assert read_pattern("x=1&name=%E7%94%B2+%E4%B9%99*&name=z") == NamePattern("甲 乙", True)
    assert read_pattern("name=a%2A") == NamePattern("a", True)
    for raw in ("%FF", "a%2Fb", "8", ".8"):
        with pytest.raises(IdentifierMalformed):
            read_prefix(raw)
    for query in ("", "name=", "name=" + "x" * 256, "name=a%00"):
        with pytest.raises(ParameterInvalid):
            read_pattern(query)
    for query in ("name=*", "name=*a", "name=a*b", "name=a**"):
        with pytest.raises(PatternUnsupported):
            read_pattern(query)


@pytest.mark.parametrize(
    ("code", "kind", "finer"),
    [
        ("C", "manufacturing", None),
        ("34", "manufacturing", "general equipment manufacturing"),
        ("3484", "manufacturing", "general equipment manufacturing"),
        ("0111", "agriculture, forestry, animal husbandry and fishery", None),
        ("97", "international organizations", None),
        ("Z", "other", None),
    ],
)
def test_industries_have_the_words_of_the_top_level(code: str, kind: str, finer: str | None) -> None:
    assert industry_words(code) == (kind, finer)


def test_an_address_waits_for_its_share_of_the_minute() -> None:
    limit = Arrivals(2, MINUTE)
    assert [limit.take("203.0.113.1", 100.0) for _ in range(2)] == [0.0, 0.0]
    assert limit.take("203.0.113.1", 100.0) == pytest.approx(30.0)
    assert limit.take("203.0.113.2", 100.0) == 0.0
    assert limit.take("203.0.113.1", 130.0) == 0.0
    assert limit.take("2001:db8::1", 0.0) == limit.take("2001:db8::2", 0.0) == 0.0
    assert limit.take("2001:db8::3", 0.0) > 0.0, "a /64 is one customer"
    for number in range(ADDRESSES_HELD + 5):
        limit.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 200.0)
    assert len(limit._paid_until) == ADDRESSES_HELD


def test_the_longest_run_of_whole_labels_wins() -> None:
    services = read_services(orjson.loads(SAMPLE.read_bytes()))
    assert longest_match(services, "88.608.0042") == "https://sln.example.com/iiidap/", "https before http"
    assert longest_match(services, "88.608.0099.1") == "https://iiidap.eln.example.com/"
    assert longest_match(services, "88.6080") is None


@pytest.mark.parametrize(
    "services",
    [[["88.1"]], [["88.1"], ["https://x/"]], [[["88.1"], ["https://no-slash"]]], [[[8], ["https://x/"]]], [None]],
)
def test_what_cannot_be_read_of_a_registry_is_passed_over(services: object) -> None:
    assert read_services({"services": services}) == {}


@pytest.mark.parametrize("document", [None, [], {}, {"services": {}}])
def test_a_document_that_is_no_registry_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="services"):
        read_services(document)
