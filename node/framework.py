"""A connection in the hands of aiohttp, whose own refusals of what is no HTTP are told as every other problem is."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import orjson
from aiohttp import web

from core.connection_places import ConnectionPlaces
from core.errors import InternalError, Problem, RequestMalformed
from core.exchange import ANY_ORIGIN, request_id_of
from core.negotiation import language
from core.problems import MEDIA_TYPE, document
from core.telemetry import HTTP_REFUSED

log = logging.getLogger(__name__)
_SHOWN = 300
_SWEEP_SECONDS = 5.0
_UNREAD_SECONDS = 120.0


class Framework(web.RequestHandler):
    """What a request could not be read for is told in both languages, without naming the software that read it. It has a place
    among the connections of its worker until it is gone."""

    def __init__(self, frameworks: Frameworks) -> None:
        super().__init__(
            frameworks.server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=frameworks.keepalive_seconds,
            access_log=None,  # type: ignore[arg-type]
        )
        self._frameworks = frameworks
        self._place: str | None = None
        self._sent_through: Any = None  # the transport, for longer than aiohttp keeps it
        self._unread, self._unread_since = 0, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._place = self._frameworks.places.take(str(peer[0]) if isinstance(peer, tuple) else None)
        self._sent_through = transport
        if self._place is None:
            HTTP_REFUSED.inc()
            self._sent_through.abort()
        else:
            self._frameworks.open.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._frameworks.open.discard(self)
        if self._place is not None:
            self._frameworks.places.leave(self._place)
            self._place = None

    def end_if_unread(self, now: float) -> None:
        """Abort where nothing of what was written has been read for long: closing would wait for it for ever."""
        unread = self._sent_through.get_write_buffer_size()
        if not unread or unread != self._unread:
            self._unread, self._unread_since = unread, now
        elif now - self._unread_since > _UNREAD_SECONDS:
            self._sent_through.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        problem: Problem
        if status < 500:
            log.debug("no HTTP from %s: %s", request.remote, message)
            problem = RequestMalformed((message or "cannot be read").partition("\n")[0][:_SHOWN].strip(" :"))
        else:
            log.error("a connection from %s failed", request.remote, exc_info=exc)
            problem = InternalError()
        return _closing(request, problem)


class Frameworks:
    """Makes them, for connections of `server`. One for each worker."""

    def __init__(self, server: web.Server, keepalive_seconds: float, places: ConnectionPlaces) -> None:
        self.server: Any = server
        self.keepalive_seconds: Any = keepalive_seconds
        self.places = places
        self.open: set[Framework] = set()

    def __call__(self) -> Framework:
        return Framework(self)

    async def sweep(self) -> None:
        """End connections whose clients do not read, for ever."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            for connection in list(self.open):
                connection.end_if_unread(now)


def _closing(request: web.BaseRequest, problem: Problem) -> web.Response:
    """The document of a problem after which nothing of the connection can be believed."""
    request_id = request_id_of(None)
    body = document(problem, language=language(request.headers.get("Accept-Language", "")), request_id=request_id)
    headers = {"Content-Type": MEDIA_TYPE, **ANY_ORIGIN, "X-Content-Type-Options": "nosniff"}
    headers |= {"Server": "biaojie", "X-Request-Id": request_id}
    answer = web.Response(status=problem.status, body=orjson.dumps(body), headers=headers)
    answer.force_close()
    return answer
