"""Connections are counted of networks, as one sender has them, and a place that is left is free."""

from __future__ import annotations

import pytest

from core.arrivals import network_of
from core.connection_places import ConnectionPlaces
from registry.snms.attempts import SOURCE, Attempts


def test_an_address_of_ipv6_is_one_with_its_network_and_mapped_ipv4_is_not() -> None:
    places = ConnectionPlaces(10, 1)
    first = places.take("2001:db8:1:2::1")
    assert first is not None
    assert places.take("2001:db8:1:2:ffff::9") is None
    assert places.take("2001:db8:1:3::1") is not None
    assert (places.take("::ffff:10.0.0.1"), places.take("::ffff:10.0.0.2")) == ("10.0.0.1", "10.0.0.2")
    assert places.take("10.0.0.1") is None
    places.leave(first)
    assert places.take("2001:db8:1:2::2") == first


def test_all_together_have_so_many_and_every_place_comes_back() -> None:
    places = ConnectionPlaces(3, 2)
    held = [places.take(address) for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2")]
    assert None not in held
    assert places.take("10.0.0.3") is None
    for network in held:
        places.leave(network or "")
    assert places.taken == 0
    assert not places._by_network


def test_nothing_is_bounded_where_nothing_is_asked_for() -> None:
    places = ConnectionPlaces()
    assert all(places.take("10.0.0.1") for _ in range(100))


@pytest.mark.parametrize("name", ["", "mes"])
def test_whoever_changes_the_address_within_a_network_has_no_more_attempts(name: str) -> None:
    attempts = Attempts()
    waits = [attempts.take(name + str(n), f"2001:db8::{n:x}", 0.0) for n in range(SOURCE.burst + 1)]
    assert not any(waits[:-1])
    assert waits[-1] > 0
    assert attempts.take(name, "2001:db8:0:1::1", 0.0) == 0
    assert network_of("fe80::1%lo") == "fe80:0000:0000:0000"
