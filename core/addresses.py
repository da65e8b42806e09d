"""Addresses that calls come from: networks as settings and keys name them, and who is behind a proxy. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
_MAPPED = "::ffff:"
_MAX_HOPS = 32


def parse_network(text: str) -> Network:
    """`10.1.0.0/16`, `2001:db8::/32`, or one address. Raises ValueError: for bits beyond the mask too, and for forms that
    no address is compared in (IPv4 written as IPv6, zones)."""
    found = ip_network(text.strip())
    if isinstance(found, IPv6Network) and (found.network_address.ipv4_mapped or "%" in text):
        raise ValueError(f"'{text.strip()}' is not written as addresses are compared")
    return found


def parse_networks(text: str) -> tuple[Network, ...]:
    """Comma-separated networks; empty text is none. Raises ValueError."""
    return tuple(parse_network(part) for part in text.split(",") if part.strip())


def is_within(address: str | None, networks: Iterable[Network]) -> bool:
    """Whether the address is in one of the networks; what is no address is in none."""
    found = _address(address or "")
    return found is not None and any(found in network for network in networks)


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address, and one of a machine."""
    found = _address(text)
    return found is not None and not found.is_unspecified


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """Where a call comes from. `peer` is the other end of the connection, `forwarded` the `X-Forwarded-For` headers in order.

    Each proxy appends whom it heard the call from, so only the right end is to be believed: from there on leftwards for as
    long as it was one of `trusted` that says so. What no proxy of ours wrote, and what is no address, is never given.
    """
    if peer is not None and peer.startswith(_MAPPED):
        peer = _plain(peer)  # a socket for both families shows IPv4 so
    if not trusted or not is_within(peer, trusted):
        return peer
    for hop in reversed(",".join(forwarded).rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]):
        found = _address(_without_port(hop.strip()))
        if found is None:
            return peer
        peer = str(found)
        if not any(found in network for network in trusted):
            return peer
    return peer


def source_finder(trusted: Sequence[Network]) -> Callable[[str | None, Mapping[str, str]], str | None]:
    """`client_address` for requests whose headers are looked up in lower case and of which none is there twice."""

    def find(peer: str | None, headers: Mapping[str, str]) -> str | None:
        return client_address(peer, (headers.get("x-forwarded-for", ""),) if trusted else (), trusted)

    return find


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _plain(text: str) -> str:
    return str(_address(text) or text)


def _without_port(text: str) -> str:
    """Some proxies write `192.0.2.1:443` and `[2001:db8::1]:443`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
