"""Where a call comes from: networks as they are written, and who is behind a proxy."""

from __future__ import annotations

import pytest

from core.addresses import client_address, is_within, parse_network, parse_networks, source_finder

PROXIES = parse_networks("10.0.0.0/8, 2001:db8::/32")


@pytest.mark.parametrize(
    "text", ["", "x", "10.0.0.1/8", "10.0.0.0/33", "2001:db8::1/32", "::ffff:10.0.0.0/104", "fe80::1%eth0"]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not appear|host bits|not written"):
        parse_network(text)


def test_networks_are_read_from_a_list() -> None:
    assert [str(one) for one in PROXIES] == ["10.0.0.0/8", "2001:db8::/32"]
    assert parse_networks("") == parse_networks(" , ") == ()
    assert str(parse_network("192.0.2.7")) == "192.0.2.7/32"


@pytest.mark.parametrize(
    ("address", "within"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("11.0.0.1", False), ("2001:db8::5", True), ("2001:db9::5", False)]
    + [(None, False), ("", False), ("nobody", False)],
)
def test_an_address_is_in_a_network_or_not(address: str | None, within: bool) -> None:
    assert is_within(address, PROXIES) is within


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("::ffff:192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),  # who is no proxy of ours may say what it likes
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),  # the left part the caller has made up
        ("10.0.0.1", ["203.0.113.9", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db9::1]:4711"], "2001:db9::1"),
        ("10.0.0.1", ["2001:db9::1"], "2001:db9::1"),
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),  # nothing beyond what cannot be read
        ("10.0.0.1", ["198.51.100.1, , 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (None, ["198.51.100.1"], None),
    ],
)
def test_the_client_is_the_last_that_a_proxy_of_ours_heard(
    peer: str | None, forwarded: list[str], client: str | None
) -> None:
    assert client_address(peer, forwarded, PROXIES) == client


def test_the_fast_lane_finds_the_same() -> None:
    find = source_finder(PROXIES)
    assert find("10.0.0.1", {"x-forwarded-for": "198.51.100.1, 10.0.0.2"}) == "198.51.100.1"
    assert find("10.0.0.1", {}) == "10.0.0.1"
    assert source_finder(())("10.0.0.1", {"x-forwarded-for": "198.51.100.1"}) == "10.0.0.1"


def test_without_proxies_the_peer_is_the_client_whatever_is_sent() -> None:
    assert client_address("10.0.0.1", ["198.51.100.1"], ()) == "10.0.0.1"
    assert client_address("::ffff:10.0.0.1", ["198.51.100.1"], ()) == "10.0.0.1"
    assert client_address("2001:db8::1", [], ()) == "2001:db8::1"
