"""What messages with one beginning share: made once, as version, operation, flags and expiration hardly vary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from core.handle.codes import Flag, Op
from core.handle.envelope import Envelope, decode_envelope
from core.handle.header import Header, decode_header
from core.handle.malformed import Malformed
from resolver.handle.resolving import NOT_READY

_HELD = 1_000
F = TypeVar("F")


class Forms(dict[bytes, F | None], Generic[F]):
    """By beginning: envelope without its request id and what follows, header without body length. None: it has no form."""

    def __init__(self, make: Callable[[bytes], F | None]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, beginning: bytes) -> F | None:
        if len(self) >= _HELD:  # a client that varies what it may vary: the few of everybody else are soon back
            self.clear()
        form = self[beginning] = self._make(beginning)
        return form


def beginning_of(data: bytes) -> bytes:
    """Of a message: 28 bytes."""
    return data[:8] + data[20:40]


def plain_request(beginning: bytes) -> tuple[Envelope, Header] | None:
    """Of a resolution that anybody may ask and anybody is told alike: no session, no flag that makes it one of a moment."""
    try:
        envelope, header = decode_envelope(beginning[:8] + bytes(12)), decode_header(beginning[8:] + bytes(4))
    except Malformed:
        return None
    if (header.op, header.code) != (Op.RESOLVE, 0) or header.flags & NOT_READY or envelope.session or envelope.options:
        return None
    return envelope, header


def answered_flags(header: Header) -> bytes:
    return ((header.flags & ~int(Flag.CONT)) | int(Flag.AUTH)).to_bytes(4)
