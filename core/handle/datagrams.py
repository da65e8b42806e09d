"""Messages cut into datagrams of 512 bytes, and put together again, bounded in memory and time (RFC 3652 §2.3)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from core.handle.envelope import ENVELOPE_BYTES, TRUNCATED, Envelope, decode_envelope
from core.handle.malformed import Malformed

DATAGRAM_BYTES = 512
PIECE_BYTES = DATAGRAM_BYTES - ENVELOPE_BYTES
MAX_DATAGRAM_MESSAGE_BYTES = 65_536
_ENTRY_BYTES = 400


def datagrams_of(message: bytes, *, mark: bool = False) -> list[bytes]:
    """A whole message (envelope included) as it is sent; `mark` sets the bit for pieces, as requests do and answers do not."""
    if len(message) <= DATAGRAM_BYTES:
        return [message]
    envelope = decode_envelope(message)
    if mark:
        envelope = replace(envelope, options=envelope.options | TRUNCATED)
    pieces = range(ENVELOPE_BYTES, len(message), PIECE_BYTES)
    return [
        replace(envelope, sequence=number).encode() + message[at : at + PIECE_BYTES] for number, at in enumerate(pieces)
    ]


@dataclass(slots=True)
class _Unfinished:
    envelope: Envelope
    expires_at: float
    pieces: dict[int, bytes] = field(default_factory=dict)
    received: int = 0


class Reassembly:
    """Pieces by (peer, request id). The oldest give way when `most_bytes` are held; `seconds` is how long one may take."""

    def __init__(self, most_bytes: int = 4 * 1024 * 1024, seconds: float = 5.0) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._unfinished: OrderedDict[tuple[Hashable, int], _Unfinished] = OrderedDict()
        self.used_bytes = 0

    def feed(self, peer: Hashable, datagram: bytes, now: float) -> bytes | None:
        """The whole message (one envelope, not marked as cut), None while pieces are missing. Raises `Malformed`."""
        envelope = decode_envelope(datagram)
        size = len(datagram) - ENVELOPE_BYTES
        if envelope.length == size and envelope.sequence == 0:
            return datagram
        self._forget_late(now)
        if envelope.length > MAX_DATAGRAM_MESSAGE_BYTES:
            raise Malformed(f"a message in datagrams has {envelope.length} bytes, at most {MAX_DATAGRAM_MESSAGE_BYTES}")
        if size != _size_of_piece(envelope):
            raise Malformed("a piece of a message does not have the size that its place says")
        return self._piece((peer, envelope.request_id), envelope, datagram[ENVELOPE_BYTES:], now)

    def _piece(self, key: tuple[Hashable, int], envelope: Envelope, piece: bytes, now: float) -> bytes | None:
        held = self._unfinished.get(key)
        if held is not None and held.envelope.length != envelope.length:  # the number is used anew
            self._forget(key)
            held = None
        if held is None:
            held = self._unfinished[key] = _Unfinished(envelope, now + self._seconds)
            self.used_bytes += _ENTRY_BYTES
        if envelope.sequence not in held.pieces:
            held.pieces[envelope.sequence] = piece
            held.received += len(piece)
            self.used_bytes += len(piece)
        if held.received == envelope.length:
            self._forget(key)
            whole = replace(envelope, sequence=0, options=envelope.options & ~TRUNCATED)
            return whole.encode() + b"".join(held.pieces[number] for number in range(len(held.pieces)))
        while self.used_bytes > self._most_bytes and self._unfinished:
            self._forget(next(iter(self._unfinished)))
        return None

    def _forget_late(self, now: float) -> None:
        while self._unfinished:
            key, oldest = next(iter(self._unfinished.items()))
            if oldest.expires_at > now:
                return
            self._forget(key)

    def _forget(self, key: tuple[Hashable, int]) -> None:
        gone = self._unfinished.pop(key)
        self.used_bytes -= _ENTRY_BYTES + gone.received


def _size_of_piece(envelope: Envelope) -> int:
    """What the piece at this place has to have; -1 where there is no such place."""
    begin = envelope.sequence * PIECE_BYTES
    return min(PIECE_BYTES, envelope.length - begin) if begin < envelope.length else -1
