"""What a session key does: encrypt messages, vouch for them (HS_MAC), and how it comes out of an exchange (RFC 3652 §3.8). Pure.

Encrypted is what follows the envelope, credential and all: AES-128 in CBC mode with the padding of PKCS #7, a random beginning
of 16 bytes before it. Of a longer key the cipher takes the first 16 bytes, the MAC all. DES and triple DES, which older clients
knew, are not spoken. A MAC is over what `core.handle.credential` says, counter and numbers of the envelope included.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from core.handle.codes import Code
from core.handle.credential import MAC, Credential, decode_credential, vouched
from core.handle.envelope import Envelope
from core.handle.keys import DH, KeyData, decode_key, number_bytes
from core.handle.malformed import Malformed
from core.handle.message import Message
from core.handle.reader import Reader, u32

DES, TRIPLE_DES, AES = 1, 2, 3
KEY_BYTES = IV_BYTES = 16
LEAST_MINOR = 7  # before it a MAC covers no counter, and a message could be sent again
_BLOCK_BITS = 128
_SHARED_BYTES = 32
_KEY_SIZES = (16, 24, 32)
_HASHES = {"HMACSHA256": "sha256", "HMACSHA1": "sha1"}
_MAC_HASH = "HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class SessionKey:
    """At least 16 bytes, as both sides hold them."""

    octets: bytes = field(repr=False)

    def encrypt(self, content: bytes, iv: bytes) -> bytes:
        """`iv`: 16 random bytes."""
        padder = PKCS7(_BLOCK_BITS).padder()
        cipher = self._cipher(iv).encryptor()
        return iv + cipher.update(padder.update(content) + padder.finalize()) + cipher.finalize()

    def decrypt(self, octets: bytes) -> bytes:
        """Raises `Malformed` (session failed)."""
        iv, rest = octets[:IV_BYTES], octets[IV_BYTES:]
        if not rest or len(rest) % IV_BYTES:
            raise unreadable()
        cipher, unpadder = self._cipher(iv).decryptor(), PKCS7(_BLOCK_BITS).unpadder()
        try:
            return unpadder.update(cipher.update(rest) + cipher.finalize()) + unpadder.finalize()
        except ValueError:
            raise unreadable() from None

    def vouch(self, envelope: Envelope, counter: int, content: bytes) -> bytes:
        """The credential of a message with this envelope, header and body. Raises `Malformed` for versions without."""
        mac = hmac.digest(self.octets, vouched(envelope, counter, content), "sha256")
        return Credential(MAC, _MAC_HASH, mac, counter).encode()

    def counter_of(self, message: Message) -> int:
        """Of a message that somebody with this key vouches for; 0 has no credential at all. Raises `Malformed` (session key
        invalid; session failed for versions whose messages could be sent again)."""
        said = decode_credential(message.credential) if message.credential else None
        if said is None or said.kind != MAC:
            return 0
        if message.envelope.minor < LEAST_MINOR:
            raise Malformed("sessions are of version 2.7 or later / 会话须使用 2.7 及以上版本", Code.SESSION_FAILED)
        name = _HASHES.get(said.hash.upper().replace("-", ""))
        over = vouched(message.envelope, said.counter, message.content)
        if (
            name is None
            or not said.counter
            or not hmac.compare_digest(hmac.digest(self.octets, over, name), said.signature)
        ):
            raise Malformed("the message is not of this session / 消息不属于该会话", Code.SESSION_KEY_MISSING)
        return said.counter

    def _cipher(self, iv: bytes) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self.octets[:KEY_BYTES]), modes.CBC(iv))

    def told(self) -> bytes:
        """As it travels, encrypted by a public key: what it is for, then its bytes."""
        return u32(AES) + self.octets


def key_as_told(octets: bytes) -> SessionKey | None:
    """What a client has sent, decrypted; None for what is no key. Some leave out what it is for. Raises `Malformed` for the
    ciphers that are not spoken."""
    if len(octets) in _KEY_SIZES:
        return SessionKey(octets)
    algorithm, rest = int.from_bytes(octets[:4]), octets[4:]
    if algorithm in (DES, TRIPLE_DES) and len(rest) == 8 * (1 if algorithm == DES else 3):
        raise Malformed("sessions are encrypted by AES alone / 会话仅支持 AES 加密", Code.SESSION_FAILED)
    return SessionKey(rest) if algorithm == AES and len(rest) in _KEY_SIZES else None


@dataclass(frozen=True, slots=True)
class Group:
    """Of a Diffie-Hellman exchange: a prime, and what is raised to powers."""

    prime: int
    base: int

    def key_bytes(self, public: int) -> bytes:
        """A public number of this group as the data of HS_PUBKEY."""
        return KeyData(DH, tuple(map(number_bytes, (public, self.prime, self.base)))).encode()

    def agreed(self, public: int, private: int) -> SessionKey:
        """What both sides get. Deployed clients take the number in as many bytes as the prime has, leave out zeros before it
        while more than 32 bytes are left, and take 32."""
        octets = pow(public, private, self.prime).to_bytes((self.prime.bit_length() + 7) // 8)
        zeros = len(octets) - len(octets.lstrip(b"\0"))
        begin = min(zeros, max(0, len(octets) - _SHARED_BYTES))
        return SessionKey(octets[begin : begin + _SHARED_BYTES])


def read_dh_key(data: bytes, bits: tuple[int, int]) -> tuple[Group, int]:
    """The group and the public number of the other side; `bits`: least and most of the prime. Raises `Malformed`."""
    key = decode_key(data)
    if key.kind != DH:
        raise Malformed("the key is none of a Diffie-Hellman exchange / 不是 Diffie-Hellman 密钥", Code.SESSION_FAILED)
    public, prime, base = key.numbers
    fits = bits[0] <= prime.bit_length() <= bits[1] and prime % 2
    if not fits or not (1 < base < prime - 1 and 1 < public < prime - 1):
        raise Malformed(
            f"the prime must have {bits[0]} to {bits[1]} bits / 素数须为 {bits[0]}–{bits[1]} 位", Code.SESSION_FAILED
        )
    return Group(prime, base), public


def told_dh(group: Group, public: int) -> bytes:
    """The server's half of an exchange, as an answer to setup has it: which cipher, then its public key."""
    return u32(AES) + group.key_bytes(public)


def read_told_dh(data: bytes) -> tuple[int, KeyData]:
    """(cipher, the server's key). Raises `Malformed`."""
    reader = Reader(data)
    return reader.u32(), decode_key(reader.rest())


def unreadable() -> Malformed:
    """One answer for everything that can be wrong with an encrypted message: a difference would help to read others'."""
    return Malformed(
        "the message cannot be read with the key of the session / 无法用会话密钥读取消息", Code.SESSION_FAILED
    )
