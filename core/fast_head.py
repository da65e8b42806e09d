"""Header fields of a request on the fast lane: read once for all requests of a client that have the same.

What they say decides whether the lane may answer at all: fields that are the framework's business, or that are said twice, send
the connection there.
"""

from __future__ import annotations

from typing import Any

import httptools

from core.exchange import request_id_of

MOST_BODY = 64 * 1024  # bytes; more goes to the framework, which has its own bound
# Requests with these are the framework's business; so are those that say anything twice.
_ELSEWHERE_FIELDS = frozenset(
    (b"connection", b"expect", b"transfer-encoding", b"upgrade", b"content-encoding", b"trailer", b"te")
)
_KEEP_ALIVE = b"keep-alive"


class Head:
    """The header fields of a request, as one client sends them again and again; shared, so never changed.

    `size` is the stated length of the body, None where none is stated. `memo` is for doors: what they read out of it.
    """

    __slots__ = ("headers", "memo", "size")

    def __init__(self, headers: dict[str, str], size: int | None) -> None:
        self.headers = headers
        self.size = size
        self.memo: Any = None

    def request_id(self) -> str:
        return request_id_of(self.headers.get("x-request-id"))


class _HeadReader:
    """What httptools finds in header fields; `plain` is False where the framework must look at them."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.plain = True

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower in _ELSEWHERE_FIELDS and not (lower == b"connection" and value.lower() == _KEEP_ALIVE):
            self.plain = False
        text = lower.decode("ascii", "replace")
        if text in self.headers:
            self.plain = False
        self.headers[text] = value.decode("utf-8", "surrogateescape").strip(" \t")


def read_head(block: bytes) -> Head | None:
    """Header fields from the CRLF before them to the empty line after them; None where they are not for the lane."""
    reader = _HeadReader()
    try:
        httptools.HttpRequestParser(reader).feed_data(b"POST / HTTP/1.1" + block)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):  # Java asks every server to upgrade to h2c
        return None
    stated = reader.headers.get("content-length")
    if not reader.plain or (stated is not None and not (stated.isascii() and stated.isdigit())):
        return None
    size = int(stated) if stated is not None else None
    return None if size is not None and size > MOST_BODY else Head(reader.headers, size)
