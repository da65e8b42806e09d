"""Answers over UDP that are larger than their requests are bounded by network, and nothing is looked up while there is room."""

from __future__ import annotations

import socket
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.handle.amplification import MOST_NETWORKS, AmplifiedBytes, network_of
from resolver.handle.batches import ManyAtOnce, OneByOne, network_of_peer

HERE, THERE = b"\x0a\0\0\1", b"\x0a\0\0\2"


def test_what_a_single_one_may_have_is_not_watched_and_beyond_it_each_has_its_own() -> None:
    bound = AmplifiedBytes(1_000)
    bound.begin(5)
    assert bound.unwatched(600) and bound.unwatched(400)
    assert not bound.unwatched(600)
    assert bound.allows(600, HERE) and not bound.allows(600, HERE) and bound.allows(400, HERE)
    assert not bound.allows(1, HERE) and bound.allows(1_000, THERE)
    bound.begin(5)
    assert not bound.unwatched(1) and not bound.allows(1, HERE), "the same second"
    bound.begin(6)
    assert not bound.unwatched(1) and bound.allows(1_000, HERE), "another, watched from its beginning"
    bound.begin(8)
    assert bound.unwatched(1_000), "after a second of quiet"


def test_no_bound_is_no_bound() -> None:
    bound = AmplifiedBytes(0)
    for second in (1, 2):
        bound.begin(second)
        assert all(bound.unwatched(1 << 20) for _ in range(10))


def test_the_table_is_bounded_and_newcomers_are_not_answered_at_length() -> None:
    bound = AmplifiedBytes(1)
    bound.begin(1)
    assert all(bound.allows(1, number.to_bytes(4)) for number in range(MOST_NETWORKS))
    assert not bound.allows(1, MOST_NETWORKS.to_bytes(4))


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([HERE, THERE]), st.integers(1, 90)), max_size=120))
def test_nobody_gets_more_than_twice_the_bound_in_a_second(answers: list[tuple[int, bytes, int]]) -> None:
    bound, second, sent = AmplifiedBytes(100), 0, Counter[tuple[int, bytes]]()
    for later, network, size in answers:
        second += later
        bound.begin(second)
        if bound.unwatched(size) or bound.allows(size, network):
            sent[second, network] += size
    assert all(size <= 200 for size in sent.values())


@pytest.mark.parametrize("many", [ManyAtOnce, OneByOne])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_batch_tells_the_network_of_a_sender(many: type[ManyAtOnce] | type[OneByOne], host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as here, socket.socket(family, socket.SOCK_DGRAM) as caller:
        for one in (here, caller):
            one.bind((host, 0))
            one.setblocking(False)
        batches = many(here)
        caller.sendto(b"x", here.getsockname())
        assert batches.receive() == 1
        assert batches.network(0) == network_of_peer(batches.peer(batches.sender(0))) == network_of_peer((host, 0))


def test_a_network_is_what_one_sender_has_for_itself() -> None:
    v6 = socket.inet_pton(socket.AF_INET6, "2001:db8:1:2:3:4:5:6")
    assert network_of(v6) == network_of(socket.inet_pton(socket.AF_INET6, "2001:db8:1:2::1")) == v6[:8]
    assert network_of(HERE) == network_of_peer(("10.0.0.1", 5)) == HERE
    mapped = [network_of_peer((f"::ffff:10.0.0.{last}", 5, 0, 0)) for last in (1, 2)]
    assert [one[4:] for one in mapped] == [HERE, THERE]
    assert network_of_peer(("fe80::1%lo", 5, 0, 1)) == b"\xfe\x80" + bytes(6)
