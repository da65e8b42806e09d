"""The header: 24 bytes before every body (RFC 3652 §2.2.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from core.handle.envelope import ENCRYPTED, ENVELOPE_BYTES
from core.handle.malformed import Malformed

HEADER_BYTES = 24
SERIAL_UNKNOWN = 0xFFFF
_LAYOUT = struct.Struct(">IIIHBBII")
_OPTIONS_AT, _CODE_AT = 2, ENVELOPE_BYTES + 4


@dataclass(frozen=True, slots=True)
class Header:
    """`op` and `code` may be numbers that nobody knows; `expires` is unix seconds; `serial` is of the site info that the
    sender has."""

    op: int
    code: int = 0
    flags: int = 0
    serial: int = SERIAL_UNKNOWN
    recursion: int = 0
    expires: int = 0
    body_bytes: int = 0

    def encode(self) -> bytes:
        return _LAYOUT.pack(
            self.op, self.code, self.flags, self.serial, self.recursion, 0, self.expires, self.body_bytes
        )


def is_answer(message: bytes) -> bool:
    """Whether a whole message says a response code. Of one that is encrypted nobody can tell."""
    return any(message[_CODE_AT : _CODE_AT + 4]) and not message[_OPTIONS_AT] & ENCRYPTED


def decode_header(data: bytes, at: int = 0) -> Header:
    """Raises `Malformed`."""
    if len(data) - at < HEADER_BYTES:
        raise Malformed("the header is not whole")
    op, code, flags, serial, recursion, _, expires, body_bytes = _LAYOUT.unpack_from(data, at)
    return Header(op, code, flags, serial, recursion, expires, body_bytes)
