"""A request and its answer as a door sees them, whichever lane they travel: aiohttp (`core.web`) or the fast one
(`core.fast_lane`). A door that takes an `Ask` and gives an `Answer` says the same bytes on both.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, count
from typing import Any

import orjson
from multidict import MultiMapping
from yarl import URL

from core.errors import BodyNotJson, PageUnknown, Problem
from core.identifier import Identifier, identifier_in_url
from core.negotiation import language
from core.problems import MEDIA_TYPE, document

_REQUEST_ID = re.compile(r"[\x20-\x7e]{1,64}")
_worker_part = secrets.token_hex(4).encode()
_LAST_DIGITS = [b"%03x" % number for number in range(0x1000)]


class Ask:
    """One request. `headers` are looked up in lower case; `raw_path` and `raw_query` are as sent, percent-encoded."""

    __slots__ = ("_query", "body", "headers", "method", "raw_path", "raw_query", "request_id", "source")

    def __init__(
        self,
        raw_path: str,
        raw_query: str,
        headers: Mapping[str, str],
        source: str | None,
        body: bytes = b"",
        request_id: str = "",
        method: str = "GET",
    ) -> None:
        self.raw_path = raw_path
        self.raw_query = raw_query
        self.headers = headers
        self.source = source  # the client's address
        self.body = body
        self.method = method
        self.request_id = request_id or request_id_of(headers.get("x-request-id"))
        self._query: MultiMapping[str] | None = None

    @property
    def query(self) -> MultiMapping[str]:
        if self._query is None:
            self._query = URL.build(query_string=self.raw_query, encoded=True).query
        return self._query

    @property
    def language(self) -> str:
        """`?lang=zh` or `en` where a link set it, else by `Accept-Language`."""
        asked = self.query.get("lang") if self.raw_query else None
        return asked if asked in ("zh", "en") else language(self.headers.get("accept-language", ""))

    def identifier(self, before: str, after: str = "") -> Identifier:
        """The identifier between two fixed parts of the path, percent-decoded once. Raises `IdentifierMalformed`, and
        `PageUnknown` where the fixed parts are percent-encoded: routes match them, but the identifier would be cut wrongly."""
        raw = self.raw_path
        if not (raw.startswith(before) and raw.endswith(after)):
            raise PageUnknown()
        return identifier_in_url(raw[len(before) : len(raw) - len(after)])


class Answer:
    """What is sent back. `headers` do not have Content-Length, Date, Server nor X-Request-Id: the lane adds them."""

    __slots__ = ("body", "headers", "rendered", "status")

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        self.rendered: bytes | None = None  # the fast lane's form of the head, where the answer is kept for later


class Later:
    """An answer that is told instead of awaited: where thousands wait at once, a task for each costs more than its answer.

    What comes may also be a promise, where it takes more than was thought. The lane says `then` in the turn in which the door
    made it; the door says `set` in a later one.
    """

    __slots__ = ("_told",)
    _told: Callable[[Answer | Awaitable[Answer]], None]

    def then(self, told: Callable[[Answer | Awaitable[Answer]], None]) -> None:
        self._told = told

    def set(self, said: Answer | Awaitable[Answer]) -> None:
        self._told(said)


def json_body(body: bytes) -> Any:
    """The body as JSON. Raises `BodyNotJson`."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        where = f"line {wrong.lineno}, column {wrong.colno}"
        raise BodyNotJson(f"{wrong.msg} ({where})", f"JSON 解析失败：第 {wrong.lineno} 行第 {wrong.colno} 列") from None


def now() -> datetime:
    return datetime.now(UTC)


ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}  # errors too are read by scripts of other sites
# Of a problem: caches may keep a 404, 405 or 410 that says nothing of it by their own rule (RFC 9110 §15.1).
NOT_KEPT = {"Cache-Control": "no-store"}
JSON = "application/json; charset=utf-8"


def json_bytes_of(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, body, {"Content-Type": JSON, **(headers or {})})


def json_of(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return json_bytes_of(orjson.dumps(data), status, headers)


def problem_of(ask: Ask, problem: Problem) -> Answer:
    """A problem as its document (RFC 9457)."""
    body = document(problem, language=ask.language, request_id=ask.request_id)
    return Answer(
        problem.status, orjson.dumps(body), {"Content-Type": MEDIA_TYPE, **ANY_ORIGIN, **NOT_KEPT, **problem.headers}
    )


def request_id_of(sent: str | None) -> str:
    """What the client calls the request, where it is fit for a log line; else a number that no other request has."""
    if sent and _REQUEST_ID.fullmatch(sent):
        return sent
    return next_request_id().decode()


def _blocks_of_ids() -> Iterator[list[bytes]]:
    """Sixteen hexadecimal digits, for ever. By the block: writing each number out takes three times as long."""
    first = secrets.randbits(20)
    for block in count(first):
        begin = b"%s%05x" % (_worker_part, block & 0xFFFFF)
        yield [begin + end for end in _LAST_DIGITS]


request_ids = chain.from_iterable(_blocks_of_ids())  # numbers that no other request has
next_request_id = request_ids.__next__
