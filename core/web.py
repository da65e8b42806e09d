"""The edge of HTTP: reading bodies and paths, answering JSON, turning problems into documents."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import HttpVersion10, HttpVersion11, web

from core.addresses import Network, client_address
from core.body_deadline import BodyStalled, body_deadline
from core.errors import (
    BodyInvalid,
    BodyNotJson,
    BodyOverdue,
    BodyTooLarge,
    FieldProblem,
    InternalError,
    MethodNotAllowed,
    PageUnknown,
    ParameterInvalid,
    Problem,
    RequestMalformed,
)
from core.exchange import ANY_ORIGIN, NOT_KEPT, Answer, Ask, json_body, request_id_of
from core.exchange import now as now
from core.identifier import Identifier, identifier_in_url
from core.negotiation import language
from core.problems import MEDIA_TYPE, document
from core.rate_limit import RATE_FIELDS
from core.telemetry import observe_request

log = logging.getLogger(__name__)
_SPOKEN = (HttpVersion11, HttpVersion10)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST_ID = web.RequestKey("request_id", str)
TRUSTED_PROXIES: web.AppKey[tuple[Network, ...]] = web.AppKey("trusted_proxies", tuple)
# A page instead of a JSON document, where the client is a browser; set by the roof.
PROBLEM_PAGE: web.AppKey[Callable[[web.Request, Problem], web.Response | None]] = web.AppKey("problem_page")


def json_answer(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return json_bytes(orjson.dumps(data), status=status, headers=headers)


def json_bytes(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=body, status=status, headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    )


def source_of(request: web.Request) -> str | None:
    """The address that the request comes from, behind proxies too where they are known."""
    trusted = request.app[TRUSTED_PROXIES]
    forwarded = request.headers.getall("X-Forwarded-For", ()) if trusted else ()
    return client_address(request.remote, forwarded, trusted)


async def read_json(request: web.Request) -> Any:
    """The body as JSON. Raises `BodyTooLarge`, `BodyNotJson`."""
    return json_body(await _read_body(request))


def ask_of(request: web.Request, body: bytes = b"") -> Ask:
    """The request as a door of both lanes takes it."""
    address = request.rel_url
    return Ask(
        address.raw_path,
        address.raw_query_string,
        request.headers,
        source_of(request),
        body,
        request[REQUEST_ID],
        request.method,
    )


async def whole_ask(request: web.Request) -> Ask:
    """The same with the body. Raises `BodyTooLarge`, `BodyNotJson`."""
    return ask_of(request, await _read_body(request))


def web_answer(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body or None, headers=answer.headers)


async def _read_body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        limit = request.app[BODY_LIMIT]
        raise BodyTooLarge(f"The body has more than {limit} bytes", f"请求体超过 {limit} 字节", limit=limit) from None
    except web.RequestPayloadError:
        raise BodyNotJson("The body is not encoded as its headers say", "请求体的编码与请求头不符") from None


async def read_at_most(request: web.Request, limit: int) -> bytes:
    """The body as it is, no larger than `limit` bytes however it is sent. Raises `BodyTooLarge`, `BodyNotJson`."""
    try:
        if (request.content_length or 0) <= limit:
            content = bytearray()
            async for chunk in request.content.iter_chunked(64 * 1024):
                content += chunk
                if len(content) > limit:
                    break
            else:
                return bytes(content)
    except web.RequestPayloadError:
        raise BodyNotJson("The body is not encoded as its headers say", "请求体的编码与请求头不符") from None
    raise BodyTooLarge(f"The body has more than {limit} bytes", f"请求体超过 {limit} 字节", limit=limit)


async def read_object(request: web.Request, known: frozenset[str], limit: int | None = None) -> dict[str, Any]:
    """The body, where `limit` is given no larger than that, as a JSON object whose members are among `known`. Raises
    `BodyInvalid` too."""
    body = await read_json(request) if limit is None else json_body(await read_at_most(request, limit))
    if not isinstance(body, dict):
        raise BodyInvalid(errors=(FieldProblem("", "not-an-object", "must be a JSON object", "必须是 JSON 对象"),))
    if problems := unknown_members(body, known, ""):
        raise BodyInvalid(errors=tuple(problems))
    return body


def unknown_members(body: dict[str, Any], known: frozenset[str], path: str) -> list[FieldProblem]:
    names = ", ".join(sorted(known))
    return [
        FieldProblem(
            f"{path}{name[:80]}",
            "member-unknown",
            f"is not known here; known are {names}",
            f"未知成员；可用成员：{names}",
        )
        for name in body
        if name not in known
    ]


def identifier_in_path(request: web.Request, before: str, after: str = "") -> Identifier:
    """The identifier between two fixed parts of the path, percent-decoded once. Raises `IdentifierMalformed`, and
    `PageUnknown` where the fixed parts are percent-encoded: routes match them, but the identifier would be cut wrongly."""
    raw = request.rel_url.raw_path
    if not (raw.startswith(before) and raw.endswith(after)):
        raise PageUnknown()
    return identifier_in_url(raw[len(before) : len(raw) - len(after)])


def whole_number(request: web.Request, name: str, *, default: int, least: int, most: int) -> int:
    """A bounded whole number among the query parameters. Raises `ParameterInvalid`."""
    text = request.query.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= most:
        return int(text)
    raise ParameterInvalid(
        errors=(
            FieldProblem(
                name,
                "number-invalid",
                f"must be a whole number from {least} to {most}",
                f"必须是 {least} 到 {most} 的整数",
            ),
        )
    )


def preferred_language(request: web.Request) -> str:
    """`?lang=zh` or `en` where a link set it, else by `Accept-Language`."""
    asked = request.query.get("lang")
    return asked if asked in ("zh", "en") else language(request.headers.get("Accept-Language", ""))


# What is left of a path, line feeds too: an identifier that must not have one is told so.
REST_OF_PATH = "(?s:.+)"
BODY_LIMIT: web.AppKey[int] = web.AppKey("body_limit", int)
BODY_SECONDS: web.AppKey[int] = web.AppKey("body_seconds", int)
_BODY_SECONDS = 60


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Number the request, render its problems, measure it."""
    began = time.perf_counter()
    request_id = request_id_of(request.headers.get("X-Request-Id"))
    request[REQUEST_ID] = request_id
    RATE_FIELDS.set(None)  # one task may serve many requests of a connection
    try:
        if request.version not in _SPOKEN:
            raise RequestMalformed(f"HTTP/{request.version.major}.{request.version.minor} is not spoken here")
        with body_deadline(request, request.app.get(BODY_SECONDS, _BODY_SECONDS)):
            response = await handler(request)
    except BodyStalled:
        if request.writer.output_size > 0:  # nothing can be said any more
            raise
        response = _problem_response(request, BodyOverdue())
        response.force_close()
    except Problem as problem:
        response = _problem_response(request, problem)
    except web.HTTPException as raised:
        response = _from_http_exception(request, raised)
    except Exception:  # the edge: whatever it is, the caller gets a document and the log the trace
        log.exception("request %s %s failed (%s)", request.method, request.path, request_id)
        response = _problem_response(request, InternalError())
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
    observe_request(_route_name(request), request.method, response.status, time.perf_counter() - began)
    return response


