"""Bytes that real peers of the Handle protocol sent each other, read and written again by our codec."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from core.handle.bodies import (
    ChallengeAnswer,
    Named,
    Remove,
    Resolve,
    Valued,
    Verify,
    decode_error,
    decode_names,
    decode_nonce,
    decode_request,
    decode_valued,
    decode_verdict,
)
from core.handle.codes import Code, Flag, Op
from core.handle.credential import decode_credential
from core.handle.datagrams import Reassembly, datagrams_of
from core.handle.digest import digest_of, split_digest
from core.handle.message import Message, read_message
from core.handle.site import decode_site
from core.handle.wire_value import WireValue

DATA: dict[str, Any] = json.loads(Path(__file__).with_name("handle_wire.json").read_text("utf-8"))
STEPS = [
    pytest.param(step, id=f"{vector['name']}-{number}-{step['direction']}")
    for vector in DATA["vectors"]
    for number, step in enumerate(vector["steps"])
    if "event" not in step
]


def whole(step: dict[str, Any]) -> bytes:
    """The message of a step, its datagrams put together where it travelled in several."""
    if "hex" in step:
        return bytes.fromhex(step["hex"])
    reassembly, found = Reassembly(), None
    for packet in step["packets"]:
        assert found is None
        found = reassembly.feed("peer", bytes.fromhex(packet), 0.0)
    assert found is not None and reassembly.used_bytes == 0
    return found


@pytest.mark.parametrize("step", STEPS)
def test_envelope_and_header_say_what_was_decoded(step: dict[str, Any]) -> None:
    message = read_message(whole(step))
    envelope, header, said, meant = message.envelope, message.header, step["envelope"], step["message"]
    assert (envelope.major, envelope.minor) == (said["major"], said["minor"])
    assert (envelope.suggested_major, envelope.suggested_minor) == (said["suggest_major"], said["suggest_minor"])
    assert (envelope.session, envelope.request_id, envelope.length) == (
        said["session"],
        said["request_id"],
        said["length"],
    )
    assert (header.op, header.code, header.flags) == (meant["op"], meant["rc"], meant["flags"])
    assert (header.serial, header.expires, header.body_bytes) == (meant["serial"], meant["expiry"], meant["body_len"])
    assert message.credential.hex() == meant["credential"]


@pytest.mark.parametrize("step", STEPS)
def test_written_again_the_bytes_are_the_same(step: dict[str, Any]) -> None:
    octets = whole(step)
    message = read_message(octets)
    body = message.body
    if step["direction"] == "request":
        assert decode_request(message.header.op, body).encode() == body
    if message.credential:
        assert decode_credential(message.credential).encode() == message.credential
    written = Message(message.envelope, message.header, body, message.credential).encode()
    assert written == octets
    if "packets" in step:
        assert [piece.hex() for piece in datagrams_of(written)] == step["packets"]


@pytest.mark.parametrize("step", STEPS)
def test_bodies_say_what_was_decoded(step: dict[str, Any]) -> None:
    message, meant = read_message(whole(step)), step["message"]
    if step["direction"] == "request":
        _same_request(decode_request(message.header.op, message.body), meant)
    else:
        _same_answer(message, meant)


def _same_request(request: Any, meant: dict[str, Any]) -> None:
    match request:
        case Resolve(handle, indexes, types):
            assert (handle, list(indexes), list(types)) == (meant["handle"], meant["indexes"], meant["types"])
        case Valued(handle, values):
            assert (handle, list(map(_value, values))) == (meant["handle"], meant["values"])
        case ChallengeAnswer(kind, handle, index, answer):
            wanted = (meant["auth_type"], meant["auth_handle"], meant["auth_index"], meant["answer"])
            assert (kind, handle, index, answer.hex()) == wanted
        case Named(handle) | Verify(handle=handle) | Remove(handle=handle):
            assert handle == meant["handle"]
        case _:
            raise AssertionError(request)


def _same_answer(message: Message, meant: dict[str, Any]) -> None:
    body, code = message.body, meant["rc"]
    if message.header.flags & Flag.RRDG:
        algorithm, digest, body = split_digest(body)
        assert (algorithm, digest.hex()) == (meant["digest_alg"], meant["digest"])
    if code == Code.AUTHENTICATION_NEEDED:
        assert decode_nonce(body).hex() == meant["nonce"]
    elif code in (Code.SERVICE_REFERRAL, Code.PREFIX_REFERRAL) or (code == 1 and meant["op"] == Op.RESOLVE):
        found = decode_valued(body)
        assert (found.handle, list(map(_value, found.values))) == (meant["handle"], meant["values"])
        assert found.encode() == body
    elif code != Code.SUCCESS:
        assert decode_error(body) == meant["error"]
    elif meant["op"] == Op.SITE_INFO:
        site = decode_site(body)
        assert site.encode() == body
        assert [[name, value] for name, value in site.attributes] == meant["site"]["attributes"]
        assert [one.key.hex() for one in site.servers] == [one["key"] for one in meant["site"]["servers"]]
    elif meant["op"] == Op.LIST:
        assert list(decode_names(body)) == meant["handles"]
    elif meant["op"] == Op.VERIFY:
        assert decode_verdict(body) == meant["valid"]
    else:
        raise AssertionError(meant)


def _value(value: WireValue) -> dict[str, Any]:
    return {
        "index": value.index,
        "timestamp": value.timestamp,
        "ttl_type": value.ttl_type,
        "ttl": value.ttl,
        "perms": value.permissions,
        "type": value.type,
        "data": value.data.hex(),
        "refs": list(value.references),
    }


def test_digests_of_requests_are_those_of_the_peers() -> None:
    checked = 0
    for vector in DATA["vectors"]:
        asked: dict[int, Message] = {}
        for step in vector["steps"]:
            if "event" in step:
                continue
            message = read_message(whole(step))
            if step["direction"] == "request":
                asked[message.envelope.request_id] = message
            elif "digest" in step["message"]:
                found = digest_of(asked[message.envelope.request_id].content, message.envelope.minor)
                assert found == (step["message"]["digest_alg"], bytes.fromhex(step["message"]["digest"]))
                checked += 1
    assert checked >= 4


def test_a_challenge_is_over_nonce_and_digest() -> None:
    """The secret key's answer of the peers, computed from what is known: so that both sides mean the same bytes."""
    steps = next(one["steps"] for one in DATA["vectors"] if one["name"] == "delete_SN0001")
    challenge = next(one["message"] for one in steps if one.get("message", {}).get("rc") == 402)
    answer = bytes.fromhex(next(one["message"]["answer"] for one in steps if one.get("message", {}).get("op") == 200))
    salt, mac = answer[5:21], answer[-20:]
    key = hashlib.pbkdf2_hmac("sha1", DATA["keys"]["secret_key"].encode(), salt, 10_000, 20)
    data = bytes.fromhex(challenge["nonce"]) + bytes.fromhex(challenge["digest"])
    assert hmac.digest(key, data, "sha1") == mac
