"""Public keys: the data of HS_PUBKEY, and its JSON form, a JWK (RFC 7517).

A key is a string that names its kind, two zero bytes, then numbers as strings, each in two's complement, most significant
byte first: an unsigned number with its highest bit set has a zero byte before it. A key of SM2 is one string instead, a
SubjectPublicKeyInfo, as the national SDK writes it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from core.handle.malformed import Malformed
from core.handle.reader import Reader, string, text, u16
from core.sm2 import Sm2PublicKey, read_public

RSA, DSA, DH, SM2 = "RSA_PUB_KEY", "DSA_PUB_KEY", "DH_PUB_KEY", "SM2_PUB_KEY"
ED25519 = "ED25519_PUB_KEY"
_NUMBERS = {RSA: ("e", "n"), DSA: ("q", "p", "g", "y"), DH: ("y", "p", "g")}
_KTY = {RSA: "RSA", DSA: "DSA", DH: "DH"}
MAX_NUMBER_BYTES = 2_049  # RSA of 16,384 bits
_WHOLE = (ED25519, SM2)  # one string, which is no number
_SM2_BYTES = 32
SM2_CURVES = ("SM2", "SM2-P-256")  # as HS_PUBKEY and the widest use have it, and as GM/T 0125.4 does


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
    if kind in _WHOLE:
        parts = (reader.string(),)
    if any(len(part) > MAX_NUMBER_BYTES for part in parts):
        raise Malformed("the key is too long")
    return KeyData(kind, parts, options, reader.rest())


def number_bytes(number: int) -> bytes:
    """Two's complement of a number that is not negative."""
    return number.to_bytes(number.bit_length() // 8 + 1)


def key_as_json(data: bytes) -> dict[str, Any]:
    """A JWK; what is no key that we know is told as its bytes in base64. Loses nothing: see `key_from_json`."""
    try:
        key = decode_key(data)
    except Malformed:
        return _opaque(data)
    if key.kind == ED25519:
        said: dict[str, Any] = {"kty": "OKP", "crv": "Ed25519", "x": _base64url(key.parts[0])}
    elif key.kind == SM2 and (point := _point(key.parts[0])):
        x, y = point[1 : 1 + _SM2_BYTES], point[1 + _SM2_BYTES :]
        said = {"kty": "EC", "crv": SM2_CURVES[0], "x": _base64url(x), "y": _base64url(y)}
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
        if raw["kty"] == "EC" and raw.get("crv") in SM2_CURVES:
            point = b"\4" + _from_base64url(raw["x"]) + _from_base64url(raw["y"])
            return KeyData(SM2, (Sm2PublicKey(point).der(),)).encode()
        kind = next(kind for kind, kty in _KTY.items() if kty == raw["kty"])
        parts = tuple(number_bytes(int.from_bytes(_from_base64url(raw[name]))) for name in _NUMBERS[kind])
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration, binascii.Error):
        raise Malformed("the key is no JWK of a kind that is known") from None
    return KeyData(kind, parts).encode()


def _point(der: bytes) -> bytes:
    """Of a key of SM2; empty where it is none."""
    try:
        return read_public(der).point
    except ValueError:
        return b""


def _opaque(data: bytes) -> dict[str, Any]:
    return {"kty": "unknown", "bytes": base64.b64encode(data).decode()}


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _from_base64url(written: str) -> bytes:
    if len(written) > 2 * MAX_NUMBER_BYTES:
        raise ValueError("too long")
    return base64.b64decode(written + "=" * (-len(written) % 4), altchars=b"-_", validate=True)
