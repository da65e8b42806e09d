"""Public keys: the data of HS_PUBKEY, and its JSON form, a JWK (RFC 7517).

A key is a string that names its kind, two zero bytes, then numbers as strings, each in two's complement, most significant
byte first: an unsigned number with its highest bit set has a zero byte before it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa

from core.handle.malformed import Malformed
from core.handle.reader import Reader, string, text, u16

RSA, DSA, DH, SM2 = "RSA_PUB_KEY", "DSA_PUB_KEY", "DH_PUB_KEY", "SM2_PUB_KEY"
ED25519 = "ED25519_PUB_KEY"
_NUMBERS = {RSA: ("e", "n"), DSA: ("q", "p", "g", "y"), DH: ("y", "p", "g")}
_KTY = {RSA: "RSA", DSA: "DSA", DH: "DH"}
MAX_NUMBER_BYTES = 2_049  # RSA of 16,384 bits
PublicKey = rsa.RSAPublicKey | dsa.DSAPublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class KeyData:
    """`parts` in the order of the kind, as bytes; `trailing` is what followed them."""

    kind: str
    parts: tuple[bytes, ...]
    options: int = 0
    trailing: bytes = b""

    def encode(self) -> bytes:
        return text(self.kind) + u16(self.options) + b"".join(string(part) for part in self.parts) + self.trailing

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int.from_bytes(part) for part in self.parts)


def decode_key(data: bytes) -> KeyData:
    """A kind that is not known keeps its bytes in `trailing`. Raises `Malformed`."""
    reader = Reader(data)
    kind, options = reader.text(), reader.u16()
    parts = tuple(reader.string() for _ in _NUMBERS.get(kind, ()))
    if kind == ED25519:
        parts = (reader.string(),)
    if any(len(part) > MAX_NUMBER_BYTES for part in parts):
        raise Malformed("the key is too long")
    return KeyData(kind, parts, options, reader.rest())


def number_bytes(number: int) -> bytes:
    """Two's complement of a number that is not negative."""
    return number.to_bytes(number.bit_length() // 8 + 1)


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
    return KeyData(ED25519, (key.public_bytes_raw(),)).encode()


def key_as_json(data: bytes) -> dict[str, Any]:
    """A JWK; what is no key that we know is told as its bytes in base64. Loses nothing: see `key_from_json`."""
    try:
        key = decode_key(data)
    except Malformed:
        return _opaque(data)
    if key.kind == ED25519:
        said: dict[str, Any] = {"kty": "OKP", "crv": "Ed25519", "x": _base64url(key.parts[0])}
    elif key.kind in _NUMBERS:
        said = {"kty": _KTY[key.kind]}
        numbers = zip(_NUMBERS[key.kind], key.numbers, strict=True)
        said |= {name: _base64url(number.to_bytes((number.bit_length() + 7) // 8 or 1)) for name, number in numbers}
    else:
        return _opaque(data)
    return said if key_from_json(said) == data else _opaque(data)


def key_from_json(raw: dict[str, Any]) -> bytes:
    """Raises `Malformed`."""
    try:
        if "bytes" in raw:
            return base64.b64decode(raw["bytes"], validate=True)
        if raw["kty"] == "OKP" and raw.get("crv") == "Ed25519":
            return KeyData(ED25519, (_from_base64url(raw["x"]),)).encode()
        kind = next(kind for kind, kty in _KTY.items() if kty == raw["kty"])
        parts = tuple(number_bytes(int.from_bytes(_from_base64url(raw[name]))) for name in _NUMBERS[kind])
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration, binascii.Error):
        raise Malformed("the key is no JWK of a kind that is known") from None
    return KeyData(kind, parts).encode()


def _opaque(data: bytes) -> dict[str, Any]:
    return {"kty": "unknown", "bytes": base64.b64encode(data).decode()}


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _from_base64url(written: str) -> bytes:
    if len(written) > 2 * MAX_NUMBER_BYTES:
        raise ValueError("too long")
    return base64.b64decode(written + "=" * (-len(written) % 4), altchars=b"-_", validate=True)
