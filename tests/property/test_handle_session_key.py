"""Laws of session keys: what is encrypted is read again, what somebody changed is not taken, garbage is only ever `Malformed`; and
of messages that are cut because they are long."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.handle.codes import Code
from core.handle.credential import Credential
from core.handle.envelope import ENVELOPE_BYTES, TRUNCATED, Envelope, decode_envelope
from core.handle.header import Header
from core.handle.malformed import Malformed
from core.handle.message import Message, read_message
from core.handle.reader import MAX_MESSAGE_BYTES
from core.handle.session_key import (
    AES,
    Group,
    SessionKey,
    key_as_told,
    read_dh_key,
    read_told_dh,
    told_dh,
)
from core.handle.stream import STREAM_PIECE_BYTES, Splitter, cut

LAWS = settings(deadline=None, max_examples=60)
BITS = (1_024, 2_048)
keys = st.binary(min_size=16, max_size=32).map(SessionKey)
ivs = st.binary(min_size=16, max_size=16)
u32 = st.integers(0, 2**32 - 1)
messages = st.builds(
    Message,
    st.builds(Envelope, st.just(2), st.integers(7, 11), st.just(0), st.just(2), st.integers(7, 11), u32, u32),
    st.builds(Header, u32, st.just(0), u32, st.integers(0, 2**16 - 1)),
    st.binary(max_size=60),
)


@given(key=keys, iv=ivs, content=st.binary(max_size=200))
@LAWS
def test_what_is_encrypted_is_read_again(key: SessionKey, iv: bytes, content: bytes) -> None:
    assert key.decrypt(key.encrypt(content, iv)) == content


@given(key=keys, octets=st.binary(max_size=100))
@LAWS
def test_garbage_is_malformed_and_of_one_kind(key: SessionKey, octets: bytes) -> None:
    try:
        key.decrypt(octets)
    except Malformed as wrong:
        assert wrong.code == Code.SESSION_FAILED


@given(key=keys, message=messages, counter=st.integers(1, 2**32 - 1))
@LAWS
def test_who_vouches_for_a_message_is_believed(key: SessionKey, message: Message, counter: int) -> None:
    vouched = replace(message, credential=key.vouch(message.envelope, counter, message.content))
    assert key.counter_of(vouched) == counter
    assert key.counter_of(read_message(vouched.encode())) == counter
    assert key.counter_of(message) == 0


@given(
    key=keys, message=messages, counter=st.integers(1, 2**32 - 2),
    change=st.sampled_from(["body", "op", "flags", "session", "request", "version", "counter", "key", "hash"]),
)  # fmt: skip
@LAWS
def test_whatever_is_changed_is_not_taken(key: SessionKey, message: Message, counter: int, change: str) -> None:
    header, envelope = message.header, message.envelope
    credential = key.vouch(envelope, counter, message.content)
    changed = {
        "body": replace(message, body=message.body + b"x"),
        "op": replace(message, header=replace(header, op=header.op ^ 1)),
        "flags": replace(message, header=replace(header, flags=header.flags ^ 1)),
        "session": replace(message, envelope=replace(envelope, session=envelope.session ^ 1)),
        "request": replace(message, envelope=replace(envelope, request_id=envelope.request_id ^ 1)),
        "version": replace(message, envelope=replace(envelope, minor=18 - envelope.minor)),
    }.get(change, message)
    if change == "version" and changed == message:
        return
    if change == "counter":
        credential = credential[:8] + (counter + 1).to_bytes(4) + credential[12:]
    if change == "hash":
        credential = Credential("HS_MAC", "MD5", b"", counter).encode()
    asked = SessionKey(bytes((key.octets[0] ^ 1,)) + key.octets[1:]) if change == "key" else key
    with pytest.raises(Malformed):
        asked.counter_of(replace(changed, credential=credential))


@given(octets=st.binary(max_size=80))
@LAWS
def test_what_is_no_key_raises_nothing_else(octets: bytes) -> None:
    for read in (key_as_told, read_told_dh, lambda data: read_dh_key(data, BITS)):
        with contextlib.suppress(Malformed):
            read(octets)


@given(private=st.integers(1, 2**256), other=st.integers(1, 2**256), size=st.integers(1_024, 1_100))
@LAWS
def test_a_half_of_an_exchange_is_read_again_and_both_agree(private: int, other: int, size: int) -> None:
    group = Group((1 << (size - 1)) | 12_345, 3)
    mine, theirs = pow(3, private, group.prime), pow(3, other, group.prime)
    cipher, key = read_told_dh(told_dh(group, mine))
    assert cipher == AES and key.numbers == (mine, group.prime, 3)
    if 1 < mine < group.prime - 1:
        assert read_dh_key(group.key_bytes(mine), BITS) == (group, mine)
    assert group.agreed(mine, other) == group.agreed(theirs, private)


@given(octets=st.binary(min_size=16, max_size=16))
@LAWS
def test_a_key_is_understood_as_it_is_told(octets: bytes) -> None:
    assert key_as_told(SessionKey(octets).told()) == key_as_told(octets) == SessionKey(octets)


@given(over=st.integers(-2, 20), behind=st.binary(max_size=30), at=st.integers(0, 400_000))
@settings(deadline=None, max_examples=30)
def test_a_message_that_was_cut_is_one_wherever_the_stream_is(over: int, behind: bytes, at: int) -> None:
    content = STREAM_PIECE_BYTES + over
    message = Message(Envelope(request_id=9), Header(1), bytes(content - 28)).encode()
    following = Message(Envelope(request_id=10), Header(2), behind).encode()
    stream = cut(message) + following
    assert (len(stream) > len(message) + len(following)) is (over > 0)
    splitter = Splitter()
    found = [one for piece in (stream[:at], stream[at:]) for one in splitter.feed(piece)]
    assert found == [message, following] and splitter.held_bytes == 0


@pytest.mark.parametrize("change", ["sequence", "request_id", "length", "options"])
def test_pieces_that_do_not_belong_together_are_refused(change: str) -> None:
    message = Message(Envelope(request_id=9), Header(1), bytes(MAX_MESSAGE_BYTES - 28)).encode()
    stream, place = cut(message), ENVELOPE_BYTES + STREAM_PIECE_BYTES
    second = decode_envelope(stream, place)
    assert second.options == TRUNCATED and second.sequence == 1
    other = replace(second, **{change: getattr(second, change) ^ 0x20})
    with pytest.raises(Malformed):
        list(Splitter().feed(stream[:place] + other.encode() + stream[place + ENVELOPE_BYTES :]))
