"""Data units of EPP over TCP (RFC 5734 §4): a length of four bytes, itself included, then the document. Pure."""

from __future__ import annotations

from sync.epp.tree import MOST_BYTES

_HEADER_BYTES = 4


class FrameBroken(Exception):
    """A length that no data unit has; the connection is to be closed."""


def frame(document: bytes) -> bytes:
    return (len(document) + _HEADER_BYTES).to_bytes(_HEADER_BYTES, "big") + document


class Frames:
    """Puts documents together from pieces of any size."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._buffer = most_bytes, bytearray()

    def received(self, piece: bytes) -> list[bytes]:
        """The documents that are whole now. Raises `FrameBroken`."""
        self._buffer += piece
        documents = []
        while len(self._buffer) >= _HEADER_BYTES:
            length = int.from_bytes(self._buffer[:_HEADER_BYTES], "big")
            if not _HEADER_BYTES < length <= self._most:
                raise FrameBroken(f"a data unit of {length} bytes")
            if len(self._buffer) < length:
                break
            documents.append(bytes(self._buffer[_HEADER_BYTES:length]))
            del self._buffer[:length]
        return documents
