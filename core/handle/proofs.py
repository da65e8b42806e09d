"""Whether an answer proves that somebody holds a secret or a private key (RFC 3652 §3.5; clients where the two differ). Pure.

An answer is over the nonce of a challenge and the digest of the request that it guards. Secrets are compared in constant time.
Public keys come as JSON Web Keys (RFC 7517) or in the bytes of HS_PUBKEY (`core.handle.public_keys`). Whatever cannot be read proves
nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from core.handle.malformed import Malformed
from core.handle.public_keys import PublicKey
from core.handle.reader import Reader
from core.sm2 import Sm2PublicKey

SECRET_TYPE = "HS_SECKEY"  # noqa: S105 (a type of values)
MAX_ITERATIONS = 1_000_000
MAX_MAC_BITS = 512
MAX_ANSWER = 16_384
_PLAIN = {1: "md5", 2: "sha1", 3: "sha256"}
_HMAC = {0x12: "sha1", 0x13: "sha256"}
_PBKDF2 = 0x22
# As clients of the HTTP interface name them, in any case and with or without hyphens.
_NAMED = {"MD5": 1, "SHA": 2, "SHA1": 2, "SHA2": 3, "SHA256": 3, "HMACSHA1": 0x12, "HMACSHA256": 0x13}
_NAMED |= {"PBKDF2HMACSHA1": _PBKDF2, "PBKDF2WITHHMACSHA1": _PBKDF2}
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA": hashes.SHA1, "SHA1": hashes.SHA1, "SHA2": hashes.SHA256, "SHA256": hashes.SHA256,
}  # fmt: skip


class Stretching(NamedTuple):
    """How a secret is made into a key. `bits` of the key, not of the secret."""

    salt: bytes
    iterations: int
    bits: int


def check_secret_answer(secret: bytes, answer: bytes, data: bytes) -> bool:
    """An HS_SECKEY answer as on the wire: one byte says how, the rest depends on it. A million iterations take half a second."""
    if not 1 < len(answer) <= MAX_ANSWER:
        return False
    kind, rest = answer[0], answer[1:]
    if kind != _PBKDF2:
        return _check(secret, kind, rest, data, None)
    parts = _pbkdf2_parts(rest)
    return parts is not None and _check(secret, kind, parts[1], data, parts[0])


def check_named_answer(secret: bytes, name: str, mac: bytes, data: bytes, stretching: Stretching | None = None) -> bool:
    """The same as the HTTP interface has it: the way by name, its parts apart, or together as on the wire."""
    kind = _NAMED.get(_plain_name(name), 0)
    if kind == _PBKDF2 and stretching is None and len(mac) <= MAX_ANSWER:
        stretching, mac = _pbkdf2_parts(mac) or (None, b"")
    return _check(secret, kind, mac, data, stretching)


def check_secret(secret: bytes, sent: bytes) -> bool:
    """The secret itself, as a password."""
    return hmac.compare_digest(hashlib.sha256(secret).digest(), hashlib.sha256(sent).digest())


def check_key_answer(key: PublicKey, answer: bytes, data: bytes) -> bool:
    """An HS_PUBKEY answer as on the wire: `str hash name · str signature`."""
    parts = _strings(answer, 2) if len(answer) <= MAX_ANSWER else None
    return parts is not None and check_signature(key, parts[0].decode("latin-1"), parts[1], data)


def check_signature(key: PublicKey, hash_name: str, signature: bytes, data: bytes) -> bool:
    """RSA by PKCS#1 v1.5, DSA in DER; Ed25519 and SM2 (with SM3) have a hash of their own, whatever is named."""
    try:
        if isinstance(key, Sm2PublicKey):
            return key.verifies(data, signature)
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
            return True
        algorithm = _HASHES.get(_plain_name(hash_name).removesuffix("WITHRSA").removesuffix("WITHDSA"))
        if algorithm is None:
            return False
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), algorithm())
        else:
            key.verify(signature, data, algorithm())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _plain_name(name: str) -> str:
    return "".join(filter(str.isalnum, name[:100])).upper()


def _check(secret: bytes, kind: int, mac: bytes, data: bytes, stretching: Stretching | None) -> bool:
    if kind in _PLAIN:
        return hmac.compare_digest(hashlib.new(_PLAIN[kind], secret + data + secret).digest(), mac)
    if kind in _HMAC:
        return hmac.compare_digest(hmac.digest(secret, data, _HMAC[kind]), mac)
    if kind != _PBKDF2 or stretching is None:
        return False
    salt, iterations, bits = stretching
    if not (0 < iterations <= MAX_ITERATIONS and 0 < bits <= MAX_MAC_BITS and bits % 8 == 0 and salt):
        return False
    # Deployed clients take each byte of the secret for a character of Latin-1, and that as UTF-8.
    password = secret.decode("latin-1").encode("utf-8")
    key = hashlib.pbkdf2_hmac("sha1", password, salt, iterations, bits // 8)
    return hmac.compare_digest(hmac.digest(key, data, "sha1"), mac)


def _pbkdf2_parts(rest: bytes) -> tuple[Stretching, bytes] | None:
    if len(rest) < 4:
        return None
    (salt_size,) = struct.unpack_from(">I", rest)
    at = 4 + salt_size
    if len(rest) < at + 12:
        return None
    iterations, bits, mac_size = struct.unpack_from(">III", rest, at)
    mac = rest[at + 12 :]
    return (Stretching(rest[4:at], iterations, bits), mac) if len(mac) == mac_size else None


def _strings(octets: bytes, count: int) -> list[bytes] | None:
    """`count` strs and nothing else."""
    reader = Reader(octets)
    try:
        parts = [reader.string() for _ in range(count)]
        reader.finish()
    except Malformed:
        return None
    return parts
