"""A body that does not come: its request ends, and does not hold a connection and what was read of it for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

_LINES = "application/x-ndjson"  # whoever answers line by line may be asked line by line
_LEAST_BYTES = 1_024


class BodyStalled(TimeoutError):
    """What reading the body raises from then on. As a timeout it also ends aiohttp's reading of the rest without a word."""


@contextmanager
def body_deadline(request: web.Request, seconds: float) -> Iterator[None]:
    """While this lasts, `seconds` in which less than 1 KiB of the body comes (of lines: nothing) end it, unless it is this side
    that does not read. It is looked at once in so many seconds."""
    if request.content.is_eof():
        yield
        return
    watch = _Watch(request, seconds)
    try:
        yield
    finally:
        watch.end()


class _Watch:
    def __init__(self, request: web.Request, seconds: float) -> None:
        self._request = request
        self._seconds = seconds
        self._least = 1 if request.content_type == _LINES else _LEAST_BYTES
        self._seen = request.content.total_bytes
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds, self._look)

    def end(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        content, transport = self._request.content, self._request.transport
        if content.is_eof() or transport is None:
            return
        came, self._seen = content.total_bytes - self._seen, content.total_bytes
        if came < self._least and transport.is_reading():
            content.set_exception(BodyStalled())
        else:
            self._timer = self._loop.call_later(self._seconds, self._look)
