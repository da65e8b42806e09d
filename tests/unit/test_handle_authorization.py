"""`Authorization: Handle` as clients write it: quoted or bare, escaped, percent-encoded where the id is; and as a body."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.handle.authorization import MAX_HEADER, body_parameters, header_parameters

_NAME = st.sampled_from(("version", "sessionId", "cnonce", "type", "alg", "signature"))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Handle version="0", sessionId="a/b+c=="', {"version": "0", "sessionid": "a/b+c=="}),
        ('handle  sessionId="s",id="301%3A0.NA/x"', {"sessionid": "s", "id": "301:0.NA/x"}),
        ('Handle version=0, clientCert=true, alg = "SHA\\"1"', {"version": "0", "clientcert": "true", "alg": 'SHA"1'}),
        ('Handle cnonce="x", cnonce="y",,', {"cnonce": "x"}),
        ('Handle sessionId="100%41"', {"sessionid": "100%41"}),
        ("Handle ", {}),
        ('Handle sessionId="s" and more', {}),
        ('Handle sessionId="s', {}),
        ('Basic sessionId="s"', {}),
        (None, {}),
        ('Handle sessionId="' + "x" * MAX_HEADER + '"', {}),
    ],
)
def test_headers_are_read_as_clients_write_them(header: str | None, found: dict[str, str]) -> None:
    assert header_parameters(header) == found


@given(st.dictionaries(_NAME, st.text(st.characters(codec="latin-1"), max_size=40), max_size=6))
@settings(max_examples=100)
def test_what_is_quoted_comes_out_as_it_was(said: dict[str, str]) -> None:
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in said.items()}
    header = "Handle " + ", ".join(f'{name}="{value}"' for name, value in quoted.items())
    assert header_parameters(header) == {name.lower(): value for name, value in said.items()}


@pytest.mark.parametrize("part", ["a", "a=", 'a="', 'a="\\', " ", ",", 'a="",', "a=b"])
def test_no_header_takes_longer_than_it_is_long(part: str) -> None:
    """A stranger's 16 KiB once took two seconds of a worker."""
    began = time.process_time()
    header_parameters(("Handle " + part * MAX_HEADER)[:MAX_HEADER])
    assert time.process_time() - began < 0.2


def test_a_body_says_the_same_members_and_no_others() -> None:
    said = {
        "sessionId": "s",
        "id": "301:0.NA/100%41",
        "clientCert": True,
        "iterations": 10_000,
        "more": "x",
        "alg": None,
    }
    assert body_parameters(said) == {
        "sessionid": "s",
        "id": "301:0.NA/100%41",
        "clientcert": "True",
        "iterations": "10000",
    }
    assert (
        body_parameters([said]) == body_parameters(None) == body_parameters({"sessionId": "x" * (MAX_HEADER + 1)}) == {}
    )
