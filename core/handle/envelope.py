"""The envelope: 20 bytes before every message and every datagram (RFC 3652 §2.2.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from core.handle.codes import MAJOR, MINOR
from core.handle.malformed import Malformed

ENVELOPE_BYTES = 20
COMPRESSED, ENCRYPTED, TRUNCATED = 0x80, 0x40, 0x20
_OPTIONS = COMPRESSED | ENCRYPTED | TRUNCATED
_LAYOUT = struct.Struct(">BBBBIIII")


@dataclass(frozen=True, slots=True)
class Envelope:
    """`length` is of the whole message, not of one datagram of it; `options` are the bits above."""

    major: int = MAJOR
    minor: int = MINOR
    options: int = 0
    suggested_major: int = MAJOR
    suggested_minor: int = MINOR
    session: int = 0
    request_id: int = 0
    sequence: int = 0
    length: int = 0

    @property
    def encrypted(self) -> bool:
        return bool(self.options & ENCRYPTED)

    @property
    def compressed(self) -> bool:
        return bool(self.options & COMPRESSED)

    def encode(self) -> bytes:
        flags = self.options | (self.suggested_major & 3)
        return _LAYOUT.pack(
            self.major,
            self.minor,
            flags,
            self.suggested_minor,
            self.session,
            self.request_id,
            self.sequence,
            self.length,
        )

    def answer(self, session: int | None = None) -> Envelope:
        """Of the answer to a message with this one: the version that both speak, our own highest suggested."""
        major, minor = self.spoken
        return replace(
            self,
            major=major,
            minor=minor,
            options=0,
            suggested_major=MAJOR,
            suggested_minor=MINOR,
            session=self.session if session is None else session,
            sequence=0,
            length=0,
        )

    @property
    def spoken(self) -> tuple[int, int]:
        """The version of an answer: the lower of the message's and the suggested, and never above our own."""
        stated = (self.major, self.minor)
        suggested = (self.suggested_major, self.suggested_minor) if self.suggested_major else stated
        return min(stated, suggested, (MAJOR, MINOR))


def decode_envelope(data: bytes, at: int = 0) -> Envelope:
    """Raises `Malformed`; bits that nobody has defined are passed over."""
    if len(data) - at < ENVELOPE_BYTES:
        raise Malformed("the envelope is not whole")
    major, minor, flags, suggested_minor, session, request_id, sequence, length = _LAYOUT.unpack_from(data, at)
    return Envelope(
        major, minor, flags & _OPTIONS, flags & 3, suggested_minor, session, request_id, sequence, length
    )  # fmt: skip
