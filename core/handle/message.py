"""A whole message: envelope, header, body, credential (RFC 3652 §2.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.handle.envelope import ENVELOPE_BYTES, Envelope, decode_envelope
from core.handle.header import HEADER_BYTES, Header, decode_header
from core.handle.malformed import Malformed
from core.handle.reader import MAX_MESSAGE_BYTES, Reader, string


@dataclass(frozen=True, slots=True)
class Message:
    """`content` are the bytes of header and body as they travel, which digests and credentials are over."""

    envelope: Envelope
    header: Header
    body: bytes
    credential: bytes = b""

    @property
    def content(self) -> bytes:
        return replace(self.header, body_bytes=len(self.body)).encode() + self.body

    def encode(self) -> bytes:
        """Lengths are those of what is there, whatever envelope and header say."""
        content = self.content + string(self.credential)
        return replace(self.envelope, length=len(content)).encode() + content


def decode_message(envelope: Envelope, content: bytes) -> Message:
    """What follows an envelope, whole. A credential may be left out altogether. Raises `Malformed`."""
    header = decode_header(content)
    reader = Reader(content, HEADER_BYTES)
    body = reader.octets(header.body_bytes)
    credential = reader.string() if reader.left else b""
    return Message(envelope, header, body, credential)


def read_message(data: bytes) -> Message:
    """From the envelope on, nothing behind it. Raises `Malformed`."""
    envelope = decode_envelope(data)
    if envelope.length > MAX_MESSAGE_BYTES:
        raise Malformed(f"a message says that it has {envelope.length} bytes, at most {MAX_MESSAGE_BYTES}")
    if len(data) - ENVELOPE_BYTES != envelope.length:
        raise Malformed(f"the envelope says {envelope.length} bytes, {len(data) - ENVELOPE_BYTES} follow")
    return decode_message(envelope, data[ENVELOPE_BYTES:])
