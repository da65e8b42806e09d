"""A connection in the hands of aiohttp, whose own refusals of what is no HTTP are told as every other problem is."""

from __future__ import annotations

import asyncio
import logging

import orjson
from aiohttp import web

from core.errors import InternalError, Problem, RequestMalformed
from core.exchange import ANY_ORIGIN, request_id_of
from core.negotiation import language
from core.problems import MEDIA_TYPE, document

log = logging.getLogger(__name__)
_SHOWN = 300


class Framework(web.RequestHandler):
    """What a request could not be read for is told in both languages, without naming the software that read it."""

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


def framework(server: web.Server, keepalive_seconds: float) -> Framework:
    """One more connection of `server`."""
    loop = asyncio.get_running_loop()
    return Framework(server, loop=loop, keepalive_timeout=keepalive_seconds, access_log=None)  # type: ignore[arg-type]


def _closing(request: web.BaseRequest, problem: Problem) -> web.Response:
    """The document of a problem after which nothing of the connection can be believed."""
    request_id = request_id_of(None)
    body = document(problem, language=language(request.headers.get("Accept-Language", "")), request_id=request_id)
    headers = {"Content-Type": MEDIA_TYPE, **ANY_ORIGIN, "X-Content-Type-Options": "nosniff"}
    headers |= {"Server": "biaojie", "X-Request-Id": request_id}
    answer = web.Response(status=problem.status, body=orjson.dumps(body), headers=headers)
    answer.force_close()
    return answer
