"""What a client would rather have, from headers as real clients send them and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.negotiation import language, wants

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "any"),
        ("*/*", "any"),  # curl
        (CHROME, "html"),
        ("application/json", "json"),
        ("application/json, text/plain, */*", "json"),  # axios
        ("APPLICATION/JSON", "json"),
        ("application/json; charset=utf-8", "json"),
        ("application/problem+json", "json"),
        ("text/html;q=0.5, application/json", "json"),
        ("text/html, application/json;q=0.5", "html"),
        ("application/json;q=0, text/html;q=0.1", "html"),
        ("text/html;q=0, application/json;q=0", "any"),
        ("text/html, application/json", "html"),  # a tie is a person's
        ("image/png", "any"),
        ("text/html;q=nan, application/json;q=0.1", "json"),
        ("application/json;q=0.1, text/html;q=-5", "json"),
        ("text/html;q=1e3;q, application/json;q=0.9", "json"),
        (",,;;=,", "any"),
        ("x," * 100_000 + "text/html", "any"),
    ],
)
def test_the_kind_of_answer(accept: str, kind: str) -> None:
    assert wants(accept) == kind


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
        ("zh-TW", "zh"),
        ("ZH-cn", "zh"),
        ("de, zh;q=0.1", "zh"),
        ("de, fr;q=0.5", "en"),
        ("*", "en"),
        ("zh;q=0", "en"),
        ("zh;q=nan, en;q=0.1", "en"),
        ("zha", "en"),
    ],
)
def test_the_language(accept: str, chosen: str) -> None:
    assert language(accept) == chosen


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from("tex/hmlapicon*,;q=.019 -"), max_size=60) | st.text(max_size=60))
def test_no_header_breaks_it(header: str) -> None:
    assert wants(header) in ("html", "json", "any")
    assert language(header) in ("zh", "en")
