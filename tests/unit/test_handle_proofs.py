"""Answers to challenges: byte vectors recorded between real peers, every form of hash, bounds, keys of each kind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from core.handle.meaning import kept_data, sent_data
from core.handle.proofs import (
    MAX_ITERATIONS,
    Stretching,
    check_key_answer,
    check_named_answer,
    check_secret,
    check_secret_answer,
)
from core.handle.public_keys import jwk_of, read_public_key, same_key
from core.sm2 import Sm2PrivateKey, in_der
from core.values import HandleValue

SECRET, DATA = b"s3cret-Key", b"nonce-and-digest"
# (secret, nonce and digest, answer): a deletion and a verification, of the recorded vectors
RECORDED = [
    (
        "f4ea7bf1271a7970ec7df4bc17b95d5ef9716ad15e09004c78bcc4fe284392e5de5c263ba2e7fa66231a3dc401e7cd43",
        "2200000010cd0da2d66cc8540e1f2d208239ccb43200002710000000a0000000147ab0e15ce251181af6b18262ccb573ddb01d465e",
    ),
    (
        "000000000000000000000000000000001f58b9145b24d108d7ac38887338b3ea3229833b9c1e418250343f907bfd1047",
        "13cd85770ea03c5eb304274083eb53a0b9f93f4435655496ca72d87cb435e198e2",
    ),
]


@pytest.mark.parametrize(("data", "answer"), RECORDED)
def test_recorded_answers_are_accepted_and_no_other_byte_is(data: str, answer: str) -> None:
    assert check_secret_answer(SECRET, bytes.fromhex(answer), bytes.fromhex(data))
    assert not check_secret_answer(b"s3cret-key", bytes.fromhex(answer), bytes.fromhex(data))
    for place in range(0, len(answer) // 2, 5):
        broken = bytearray.fromhex(answer)
        broken[place] ^= 1
        assert not check_secret_answer(SECRET, bytes(broken), bytes.fromhex(data))


@pytest.mark.parametrize(
    ("kind", "name", "mac"),
    [
        (1, "MD5", hashlib.md5(SECRET + DATA + SECRET).digest()),
        (2, "SHA1", hashlib.sha1(SECRET + DATA + SECRET).digest()),
        (3, "SHA-256", hashlib.sha256(SECRET + DATA + SECRET).digest()),
        (0x12, "HMAC-SHA1", hmac.digest(SECRET, DATA, "sha1")),
        (2, "sha", hashlib.sha1(SECRET + DATA + SECRET).digest()),
        (0x13, "hmac-sha256", hmac.digest(SECRET, DATA, "sha256")),
        (0x13, "HmacSHA256", hmac.digest(SECRET, DATA, "sha256")),
    ],
)
def test_each_form_of_hash(kind: int, name: str, mac: bytes) -> None:
    assert check_secret_answer(SECRET, bytes((kind,)) + mac, DATA)
    assert check_named_answer(SECRET, name, mac, DATA)
    assert not check_secret_answer(SECRET, bytes((kind,)) + mac[:-1], DATA)
    assert not check_named_answer(SECRET, name, mac, DATA + b"x")


def stretched(password: bytes, iterations: int = 100, bits: int = 160, salt: bytes = b"salt") -> bytes:
    key = hashlib.pbkdf2_hmac("sha1", password, salt, iterations, bits // 8)
    mac = hmac.digest(key, DATA, "sha1")
    return b"\x22" + struct.pack(">I", len(salt)) + salt + struct.pack(">III", iterations, bits, len(mac)) + mac


def test_a_stretched_secret_is_read_as_latin_1_and_written_as_utf_8() -> None:
    secret = "Kéy密".encode()
    assert check_secret_answer(secret, stretched(secret.decode("latin-1").encode("utf-8")), DATA)
    assert not check_secret_answer(secret, stretched(secret), DATA)
    assert check_named_answer(
        secret,
        "PBKDF2-HMAC-SHA1",
        stretched(secret.decode("latin-1").encode())[-20:],
        DATA,
        Stretching(b"salt", 100, 160),
    )


def test_stretching_is_bounded() -> None:
    assert check_secret_answer(SECRET, stretched(SECRET, 1), DATA)
    head, tail = b"\x22\0\0\0\x04salt", struct.pack(">I", 20) + bytes(20)
    for iterations, bits in ((MAX_ITERATIONS + 1, 160), (2**32 - 1, 160), (0, 160), (10, 0), (10, 2**31), (10, 7)):
        assert not check_secret_answer(SECRET, head + struct.pack(">II", iterations, bits) + tail, DATA)
    assert not check_named_answer(SECRET, "PBKDF2-HMAC-SHA1", bytes(20), DATA, None)
    assert not check_named_answer(SECRET, "PBKDF2-HMAC-SHA1", stretched(SECRET, 2 * MAX_ITERATIONS)[1:], DATA)


@pytest.mark.parametrize("name", ["PBKDF2-HMAC-SHA1", "pbkdf2withHmacSHA1", "PBKDF2HMACSHA1"])
def test_the_parts_of_a_stretched_answer_may_come_together(name: str) -> None:
    assert check_named_answer(SECRET, name, stretched(SECRET)[1:], DATA)
    assert not check_named_answer(SECRET, name, stretched(SECRET)[1:-1], DATA)


def test_the_secret_itself() -> None:
    assert check_secret(SECRET, SECRET) and not check_secret(SECRET, SECRET + b"\0")


def signature_answer(name: str, signature: bytes) -> bytes:
    parts = name.encode(), signature
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def key_value(key: object) -> HandleValue:
    return HandleValue(300, "HS_PUBKEY", jwk_of(key), "key")


def test_rsa_by_both_hashes_in_json_and_in_bytes() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = private.public_key().public_numbers()
    exponent, modulus = b"\1\0\1", b"\0" + numbers.n.to_bytes(256)
    parts = [b"RSA_PUB_KEY", exponent, modulus]
    octets = struct.pack(">I", 11) + parts[0] + b"\0\0" + b"".join(struct.pack(">I", len(p)) + p for p in parts[1:])
    as_bytes = HandleValue(300, "HS_PUBKEY", base64.b64encode(octets).decode(), "base64")
    for value in (key_value(private.public_key()), as_bytes):
        key = read_public_key(value)
        assert key is not None
        for name, algorithm in (("SHA-256", hashes.SHA256()), ("SHA1", hashes.SHA1())):
            signed = private.sign(DATA, padding.PKCS1v15(), algorithm)
            assert check_key_answer(key, signature_answer(name, signed), DATA)
            assert not check_key_answer(key, signature_answer(name, signed), DATA + b"x")
            assert not check_key_answer(key, signature_answer("MD5", signed), DATA)
            assert not check_key_answer(key, signature_answer(name, signed)[:-1], DATA)


def test_dsa_and_ed25519() -> None:
    of_dsa = dsa.generate_private_key(1024)
    key = read_public_key(key_value(of_dsa.public_key()))
    assert key is not None and check_key_answer(key, signature_answer("SHA1", of_dsa.sign(DATA, hashes.SHA1())), DATA)
    of_edwards = ed25519.Ed25519PrivateKey.generate()
    key = read_public_key(key_value(of_edwards.public_key()))
    assert key is not None and check_key_answer(key, signature_answer("", of_edwards.sign(DATA)), DATA)
    assert not check_key_answer(key, signature_answer("", of_edwards.sign(b"other")), DATA)


def test_sm2_in_json_and_in_the_bytes_of_the_national_sdk() -> None:
    private = Sm2PrivateKey.generate()
    spki = private.public.der()
    octets = struct.pack(">I", 11) + b"SM2_PUB_KEY" + b"\0\0" + struct.pack(">I", len(spki)) + spki
    raw = private.sign(DATA)
    for value in (key_value(private.public), HandleValue(300, "HS_PUBKEY", octets.hex(), "hex")):
        assert sent_data(value.format, value.data) == octets
        key = read_public_key(value)
        assert key is not None and same_key(key, spki)
        for name, signature in (("SM3", raw), ("SM3", in_der(raw)), ("", raw)):
            assert check_key_answer(key, signature_answer(name, signature), DATA)
            assert not check_key_answer(key, signature_answer(name, signature), DATA + b"x")
    assert kept_data("HS_PUBKEY", octets) == ("key", jwk_of(private.public))
    off_curve = octets[:-1] + bytes((octets[-1] ^ 1,))
    assert read_public_key(HandleValue(300, "HS_PUBKEY", off_curve.hex(), "hex")) is None
    assert kept_data("HS_PUBKEY", off_curve)[1]["kty"] == "unknown", "kept as it came, and nobody's key"


def test_keys_that_are_none_too_small_or_of_another_type_are_not_read() -> None:
    small = {"kty": "RSA", "n": "AQ", "e": "AQAB"}
    nowhere = {"kty": "EC", "crv": "SM2", "x": "AQ", "y": "AQ"}
    for data, format_ in (
        (small, "key"),
        (nowhere, "key"),
        ({"kty": "oct"}, "key"),
        ({}, "key"),
        ("text", "string"),
        ("AAAA", "base64"),
    ):
        assert read_public_key(HandleValue(1, "HS_PUBKEY", data, format_)) is None
    assert read_public_key(HandleValue(1, "HS_SECKEY", "x")) is None


@given(st.binary(max_size=80))
@settings(max_examples=150)
def test_any_answer_proves_nothing_by_chance(octets: bytes) -> None:
    assert not check_secret_answer(SECRET, octets, DATA)
    assert read_public_key(HandleValue(1, "HS_PUBKEY", octets.hex(), "hex")) is None
