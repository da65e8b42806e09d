"""Pieces of standby data on the wire: Zstandard (RFC 8878), or as they are. Pure."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKED, PLAIN = "application/zstd", "application/x-ndjson"
_LEVEL = 3


class NotPacked(ValueError):
    """No whole piece within its bounds."""


def pack(content: bytes) -> bytes:
    return zstd.compress(content, level=_LEVEL)


def unpack(body: bytes, media_type: str, most: int) -> bytes:
    """Of either form. Never holds more than `most` and a byte. Raises `NotPacked`."""
    if media_type != PACKED:
        if len(body) > most:
            raise NotPacked(f"more than {most} bytes")
        return body
    opened = zstd.ZstdDecompressor()
    try:
        content = opened.decompress(body, max_length=most + 1)
    except (zstd.ZstdError, EOFError) as wrong:
        raise NotPacked(str(wrong)) from None
    if len(content) > most or not opened.eof or opened.unused_data:
        raise NotPacked(f"more than {most} bytes, or not one whole frame")
    return content
