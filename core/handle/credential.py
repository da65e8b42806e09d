"""The credential behind a body: who vouches for the message (RFC 3652 §2.2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from core.handle.codes import Code
from core.handle.envelope import Envelope
from core.handle.malformed import Malformed
from core.handle.reader import Reader, string, text, u16, u32

SIGNED, MAC = "HS_SIGNED", "HS_MAC"
_KNOWN = frozenset((1, 3, 7, 8, 9, 10, 11))  # minor versions; 5 and 6 compute theirs in ways of their own


@dataclass(frozen=True, slots=True)
class Credential:
    """`counter` is the signer's index, which sessions count up; `kind` HS_SIGNED or HS_MAC, `hash` as in `SHA-256`."""

    kind: str
    hash: str
    signature: bytes
    counter: int = 0
    signer: str = ""
    options: int = 0
    version: int = 0

    def encode(self) -> bytes:
        """Without the length before it."""
        said = text(self.hash) + string(self.signature)
        head = bytes((self.version, 0)) + u16(self.options)
        return head + text(self.signer) + u32(self.counter) + text(self.kind) + string(said)


def decode_credential(data: bytes) -> Credential:
    """Raises `Malformed` (credential invalid)."""
    try:
        reader = Reader(data)
        version, _ = reader.u8(), reader.u8()
        options, signer, counter, kind = reader.u16(), reader.name(), reader.u32(), reader.text()
        said = Reader(reader.string())
        return Credential(kind, said.text(), said.string(), counter, signer, options, version)
    except Malformed as wrong:
        raise Malformed(f"the credential cannot be read: {wrong.reason}", Code.CREDENTIAL_INVALID) from None


def vouched(envelope: Envelope, counter: int, content: bytes) -> bytes:
    """The bytes that a credential is over, by the version of the message; `content` is header and body.

    Raises `Malformed` for versions whose credentials are not spoken here.
    """
    minor = envelope.minor
    if not signs(envelope):
        raise Malformed(f"credentials of version {envelope.major}.{minor} are not spoken", Code.CREDENTIAL_INVALID)
    if minor < 5:
        return content
    numbers = u32(envelope.session) + u32(envelope.request_id) + u32(counter)
    version = bytes((envelope.major, minor))
    if minor >= 8:
        version += bytes((envelope.suggested_major, envelope.suggested_minor))
    return version + numbers + content


def signs(envelope: Envelope) -> bool:
    """Whether messages of this version have credentials that others compute as we do."""
    return envelope.major == 2 and envelope.minor in _KNOWN
