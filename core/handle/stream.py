"""Messages out of a TCP stream, however it is cut."""

from __future__ import annotations

from collections.abc import Iterator

from core.handle.envelope import ENVELOPE_BYTES
from core.handle.malformed import Malformed
from core.handle.reader import MAX_MESSAGE_BYTES

_LENGTH_AT = 16


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
            yield data[at:end]
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
    return end if end <= len(data) else None
