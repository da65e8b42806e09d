"""Heads of answers on the fast lane."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}


def header_lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def fixed_head(status: int, size: int, headers: Mapping[str, str]) -> bytes:
    """Status line and headers of a body of `size` bytes up to the request id: then comes what differs from one to the next."""
    length = "" if status in (204, 304) else f"Content-Length: {size}\r\n"
    fixed = f"{header_lines(headers)}{length}X-Content-Type-Options: nosniff\r\nServer: biaojie\r\nX-Request-Id: "
    return _STATUS_LINES[status] + fixed.encode("utf-8")