async def add_fields(request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`: what the answer says of its caller's limits, streamed or not; and nothing of what it is made of.
    What was read with a key is for its holder, where the door says nothing else."""
    response.headers["Server"] = "biaojie"
    if response.status == 200 and request.method in ("GET", "HEAD") and "Authorization" in request.headers:
        response.headers.setdefault("Cache-Control", "private, no-store")
    if fields := RATE_FIELDS.get():
        response.headers.update(fields)


def problem_document(request: web.Request, problem: Problem) -> web.Response:
    """The JSON form of a problem."""
    body = document(problem, language=preferred_language(request), request_id=request.get(REQUEST_ID, ""))
    return web.Response(
        body=orjson.dumps(body),
        status=problem.status,
        headers={"Content-Type": MEDIA_TYPE, **ANY_ORIGIN, **NOT_KEPT, **problem.headers},
    )


def _problem_response(request: web.Request, problem: Problem) -> web.Response:
    page = request.app.get(PROBLEM_PAGE)
    return (page(request, problem) if page else None) or problem_document(request, problem)


def _from_http_exception(request: web.Request, raised: web.HTTPException) -> web.StreamResponse:
    if isinstance(raised, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(raised.allowed_methods))
        problem: Problem = MethodNotAllowed(
            f"{raised.method} is not possible here, only {allowed}",
            f"此地址不支持 {raised.method}，仅支持 {allowed}",
            headers={"Allow": allowed},
        )
    elif raised.status == 404:
        problem = PageUnknown()
    elif raised.status < 400:
        return raised
    elif raised.status == 413:
        problem = BodyTooLarge(limit=request.app[BODY_LIMIT])
    else:
        log.warning("unexpected %s: %s", type(raised).__name__, raised)
        problem = InternalError()
    return _problem_response(request, problem)


def _route_name(request: web.Request) -> str:
    """The pattern, never the identifier: labels must stay few, and identifiers out of metrics."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"
