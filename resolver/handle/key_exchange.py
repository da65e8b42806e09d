"""Exchanging the key of a session, in the four ways that clients ask for. Pure but for randomness.

`Malformed` is raised for what cannot be exchanged; clients go on without a session then.
"""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.handle.codes import Code
from core.handle.keys import RSA, decode_key
from core.handle.malformed import Malformed
from core.handle.public_keys import PublicKey, is_fit, public_key
from core.handle.session_key import KEY_BYTES, SessionKey, key_as_told, read_dh_key, told_dh
from core.sm2 import Sm2PublicKey

MOST_PRIME_BITS = 2_048  # what a stranger can make this node work: some 5 ms
_PRIVATE_BITS = 256  # an exponent twice as strong as AES-128 needs it


def agree(client_key: bytes, least_bits: int) -> tuple[SessionKey, bytes]:
    """By Diffie-Hellman, in the client's group: the key, and the answer to it. Takes milliseconds."""
    group, public = read_dh_key(client_key, (least_bits, MOST_PRIME_BITS))
    private = secrets.randbits(_PRIVATE_BITS) | 1 << (_PRIVATE_BITS - 1)
    return group.agreed(public, private), told_dh(group, pow(group.base, private, group.prime))


def rsa_key(data: bytes) -> PublicKey:
    """That a client has sent along. Others are not even read: to find out whether one of SM2 is a key is work."""
    if decode_key(data).kind != RSA:
        raise _rsa_needed()
    return public_key(data)


def for_holder(key: PublicKey, least_bits: int, *, sm2: bool = False) -> tuple[SessionKey, bytes]:
    """A new key, and what tells it to whoever has the private key of a public one. `sm2`: also by a key of SM2, which is work."""
    made = SessionKey(secrets.token_bytes(KEY_BYTES))
    if sm2 and isinstance(key, Sm2PublicKey):
        return made, key.encrypt(made.told())
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < least_bits or not is_fit(key):
        raise _rsa_needed()
    try:
        return made, key.encrypt(made.told(), padding.PKCS1v15())
    except ValueError:  # numbers that are none of a key, which only using it shows
        raise _rsa_needed() from None


def from_client(key: rsa.RSAPrivateKey, encrypted: bytes) -> SessionKey:
    """What a client has chosen and encrypted for our public key. Of what is no key nothing is said: who sent it finds that the
    messages of the session are not taken, and who tries ciphertexts of others learns nothing (RFC 5246 §7.4.7.1)."""
    try:
        told = key_as_told(key.decrypt(encrypted, padding.PKCS1v15()))
    except ValueError:
        told = None
    return told or SessionKey(secrets.token_bytes(KEY_BYTES))


def _rsa_needed() -> Malformed:
    return Malformed("a key of RSA of a fit size is needed / 须为大小合适的 RSA 密钥", Code.RSA_KEY_NEEDED)
