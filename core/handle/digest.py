"""The digest of a request, first thing in the body of an answer that has RRDG (RFC 3652 §2.2.2.3)."""

from __future__ import annotations

import hashlib

from core.handle.malformed import Malformed

MD5, SHA1, SHA256 = 1, 2, 3
_SIZES = {MD5: 16, SHA1: 20, SHA256: 32}
_SHA256_FROM = 7  # minor version


def digest_of(content: bytes, minor: int) -> tuple[int, bytes]:
    """(algorithm, digest) over a request's header and body as received, for an answer of this minor version."""
    if minor >= _SHA256_FROM:
        return SHA256, hashlib.sha256(content).digest()
    return SHA1, hashlib.sha1(content, usedforsecurity=False).digest()


def prefixed(digest: tuple[int, bytes], body: bytes) -> bytes:
    return bytes((digest[0],)) + digest[1] + body


def split_digest(body: bytes) -> tuple[int, bytes, bytes]:
    """(algorithm, digest, what follows). Raises `Malformed`."""
    size = _SIZES.get(body[0]) if body else None
    if size is None or len(body) < 1 + size:
        raise Malformed("the digest of the request cannot be read")
    return body[0], body[1 : 1 + size], body[1 + size :]
