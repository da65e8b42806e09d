"""Keys that sign and verify: Ed25519, SM2 with SM3, and HMAC-SHA-256 for tests. Pure.

A signature of SM2 is 64 bytes, r and then s, as RFC 9421 has those of other curves; it takes some 15 ms, a check some 25 ms
(`core.sm2`), where Ed25519 takes a tenth of one. A cryptographic card takes one class with these two methods and a line in the two
tables below.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.sm2 import POINT_BYTES, Sm2PrivateKey, Sm2PublicKey, der_of_pem, read_private

ED25519, HMAC_SHA256, SM2_SM3 = "ed25519", "hmac-sha256", "sm2-sm3"
_SEED_BYTES, _LEAST_SECRET_BYTES = 32, 32
_LEAST_KINDS = 12  # of bytes; of 10^24 random keys one has fewer


class KeyUnusable(Exception):
    """The text is no key of this algorithm, or the algorithm is not to be had here. Both sentences never repeat the text."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


class Signer(Protocol):
    keyid: str
    algorithm: str

    def sign(self, base: bytes) -> bytes: ...


class Verifier(Protocol):
    keyid: str
    algorithm: str

    def verifies(self, base: bytes, signature: bytes) -> bool: ...


class Ed25519Verifier:
    algorithm = ED25519

    def __init__(self, keyid: str, public: bytes) -> None:
        """`public`: 32 bytes. Raises `KeyUnusable`."""
        try:
            self._key = Ed25519PublicKey.from_public_bytes(public)
        except ValueError:
            raise _no_key(ED25519) from None
        self.keyid, self.public = keyid, public

    def verifies(self, base: bytes, signature: bytes) -> bool:
        try:
            self._key.verify(signature, base)
        except InvalidSignature:
            return False
        return True


class Ed25519Signer(Ed25519Verifier):
    def __init__(self, keyid: str, seed: bytes) -> None:
        """`seed`: 32 bytes. Raises `KeyUnusable`."""
        if len(seed) != _SEED_BYTES:
            raise _no_key(ED25519)
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        super().__init__(keyid, self._private.public_key().public_bytes(*raw))

    def sign(self, base: bytes) -> bytes:
        return self._private.sign(base)


class HmacKey:
    """Both sides hold it: for tests."""

    algorithm = HMAC_SHA256

    def __init__(self, keyid: str, secret: bytes) -> None:
        if len(secret) < _LEAST_SECRET_BYTES:
            raise _no_key(HMAC_SHA256)
        self.keyid, self._secret = keyid, secret

    def sign(self, base: bytes) -> bytes:
        return hmac.digest(self._secret, base, hashlib.sha256)

    def verifies(self, base: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(self.sign(base), signature)


class Sm2Verifier:
    algorithm = SM2_SM3

    def __init__(self, keyid: str, public: bytes) -> None:
        """`public`: 65 bytes, a point that is not compressed. Raises `KeyUnusable`."""
        try:
            self._key = Sm2PublicKey(public)
        except ValueError:
            raise _no_key(SM2_SM3) from None
        self.keyid, self.public = keyid, public

    def verifies(self, base: bytes, signature: bytes) -> bool:
        return self._key.verifies(base, signature)


class Sm2Signer(Sm2Verifier):
    def __init__(self, keyid: str, secret: bytes) -> None:
        """`secret`: 32 bytes. Raises `KeyUnusable`."""
        try:
            self._private = Sm2PrivateKey(secret)
        except ValueError:
            raise _no_key(SM2_SM3) from None
        super().__init__(keyid, self._private.public.point)

    def sign(self, base: bytes) -> bytes:
        return self._private.sign(base)


def new_seed() -> str:
    """A private key of Ed25519: base64 of 32 random bytes."""
    return base64.b64encode(os.urandom(_SEED_BYTES)).decode()


def new_secret(algorithm: str) -> str:
    """A private key of ed25519 or sm2-sm3, base64 of 32 bytes. Raises `KeyUnusable` for other algorithms."""
    made: dict[str, Callable[[], str]] = {
        ED25519: new_seed, SM2_SM3: lambda: base64.b64encode(Sm2PrivateKey.generate().scalar).decode(),
    }  # fmt: skip
    return made[_known(algorithm, made)]()


def keyid_of(public: bytes) -> str:
    """What a key is called unless the top level calls it otherwise: the beginning of its public half's SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def load_signer(algorithm: str, keyid: str, secret: str) -> Signer:
    """`secret` is base64. Raises `KeyUnusable`."""
    made: dict[str, type[Ed25519Signer] | type[HmacKey] | type[Sm2Signer]] = {
        ED25519: Ed25519Signer, HMAC_SHA256: HmacKey, SM2_SM3: Sm2Signer,
    }  # fmt: skip
    return made[_known(algorithm, made)](keyid, decode(secret))


def load_verifier(algorithm: str, keyid: str, public: str) -> Verifier:
    """`public` is base64: the public key, of HMAC the secret itself. Raises `KeyUnusable`."""
    made: dict[str, type[Ed25519Verifier] | type[HmacKey] | type[Sm2Verifier]] = {
        ED25519: Ed25519Verifier, HMAC_SHA256: HmacKey, SM2_SM3: Sm2Verifier,
    }  # fmt: skip
    return made[_known(algorithm, made)](keyid, decode(public))


def load_public(keyid: str, public: str) -> Verifier:
    """A public key of ed25519 or sm2-sm3, told apart by its length; `public` is base64. Raises `KeyUnusable`."""
    algorithm = SM2_SM3 if len(decode(public)) == POINT_BYTES else ED25519
    return load_verifier(algorithm, keyid, public)


def key_of_pem(pem: bytes) -> tuple[str, str]:
    """Algorithm and private key, as base64, of an unencrypted PKCS #8 file of Ed25519 or SM2. Raises `KeyUnusable`."""
    try:
        return SM2_SM3, base64.b64encode(read_private(der_of_pem(pem, "PRIVATE KEY")).scalar).decode()
    except ValueError:  # of another algorithm
        pass
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _no_key(f"{ED25519}, {SM2_SM3}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(f"{ED25519}, {SM2_SM3}")
    return ED25519, base64.b64encode(key.private_bytes_raw()).decode()


def refuse_weak(secret: str) -> None:
    """Nobody draws 32 bytes of so few kinds by chance: a placeholder, not a key. Raises `KeyUnusable`."""
    if len(set(decode(secret))) < _LEAST_KINDS:
        raise KeyUnusable("the private key is no random number", "私钥不是随机数")


def decode(text: str) -> bytes:
    """Raises `KeyUnusable`."""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise KeyUnusable("the key is not base64", "密钥不是有效的 base64") from None


def _known(algorithm: str, made: Mapping[str, object]) -> str:
    if algorithm not in made:
        raise KeyUnusable(f"{algorithm[:40]} is no algorithm known here", f"未知的签名算法 {algorithm[:40]}")
    return algorithm


def _no_key(algorithm: str) -> KeyUnusable:
    return KeyUnusable(f"this is not a key of {algorithm}", f"不是有效的 {algorithm} 密钥")
