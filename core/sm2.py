"""SM2 signatures over SM3 (GB/T 32918.2, GB/T 32905), SM2 encryption (GB/T 32918.4), and the forms their keys are kept in: the one place that knows the
library. Pure.

The arithmetic is `gmalg`'s, in Python: a signature takes some 15 ms and a check some 25 ms, so neither belongs into an event
loop that others wait for. Neither takes the same time for every key; whoever could measure single signatures closely would
learn about the key. This node signs with SM2 only what it sends to the top level by itself, never at a stranger's wish.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Annotated, Final

import gmalg
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509 import ObjectIdentifier

DEFAULT_USER: Final = b"1234567812345678"  # whom nobody named otherwise (GB/T 35276, GM/T 0009)
POINT_BYTES, SCALAR_BYTES, SIGNATURE_BYTES = 65, 32, 64
_EC_KEY, _CURVE = ObjectIdentifier("1.2.840.10045.2.1"), ObjectIdentifier("1.2.156.10197.1.301")
_UNCOMPRESSED = 4
_PRIME = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFF
_B = 0x28E9FA9E_9D9F5E34_4D5A9E4B_CF6509A7_F39789F5_15AB8F92_DDBCBD41_4D940E93
_ORDER = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123
_MOST_FILE_BYTES = 16_384


@asn1.sequence
class _Algorithm:
    kind: ObjectIdentifier
    curve: ObjectIdentifier


@asn1.sequence
class _PublicInfo:
    algorithm: _Algorithm
    point: asn1.BitString


@asn1.sequence
class _PrivateInfo:
    version: int
    algorithm: _Algorithm
    key: bytes


@asn1.sequence
class _EcPrivate:
    version: int
    scalar: bytes
    curve: Annotated[ObjectIdentifier | None, asn1.Explicit(0)]
    point: Annotated[asn1.BitString | None, asn1.Explicit(1)]


_ALGORITHM = _Algorithm(kind=_EC_KEY, curve=_CURVE)


class Sm2PublicKey:
    """`point` is 65 bytes: 4, then both coordinates. Raises ValueError for what is no point of the curve."""

    def __init__(self, point: bytes) -> None:
        if len(point) != POINT_BYTES or point[0] != _UNCOMPRESSED or not _on_curve(point):
            raise ValueError("not a public key of SM2")
        self.point = point

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sm2PublicKey) and other.point == self.point

    def __hash__(self) -> int:
        return hash(self.point)

    def verifies(self, data: bytes, signature: bytes, user: bytes = DEFAULT_USER) -> bool:
        """`signature` in DER, as most software writes it, or as 64 bytes: r, then s."""
        parts = _parts(signature)
        return parts is not None and bool(gmalg.SM2(uid=user, pk=self.point).verify(data, *parts))

    def encrypt(self, plain: bytes) -> bytes:
        """A point, a digest, and what is encrypted, in that order (GB/T 32918.4); some 25 ms."""
        return bytes(gmalg.SM2(pk=self.point).encrypt(plain))

    def der(self) -> bytes:
        """SubjectPublicKeyInfo (RFC 5480, GM/T 0006)."""
        return asn1.encode_der(_PublicInfo(algorithm=_ALGORITHM, point=asn1.BitString(self.point, 0)))

    def pem(self) -> bytes:
        return _pem("PUBLIC KEY", self.der())


class Sm2PrivateKey:
    """`scalar` is 32 bytes. Raises ValueError for what is no private key. `bits` makes random numbers of so many bits: for
    the vectors of the standard; nobody else passes it."""

    def __init__(self, scalar: bytes, bits: Callable[[int], int] | None = None) -> None:
        if len(scalar) != SCALAR_BYTES or not 0 < int.from_bytes(scalar) < _ORDER - 1:
            raise ValueError("not a private key of SM2")
        self.scalar, self._bits = scalar, bits
        self.public = Sm2PublicKey(gmalg.SM2().generate_pk(scalar))

    def __repr__(self) -> str:
        return "Sm2PrivateKey(…)"

    @classmethod
    def generate(cls) -> Sm2PrivateKey:
        scalar, _ = gmalg.SM2().generate_keypair()
        return cls(scalar.rjust(SCALAR_BYTES, b"\0"))

    def sign(self, data: bytes, user: bytes = DEFAULT_USER) -> bytes:
        """64 bytes: r, then s; another pair each time."""
        made = gmalg.SM2(self.scalar, user, self.public.point, rnd_fn=self._bits).sign(data)
        return b"".join(part.rjust(SCALAR_BYTES, b"\0") for part in made)

    def der(self) -> bytes:
        """PrivateKeyInfo (PKCS #8), not encrypted."""
        inner = _EcPrivate(version=1, scalar=self.scalar, curve=None, point=asn1.BitString(self.public.point, 0))
        return asn1.encode_der(_PrivateInfo(version=0, algorithm=_ALGORITHM, key=asn1.encode_der(inner)))

    def pem(self) -> bytes:
        return _pem("PRIVATE KEY", self.der())


def sm3(data: bytes) -> bytes:
    """32 bytes."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def in_der(signature: bytes) -> bytes:
    """A signature of 64 bytes as the sequence that certificates and Java software have."""
    return encode_dss_signature(int.from_bytes(signature[:SCALAR_BYTES]), int.from_bytes(signature[SCALAR_BYTES:]))


def read_public(der: bytes) -> Sm2PublicKey:
    """A SubjectPublicKeyInfo. Raises ValueError, also for keys of other algorithms."""
    found = asn1.decode_der(_PublicInfo, der)
    if not _is_ours(found.algorithm):
        raise ValueError("not a public key of SM2")
    return Sm2PublicKey(bytes(found.point.as_bytes()))


def read_private(der: bytes) -> Sm2PrivateKey:
    """A PrivateKeyInfo that is not encrypted. Raises ValueError, also for keys of other algorithms."""
    found = asn1.decode_der(_PrivateInfo, der)
    if not _is_ours(found.algorithm):
        raise ValueError("not a private key of SM2")
    inner = asn1.decode_der(_EcPrivate, found.key)
    key = Sm2PrivateKey(inner.scalar)
    if inner.point is not None and inner.point.as_bytes() != key.public.point:
        raise ValueError("the public key is not that of the private key")
    return key


def der_of_pem(pem: bytes, label: str) -> bytes:
    """What stands under `label` (`PUBLIC KEY`, `PRIVATE KEY`). Raises ValueError."""
    wanted = re.escape(label.encode())
    pattern = (
        b"-----BEGIN " + wanted + rb"-----([A-Za-z0-9+/=\s]{1,%d})-----END " % _MOST_FILE_BYTES + wanted + b"-----"
    )
    found = re.search(pattern, pem[:_MOST_FILE_BYTES])
    if found is None:
        raise ValueError(f"no {label.lower()} in PEM form")
    try:
        return base64.b64decode(b"".join(found[1].split()), validate=True)
    except binascii.Error:
        raise ValueError(f"no {label.lower()} in PEM form") from None


def _is_ours(algorithm: _Algorithm) -> bool:
    return algorithm.kind == _EC_KEY and algorithm.curve == _CURVE


def _parts(signature: bytes) -> tuple[bytes, bytes] | None:
    if len(signature) == SIGNATURE_BYTES:  # DER is so short once in 2⁴⁰
        return signature[:SCALAR_BYTES], signature[SCALAR_BYTES:]
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(SCALAR_BYTES), s.to_bytes(SCALAR_BYTES)
    except (ValueError, OverflowError):
        return None


def _on_curve(point: bytes) -> bool:
    """y² = x³ − 3x + b. As the curve's order is a prime, there is nothing else to be checked (GB/T 32918.1, 6.2)."""
    x, y = int.from_bytes(point[1 : 1 + SCALAR_BYTES]), int.from_bytes(point[1 + SCALAR_BYTES :])
    return x < _PRIME and y < _PRIME and (y * y - (x * x - 3) * x - _B) % _PRIME == 0


def _pem(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
