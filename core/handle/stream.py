"""Messages out of a TCP stream, however it is cut.

The national SDK cuts a message that does not fit into 256 KiB with its envelope, as messages are cut into datagrams: each piece
has an envelope with the length of the whole and its place. Answers are never cut: deployed clients do not put them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from core.handle.envelope import ENVELOPE_BYTES, TRUNCATED, decode_envelope
from core.handle.malformed import Malformed
from core.handle.reader import MAX_MESSAGE_BYTES

STREAM_PIECE_BYTES = MAX_MESSAGE_BYTES - ENVELOPE_BYTES
_FLAGS_AT, _LENGTH_AT = 2, 16


class Splitter:
    """Feed what arrives, take whole messages (envelope included). Holds one unfinished message at most."""

    def __init__(self) -> None:
        self._held = b""

    @property
    def held_bytes(self) -> int:
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises `Malformed` at once for a message over the limit: nothing after it can be found."""
        data = self._held + data if self._held else data
        at = 0
        while (end := next_end(data, at)) is not None:
            yield in_one_piece(data[at:end])
            at = end
        self._held = data[at:]


def next_end(data: bytes, at: int) -> int | None:
    """Where the message that begins at `at` ends, None while it is not whole. Raises `Malformed` over the limit."""
    if len(data) - at < ENVELOPE_BYTES:
        return None
    length = int.from_bytes(data[at + _LENGTH_AT : at + ENVELOPE_BYTES])
    if length > MAX_MESSAGE_BYTES:
        raise Malformed(f"a message says that it has {length} bytes, at most {MAX_MESSAGE_BYTES} are taken")
    end = at + ENVELOPE_BYTES + length
    if length > STREAM_PIECE_BYTES and data[at + _FLAGS_AT] & TRUNCATED:
        end += ENVELOPE_BYTES
    return end if end <= len(data) else None


def in_one_piece(message: bytes) -> bytes:
    """A whole message without the envelopes between its pieces, and not marked as cut. Raises `Malformed` for pieces that do
    not belong together."""
    if not message[_FLAGS_AT] & TRUNCATED:
        return message
    first = decode_envelope(message)
    whole = replace(first, options=first.options & ~TRUNCATED)
    cut = ENVELOPE_BYTES + STREAM_PIECE_BYTES
    if len(message) <= cut:
        return whole.encode() + message[ENVELOPE_BYTES:]
    if first.sequence or decode_envelope(message, cut) != replace(first, sequence=1):
        raise Malformed("the pieces of a message do not belong together")
    return whole.encode() + message[ENVELOPE_BYTES:cut] + message[cut + ENVELOPE_BYTES :]


def cut(message: bytes) -> bytes:
    """A message as the national SDK sends it: in pieces where it is too long for one."""
    envelope = decode_envelope(message)
    if envelope.length <= STREAM_PIECE_BYTES:
        return message
    marked = replace(envelope, options=envelope.options | TRUNCATED)
    places = range(ENVELOPE_BYTES, len(message), STREAM_PIECE_BYTES)
    return b"".join(
        replace(marked, sequence=number).encode() + message[at : at + STREAM_PIECE_BYTES]
        for number, at in enumerate(places)
    )
