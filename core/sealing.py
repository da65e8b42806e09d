"""Personal data at rest: AES-256-GCM, bound to the row and the field that it belongs to.

Sealed bytes are: format (1 byte), id of the key (4 bytes, the beginning of its SHA-256), nonce (12 random bytes), ciphertext
with its tag (NIST SP 800-38D). The place is authenticated with it, so that what is copied into another row or field does
not open there. The first key seals, all of them open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import PersonalDataLocked

KEY_BYTES = 32
_FORMAT = b"\x01"
_KEY_ID_BYTES, _NONCE_BYTES = 4, 12
_HEAD_BYTES = len(_FORMAT) + _KEY_ID_BYTES + _NONCE_BYTES


def new_key() -> str:
    """A key as the settings take one: base64 of 32 random bytes."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Keys separated by commas, the one that seals first. Raises `ValueError`, which never repeats the text."""
    keys = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            key = base64.b64decode(part, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError(f"each key must be base64 of {KEY_BYTES} bytes; `biaojie personal-data new-key` makes one")
        keys.append(key)
    return tuple(keys)


class Vault:
    """What seals and opens. Without keys it does neither."""

    def __init__(self, keys: tuple[bytes, ...] = ()) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0]) if keys else b""

    def require_key(self) -> None:
        """Raises `PersonalDataLocked` where nothing could be sealed."""
        if not self._newest:
            raise PersonalDataLocked()

    def seal(self, plain: bytes, place: str) -> bytes:
        """Raises `PersonalDataLocked`."""
        self.require_key()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, plain, place.encode())
        return _FORMAT + self._newest + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """Raises `PersonalDataLocked` for what none of the keys sealed for this place."""
        head, body = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES:]
        cipher = self._ciphers.get(head[1 : 1 + _KEY_ID_BYTES])
        if cipher is None or not head.startswith(_FORMAT):
            raise PersonalDataLocked(
                "None of the node's keys opens this personal data", "本节点的密钥均无法解密该个人信息"
            )
        try:
            return cipher.decrypt(head[-_NONCE_BYTES:], body, place.encode())
        except (InvalidTag, ValueError):  # the latter: cut short
            raise PersonalDataLocked(
                "This personal data was changed, or moved from where it was sealed", "该个人信息已被改动，或不在原位置"
            ) from None

    @property
    def beginning(self) -> bytes:
        """What everything sealed by the newest key begins with: the rest is to be rotated."""
        return _FORMAT + self._newest


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:_KEY_ID_BYTES]
