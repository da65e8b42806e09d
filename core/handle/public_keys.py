"""Public keys to work with: out of the data of HS_PUBKEY and back, whether they are fit to be trusted. The one place that makes
keys of the bytes and JSON that `core.handle.keys` describes. Pure.
"""

from __future__ import annotations

import hmac
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa

from core.handle.authority import octets_of
from core.handle.keys import DSA, ED25519, RSA, SM2, KeyData, decode_key, key_as_json, key_from_json, number_bytes
from core.handle.malformed import Malformed
from core.sm2 import Sm2PublicKey, read_public
from core.values import HandleValue

KEY_TYPE = "HS_PUBKEY"
PublicKey = rsa.RSAPublicKey | dsa.DSAPublicKey | ed25519.Ed25519PublicKey | Sm2PublicKey
_MIN_RSA_BITS, _MAX_RSA_BITS, _MAX_EXPONENT_BITS, _MAX_DSA_BITS = 1_024, 8_192, 64, 4_096


def public_key(data: bytes) -> PublicKey:
    """The key that signatures are checked with. Raises `Malformed` for kinds that are not known, and for unfit numbers."""
    key = decode_key(data)
    try:
        if key.kind == RSA:
            return rsa.RSAPublicNumbers(*key.numbers).public_key()
        if key.kind == DSA:
            q, p, g, y = key.numbers
            return dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()
        if key.kind == ED25519:
            return ed25519.Ed25519PublicKey.from_public_bytes(key.parts[0])
        if key.kind == SM2:
            return read_public(key.parts[0])
    except ValueError as wrong:
        raise Malformed(f"the public key cannot be used: {wrong}") from None
    raise Malformed(f"public keys of the kind {key.kind[:40]} are not known")


def encode_public_key(key: PublicKey) -> bytes:
    """As the data of HS_PUBKEY."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return KeyData(RSA, (number_bytes(numbers.e), number_bytes(numbers.n))).encode()
    if isinstance(key, dsa.DSAPublicKey):
        both = key.public_numbers()
        group = both.parameter_numbers
        return KeyData(DSA, tuple(map(number_bytes, (group.q, group.p, group.g, both.y)))).encode()
    if isinstance(key, Sm2PublicKey):
        return KeyData(SM2, (key.der(),)).encode()
    return KeyData(ED25519, (key.public_bytes_raw(),)).encode()


def is_fit(key: PublicKey) -> bool:
    """Neither too small to be trusted nor too large to be handled."""
    if isinstance(key, rsa.RSAPublicKey):
        small_exponent = key.public_numbers().e.bit_length() <= _MAX_EXPONENT_BITS
        return _MIN_RSA_BITS <= key.key_size <= _MAX_RSA_BITS and small_exponent
    return not isinstance(key, dsa.DSAPublicKey) or key.key_size <= _MAX_DSA_BITS


def read_public_key(value: HandleValue) -> PublicKey | None:
    """The key of an HS_PUBKEY value; None where it cannot be read, or is not fit."""
    if value.type != KEY_TYPE:
        return None
    try:
        key = public_key(key_from_json(value.data) if isinstance(value.data, dict) else octets_of(value) or b"")
    except (Malformed, ValueError, UnsupportedAlgorithm):
        return None
    return key if is_fit(key) else None


def same_key(one: PublicKey, der: bytes) -> bool:
    """Whether a key is that of a SubjectPublicKeyInfo in DER, as certificates have it."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    own = one.der() if isinstance(one, Sm2PublicKey) else one.public_bytes(*form)
    return hmac.compare_digest(own, der)


def jwk_of(key: Any) -> dict[str, Any]:
    """A public key as HS_PUBKEY has it in JSON. Raises ValueError for kinds that are not served."""
    if not isinstance(key, PublicKey):
        raise ValueError("must be an RSA, DSA, Ed25519 or SM2 key")
    return key_as_json(encode_public_key(key))
