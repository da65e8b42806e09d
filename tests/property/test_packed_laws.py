"""Pieces of standby data on the wire: what was packed comes back, and nothing larger than it may be is ever opened."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.takeover.packed import PACKED, PLAIN, NotPacked, pack, unpack

contents = st.binary(max_size=300) | st.builds(
    lambda one, times: one * times, st.binary(max_size=9), st.integers(0, 900)
)


@given(contents)
def test_what_was_packed_comes_back_within_its_bound(content: bytes) -> None:
    assert unpack(pack(content), PACKED, len(content)) == content == unpack(content, PLAIN, len(content))
    if content:
        for body, kind in ((pack(content), PACKED), (content, PLAIN)):
            with pytest.raises(NotPacked):
                unpack(body, kind, len(content) - 1)


@given(contents, st.data())
def test_what_is_cut_or_has_something_behind_it_is_refused(content: bytes, data: st.DataObject) -> None:
    packed = pack(content)
    cut = data.draw(st.integers(0, len(packed) - 1))
    for body in (packed[:cut], packed + b"x", packed + packed):
        with pytest.raises(NotPacked):
            unpack(body, PACKED, 1_000_000)


@given(st.binary(max_size=100))
def test_anything_else_is_refused_or_small(body: bytes) -> None:
    with contextlib.suppress(NotPacked):
        assert len(unpack(body, PACKED, 1_000)) <= 1_000


def test_a_bomb_is_not_opened() -> None:
    with pytest.raises(NotPacked):
        unpack(pack(bytes(200_000_000)), PACKED, 16 * 1024 * 1024)
