"""Laws of finding the client behind proxies, for all headers that anybody may send."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from core.addresses import client_address, is_within, parse_networks

TRUSTED = parse_networks("10.0.0.0/8,fd00::/8")
OURS = st.one_of(
    st.integers(0, 2**24 - 1).map(lambda low: str(IPv4Address(10 << 24 | low))),
    st.integers(0, 2**120 - 1).map(lambda low: str(IPv6Address(0xFD << 120 | low))),
)
ANY = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str))
FOREIGN = ANY.filter(lambda address: not is_within(address, TRUSTED))
HEADERS = st.lists(st.one_of(st.text(), st.lists(ANY).map(", ".join)), max_size=4)


def plain(address: str) -> str:
    mapped = IPv6Address(address).ipv4_mapped if ":" in address else None
    return str(mapped or address)


@given(FOREIGN, HEADERS)
def test_a_stranger_is_who_it_is_whatever_it_sends(peer: str, headers: list[str]) -> None:
    assert client_address(peer, headers, TRUSTED) == plain(peer)


@given(OURS, HEADERS)
def test_behind_a_proxy_the_answer_is_the_proxy_or_stands_in_the_header(peer: str, headers: list[str]) -> None:
    found = client_address(peer, headers, TRUSTED)
    assert found is not None
    assert found == peer or is_within(found, parse_networks(found)), "always an address"


@given(OURS, HEADERS, FOREIGN, st.lists(OURS, max_size=5))
def test_what_stands_left_of_the_client_changes_nothing(
    peer: str, made_up: list[str], client: str, proxies: list[str]
) -> None:
    told = ", ".join([client, *proxies])
    assert client_address(peer, [*made_up, told], TRUSTED) == plain(client)


@given(ANY, HEADERS)
def test_without_proxies_no_header_is_believed(peer: str, headers: list[str]) -> None:
    assert client_address(peer, headers, ()) == (plain(peer) if peer.startswith("::ffff:") else peer)
