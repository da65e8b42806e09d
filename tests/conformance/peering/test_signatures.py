"""The worked vectors of the signature profile, and everything that must be refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.sm2 import Sm2PrivateKey
from sync.signing.keys import (
    Ed25519Signer,
    KeyUnusable,
    Signer,
    Sm2Signer,
    Verifier,
    decode,
    key_of_pem,
    keyid_of,
    load_public,
    load_signer,
    load_verifier,
    new_secret,
    new_seed,
)
from sync.signing.message import Message, make_parameters, read_parameters, signature_base
from sync.signing.request import SignatureRefused, check_reply, check_request, signed_reply, signed_request

HERE = Path(__file__).parent / "samples"
VECTORS: dict[str, Any] = json.loads((HERE / "http" / "signature-vectors.json").read_text())
NOW = 1_795_311_000


def signer(keyid: str) -> Signer:
    key = VECTORS["keys"][keyid]
    return load_signer(key["alg"], keyid, key.get("seed") or key["secret"])


def verifier(keyid: str) -> Verifier:
    key = VECTORS["keys"][keyid]
    return load_verifier(key["alg"], keyid, key.get("public") or key["secret"])


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["alg"])
def test_a_vector_is_made_and_checked_to_the_byte(vector: dict[str, Any]) -> None:
    body = (HERE / vector["body"]).read_bytes()
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    parameters = read_parameters(headers["signature-input"])
    message = Message(headers, body, method=vector["method"], path=vector["path"])
    assert signature_base(message, parameters).decode() == vector["signatureBase"]
    made = signed_request(
        signer(parameters.keyid), headers["idis-app-id"], "POST", "/epp", body,
        request_id=headers["idis-request-id"], nonce=parameters.nonce, now=parameters.created,
    )  # fmt: skip
    assert made == vector["headers"]
    assert check_request(message, lambda _app, keyid: verifier(keyid), NOW + 1, lambda *_: True) == parameters


def request(body: bytes = b"<epp/>", **changed: str) -> Message:
    headers = signed_request(
        signer("sln-88608"), "app", "POST", "/epp", body, request_id="r-1", nonce="n-1", now=NOW
    )  # fmt: skip
    return Message({name.lower(): value for name, value in headers.items()} | changed, body, method="POST", path="/epp")


def refused(message: Message, now: float = NOW, **more: Any) -> str:
    key_of: Callable[[str, str], Verifier | None] = more.get(
        "key_of", lambda app, keyid: verifier(keyid) if (app, keyid) == ("app", "sln-88608") else None
    )
    try:
        check_request(message, key_of, now, more.get("unseen", lambda *_: True))
    except SignatureRefused as wrong:
        return wrong.reason
    return ""


def test_each_breach_is_refused_in_the_agreed_order() -> None:
    good = request()
    assert refused(good) == ""
    unsigned = Message(
        {name: value for name, value in good.headers.items() if not name.startswith("signature")}, good.body
    )
    assert refused(unsigned) == "malformed"
    assert refused(request(**{"idis-app-id": "another"})) == "key-unknown"
    assert refused(good, key_of=lambda *_: verifier("sln-88608-hmac")) == "key-unknown"
    assert refused(good, key_of=lambda *_: verifier("ntln-bms")) == "signature-wrong"
    assert refused(Message(good.headers, b"<epp2/>", method="POST", path="/epp")) == "digest-wrong"
    assert refused(Message(good.headers, good.body, method="POST", path="/other")) == "signature-wrong"
    assert refused(request(**{"idis-request-id": "r-2"})) == "signature-wrong"
    assert refused(good, NOW + 301) == refused(good, NOW - 301) == "time-outside"
    assert refused(good, unseen=lambda *_: False) == "nonce-seen"
    narrow = make_parameters(
        ("@method", "@path", "idis-app-id", "idis-request-id"), created=NOW, lifetime_seconds=300, nonce="n",
        keyid="sln-88608", algorithm="ed25519",
    )  # fmt: skip
    assert refused(request(**{"signature-input": f"idis={narrow.text}"})) == "component-not-covered"


@pytest.mark.parametrize(
    "header", ["", "x", "idis=()", 'idis=("@method" "@method");created=1;expires=2;nonce="a";keyid="b";alg="c"']
)
def test_a_malformed_input_is_refused(header: str) -> None:
    assert refused(request(**{"signature-input": header})) == "malformed"


def test_sm2_signs_where_it_is_configured_and_its_key_is_told_by_its_length() -> None:
    signing = load_signer("sm2-sm3", "sm", new_secret("sm2-sm3"))
    assert isinstance(signing, Sm2Signer) and len(signing.sign(b"base")) == 64
    public = base64.b64encode(signing.public).decode()
    headers = signed_request(signing, "app", "POST", "/epp", b"<epp/>", request_id="r-1", nonce="n-1", now=NOW)
    lower = {name.lower(): value for name, value in headers.items()}
    good = Message(lower, b"<epp/>", method="POST", path="/epp")
    assert refused(good, key_of=lambda *_: load_public("sm", public)) == ""
    assert refused(
        Message(lower, b"<epp/>", method="PUT", path="/epp"), key_of=lambda *_: load_public("sm", public)
    ) == ("signature-wrong")
    another = base64.b64encode(Sm2PrivateKey.generate().public.point).decode()
    assert refused(good, key_of=lambda *_: load_public("sm", another)) == "signature-wrong"
    assert load_public("k", VECTORS["keys"]["ntln-bms"]["public"]).algorithm == "ed25519"
    assert refused(good, key_of=lambda *_: verifier("sln-88608")) == "key-unknown", "never taken for another algorithm"


def test_a_reply_is_the_servers_and_to_this_request() -> None:
    body = b"<epp/>"
    headers = signed_reply(signer("ntln-bms"), 200, body, "application/epp+xml", request_id="r-1", nonce="n", now=NOW)
    message = Message({name.lower(): value for name, value in headers.items()}, body, status=200)
    keys = {"ntln-bms": verifier("ntln-bms")}
    check_reply(message, keys, NOW, "r-1")
    for wrong, request_id in ((message, "r-2"), (Message(message.headers, b"<epp3/>", status=200), "r-1")):
        with pytest.raises(SignatureRefused):
            check_reply(wrong, keys, NOW, request_id)
    with pytest.raises(SignatureRefused):
        check_reply(Message({}, body, status=200), keys, NOW, "r-1")


def test_what_is_no_key_is_refused_in_both_languages() -> None:
    for algorithm, secret in (
        ("ed25519", "AAAA"),
        ("hmac-sha256", "AAAA"),
        ("rsa", new_seed()),
        ("sm2-sm3", "AAAA"),
        ("sm2-sm3", base64.b64encode(b"\xff" * 32).decode()),
        ("ed25519", "!"),
    ):
        with pytest.raises(KeyUnusable) as raised:
            load_signer(algorithm, "k", secret)
        assert raised.value.en and raised.value.zh and secret not in raised.value.en
    with pytest.raises(KeyUnusable):
        new_secret("hmac-sha256")
    for pem in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(KeyUnusable):
            key_of_pem(pem)
    assert len(keyid_of(Ed25519Signer("", decode(new_seed())).public)) == 16
