"""Laws of the Handle codec: what is written is read again, for every message and value type; nothing else than `Malformed` is
ever raised; streams and datagrams may be cut anywhere."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.handle import bodies, sessions
from core.handle.admin_data import AdminData, decode_admin, decode_vlist, encode_vlist
from core.handle.codes import Code, Op
from core.handle.credential import Credential, decode_credential
from core.handle.datagrams import DATAGRAM_BYTES, Reassembly, datagrams_of
from core.handle.envelope import ENVELOPE_BYTES, Envelope, decode_envelope
from core.handle.header import Header, decode_header
from core.handle.keys import DSA, ED25519, RSA, SM2, KeyData, decode_key, key_as_json, key_from_json
from core.handle.malformed import Malformed
from core.handle.meaning import kept_data, kept_value, sent_data, sent_value
from core.handle.message import Message, read_message
from core.handle.reader import MAX_MESSAGE_BYTES, Reader
from core.handle.site import Interface, Server, Site, decode_site, site_as_json, site_from_json
from core.handle.stream import Splitter
from core.handle.wire_value import WireValue, read_value
from core.value_intake import parse_values
from core.values import is_referable, pack, render, unpack

LAWS = settings(deadline=None, max_examples=80)
u8, u16, u32 = st.integers(0, 255), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = texts | st.sampled_from(["88.118.8/SN0001", "0.NA/88.118.8", "88.118.8/汉字"])
octets = st.binary(max_size=40)
references = st.lists(st.tuples(names, u32), max_size=3).map(tuple)
values = st.builds(WireValue, u32, texts, octets, u32, st.integers(0, 1), u32, u8, references)
many = st.lists(values, max_size=3).map(tuple)
indexes = st.lists(u32, max_size=4).map(tuple)
setups = st.one_of(
    st.builds(sessions.SessionSetup, st.just(2), u32, names, u32),
    st.builds(sessions.SessionSetup, st.sampled_from([1, 4]), u32, names, u32, octets),
    st.builds(sessions.SessionSetup, st.just(3), u32, names, u32, st.just(b""), st.tuples(names, u32)),
)
REQUESTS: dict[Op, st.SearchStrategy[Any]] = {
    Op.RESOLVE: st.builds(bodies.Resolve, names, indexes, st.lists(texts, max_size=4).map(tuple)),
    **{
        op: st.builds(bodies.Named, names)
        for op in (Op.SITE_INFO, Op.DELETE, Op.LIST, Op.HOME, Op.UNHOME, Op.LIST_HOMED)
    },
    **{op: st.builds(bodies.Valued, names, many) for op in (Op.CREATE, Op.ADD, Op.MODIFY)},
    Op.REMOVE: st.builds(bodies.Remove, names, indexes),
    Op.ANSWER: st.builds(bodies.ChallengeAnswer, texts, names, u32, octets),
    Op.VERIFY: st.builds(bodies.Verify, names, u32, octets, octets, octets),
    Op.LOGIN: st.builds(bodies.Login, names, u32),
    Op.SESSION_SETUP: setups,
    Op.SESSION_END: st.just(bodies.Empty()),
    Op.DUMP: st.builds(bodies.Opaque, octets),
}
admins = st.builds(AdminData, u16, names, u32, st.sampled_from([b"", b"\0\0", b"x"]))
numbers = st.lists(octets, min_size=2, max_size=2).map(tuple)
keys = st.one_of(
    st.builds(KeyData, st.just(RSA), numbers, u16, st.sampled_from([b"", b"\0"])),
    st.builds(KeyData, st.just(DSA), st.lists(octets, min_size=4, max_size=4).map(tuple)),
    st.builds(KeyData, st.just(ED25519), st.tuples(octets)),
    st.builds(KeyData, st.just(SM2), st.tuples(octets), u16, octets),
    st.builds(KeyData, st.just("SM9_PUB_KEY"), st.just(()), u16, octets),
)
interfaces = st.lists(st.builds(Interface, st.integers(0, 4), st.integers(0, 4), u32), max_size=2).map(tuple)
servers = st.lists(
    st.builds(
        Server,
        u32,
        st.binary(min_size=16, max_size=16) | st.just(bytes(12) + b"\x0a\0\0\1"),
        keys.map(KeyData.encode) | octets,
        interfaces,
    ),
    max_size=2,
).map(tuple)
attributes = st.lists(st.tuples(texts, texts), max_size=2).map(tuple)
sites = st.builds(Site, u8, u8, u16, u8, u8, servers, attributes, texts, u16, st.sampled_from([b"", b"\0"]))
DATA_TYPES: dict[str, tuple[st.SearchStrategy[Any], Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    "HS_ADMIN": (admins, decode_admin, AdminData.encode),
    "HS_VLIST": (references, decode_vlist, encode_vlist),
    "HS_SITE": (sites, decode_site, Site.encode),
    "HS_PUBKEY": (keys, decode_key, KeyData.encode),
}
envelopes = st.builds(
    Envelope, u8, u8, st.sampled_from([0, 0x20, 0x40, 0x80, 0xE0]), st.integers(0, 3), u8, u32, u32, u32, u32
)
headers = st.builds(Header, u32, u32, u32, u16, u8, u32, u32)
credentials = st.builds(Credential, st.sampled_from(["HS_MAC", "HS_SIGNED"]), texts, octets, u32, names, u16, u8)
VECTORS = json.loads((Path(__file__).parents[1] / "conformance" / "handle_wire.json").read_text("utf-8"))["vectors"]
RECORDED = [
    bytes.fromhex(one)
    for v in VECTORS
    for s in v["steps"]
    for one in s.get("packets", [s["hex"]] if "hex" in s else [])
]


@pytest.mark.parametrize("op", REQUESTS, ids=lambda op: op.name)
@given(data=st.data())
@LAWS
def test_a_request_written_is_read(op: Op, data: st.DataObject) -> None:
    request = data.draw(REQUESTS[op])
    written = request.encode()
    assert bodies.decode_request(op, written) == request
    assert bodies.decode_request(op, written).encode() == written


@given(
    valued=st.builds(bodies.Valued, names, many), listed=st.lists(names, max_size=5).map(tuple), verdict=st.booleans()
)
@LAWS
def test_an_answer_written_is_read(valued: bodies.Valued, listed: tuple[str, ...], verdict: bool) -> None:
    assert bodies.decode_valued(valued.encode()) == valued
    assert bodies.decode_names(bodies.encode_names(listed)) == listed
    assert bodies.decode_verdict(bodies.encode_verdict(verdict)) is verdict


@given(offer=st.builds(sessions.SessionOffer, u16, octets), exchange=st.builds(sessions.KeyExchange, octets))
@LAWS
def test_messages_of_sessions_are_read(offer: sessions.SessionOffer, exchange: sessions.KeyExchange) -> None:
    assert sessions.decode_offer(offer.encode()) == offer
    assert sessions.decode_exchange(exchange.encode()) == exchange


@pytest.mark.parametrize("kind", DATA_TYPES)
@given(data=st.data())
@LAWS
def test_data_of_every_type_is_read_and_kept_unchanged(kind: str, data: st.DataObject) -> None:
    made, decode, encode = DATA_TYPES[kind]
    found = data.draw(made)
    written = encode(found)
    assert decode(written) == found
    assert sent_data(*kept_data(kind, written)) == written


@given(kind=st.sampled_from(["URL", "HS_ADMIN", "HS_SITE", "HS_PUBKEY", "HS_VLIST", "HS_SECKEY", "X"]), data=octets)
@LAWS
def test_any_data_is_kept_unchanged(kind: str, data: bytes) -> None:
    assert sent_data(*kept_data(kind, data)) == data


@given(
    site=sites.filter(
        lambda site: all(one.protocol < 4 and one.serves < 4 for s in site.servers for one in s.interfaces)
    )
)
@LAWS
def test_a_site_in_json_is_the_same_site(site: Site) -> None:
    there = site_from_json(site_as_json(site))
    assert [(s.id, s.interfaces, s.address) for s in there.servers] == [
        (s.id, s.interfaces, s.address) for s in site.servers
    ]
    assert (there.serial, there.attributes) == (site.serial, site.attributes)


@given(key=octets | keys.map(KeyData.encode))
@LAWS
def test_a_key_in_json_is_the_same_key(key: bytes) -> None:
    assert key_from_json(key_as_json(key)) == key


times_to_live = st.tuples(st.just(0), st.integers(0, 2**31 - 1)) | st.tuples(st.just(1), u32)
kept_values = st.builds(
    lambda index, kind, data, timestamp, ttl, permissions, named: WireValue(
        index, kind, data, timestamp, *ttl, permissions, named
    ),
    st.integers(1, 2**32 - 1),
    st.sampled_from(["URL", "X.Y", "HS_VLIST"]),
    octets,
    st.integers(1, 2**31),
    times_to_live,
    st.integers(0, 15),
    st.lists(st.tuples(names.filter(is_referable), u32), max_size=3).map(tuple),
)


@given(value=kept_values)
@LAWS
def test_a_value_that_is_kept_travels_as_it_came(value: WireValue) -> None:
    """Out of a message into the store and the JSON of every door, and from each back into a message: the same bytes."""
    kept = kept_value(value)
    assert sent_value(kept, value.timestamp) == value.encode()
    [stored] = unpack(pack([kept]))
    assert sent_value(stored, value.timestamp) == value.encode()
    [read] = parse_values(orjson.loads(orjson.dumps([render(stored, 1)])), "values", [])
    assert sent_value(read, value.timestamp) == value.encode()


@pytest.mark.parametrize(
    "more",
    [
        {"ttl_type": 2}, {"ttl": 2**31}, {"references": (("a/b", 1),) * 101}, {"references": (("", 1),)},
        {"references": (("a/\n", 1),)},
    ],
)  # fmt: skip
def test_a_value_that_would_not_be_kept_whole_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as refused:
        kept_value(WireValue(1, "URL", b"x", **more))
    assert refused.value.code == Code.VALUE_INVALID


@given(envelope=envelopes, header=headers, credential=credentials, body=octets)
@LAWS
def test_a_message_written_is_read(envelope: Envelope, header: Header, credential: Credential, body: bytes) -> None:
    assert decode_envelope(envelope.encode()) == envelope
    assert decode_header(header.encode()) == header
    assert decode_credential(credential.encode()) == credential
    written = Message(envelope, header, body, credential.encode()).encode()
    read = read_message(written)
    assert (read.body, read.credential, read.encode()) == (body, credential.encode(), written)


@given(bodies_=st.lists(st.binary(max_size=60), min_size=1, max_size=5), cuts=st.lists(st.integers(0, 500), max_size=6))
@LAWS
def test_a_stream_may_be_cut_anywhere(bodies_: list[bytes], cuts: list[int]) -> None:
    messages = [Message(Envelope(request_id=n), Header(1), body).encode() for n, body in enumerate(bodies_)]
    stream = b"".join(messages)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    splitter = Splitter()
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    assert [message for piece in pieces for message in splitter.feed(piece)] == messages
    assert splitter.held_bytes == 0


def test_a_message_over_the_limit_ends_a_stream_at_once() -> None:
    with pytest.raises(Malformed):
        list(Splitter().feed(Envelope(length=MAX_MESSAGE_BYTES + 1).encode()))


@given(size=st.integers(0, 3_000), order=st.randoms(use_true_random=False), twice=st.booleans())
@LAWS
def test_datagrams_may_come_in_any_order_and_twice(size: int, order: Any, twice: bool) -> None:
    message = Message(Envelope(request_id=7), Header(1), bytes(range(256)) * 12)
    octets_ = Message(message.envelope, message.header, message.body[:size]).encode()
    pieces = datagrams_of(octets_, mark=True)
    assert all(len(piece) <= DATAGRAM_BYTES for piece in pieces)
    order.shuffle(pieces)
    reassembly = Reassembly()
    found = [whole for piece in pieces if (whole := reassembly.feed("peer", piece, 0.0)) is not None]
    assert found == [octets_]
    if twice and len(pieces) > 1:
        assert reassembly.feed("peer", pieces[0], 0.0) is None


def test_unfinished_messages_are_bounded_in_bytes_and_time() -> None:
    reassembly = Reassembly(most_bytes=20_000, seconds=5.0)
    for number in range(1_000):
        piece = datagrams_of(Message(Envelope(request_id=number), Header(1), bytes(2_000)).encode())[0]
        assert reassembly.feed(("10.0.0.1", number), piece, number / 1_000) is None
        assert reassembly.used_bytes <= 20_000 + 1_000
    late = datagrams_of(Message(Envelope(request_id=1), Header(1), bytes(2_000)).encode())[0]
    reassembly.feed("peer", late, 100.0)
    assert reassembly.used_bytes < 1_000


@given(data=st.binary(max_size=80), op=st.sampled_from(list(Op)))
@LAWS
def test_any_bytes_are_a_value_or_malformed(data: bytes, op: Op) -> None:
    readers: list[Callable[[bytes], Any]] = [
        lambda one: bodies.decode_request(op, one), read_message, decode_credential, decode_site, decode_admin,
        decode_vlist, decode_key, bodies.decode_valued, bodies.decode_names, lambda one: read_value(Reader(one)),
    ]  # fmt: skip
    for read in readers:
        with contextlib.suppress(Malformed):
            read(data)


@given(recorded=st.sampled_from(RECORDED), place=st.integers(0, 600), byte=u8, end=st.integers(0, 600))
@LAWS
def test_a_recorded_message_with_a_byte_changed_is_read_or_malformed(
    recorded: bytes, place: int, byte: int, end: int
) -> None:
    changed = bytearray(recorded)
    changed[place % len(changed)] = byte
    try:
        message = read_message(bytes(changed[: max(end, ENVELOPE_BYTES)]))
        bodies.decode_request(message.header.op, message.body)
    except Malformed:
        pass
