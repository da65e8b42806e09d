"""Questions as clients send them: one function a door. `wanted` is the status or response code of the right answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from core.handle.bodies import Resolve
from core.handle.codes import Flag, Op
from core.handle.envelope import ENVELOPE_BYTES
from core.handle.header import HEADER_BYTES
from node.handle_client import request
from node.load.arrivals import Question

_PLAIN = re.compile(r"[\w./~-]*", re.ASCII)  # as `quote` leaves it, in a third of the time
_HOST = "Host: node\r\n"
_BODY_AT = ENVELOPE_BYTES + HEADER_BYTES
_ASKED = request(Op.RESOLVE, b"", flags=int(Flag.PUBL)).encode()  # without a body; good for twelve hours
_BEFORE, _BETWEEN = _ASKED[:8], _ASKED[12:16]  # of the envelope, around the request's id
_HEADER, _AFTER = _ASKED[ENVELOPE_BYTES : _BODY_AT - 4], _ASKED[_BODY_AT:]


def json_question(identifier: str, wanted: int = 200, check: Callable[[bytes], bool] | None = None) -> Question:
    """`GET /api/handles/…`"""
    return Question(f"GET /api/handles/{_escaped(identifier)} HTTP/1.1\r\n{_HOST}\r\n".encode(), wanted, check)


def _escaped(identifier: str) -> str:
    return identifier if _PLAIN.fullmatch(identifier) else quote(identifier)


def page_question(identifier: str, wanted: int = 200) -> Question:
    """`GET /…` as a phone does after scanning: a page, or (302) where the enterprise sends it."""
    query = "" if wanted == 302 else "?noredirect"
    line = f"GET /{quote(identifier)}{query} HTTP/1.1\r\nAccept: text/html\r\n{_HOST}\r\n"
    return Question(line.encode(), wanted)


def batch_question(identifiers: Sequence[str], statuses: Sequence[str]) -> Question:
    """`POST /api/v1/resolve`; `statuses` are those of the right answer, in order."""
    wanted = list(statuses)
    body = orjson.dumps(identifiers)
    return Question(
        _post("/api/v1/resolve", body),
        200,
        lambda answer: [item["status"] for item in orjson.loads(answer)["items"]] == wanted,
        len(wanted),
    )


def handle_question(
    identifier: str, request_id: int, wanted: int = 1, check: Callable[[bytes], bool] | None = None
) -> Question:
    """All public values over the Handle protocol. Put together by hand: the codec would cost more than all the rest."""
    body = Resolve(identifier).encode()
    length = HEADER_BYTES + len(body) + len(_AFTER)
    parts = (
        _BEFORE, request_id.to_bytes(4, "big"), _BETWEEN, length.to_bytes(4, "big"),
        _HEADER, len(body).to_bytes(4, "big"), body, _AFTER,
    )  # fmt: skip
    return Question(b"".join(parts), wanted, check)


def register_question(key: str, identifier: str, values: Sequence[Any], wanted: int = 201) -> Question:
    body = orjson.dumps({"identifier": identifier, "values": values})
    return Question(_post("/api/v1/identifiers", body, key), wanted)


def register_batch_question(key: str, identifiers: Sequence[str], values: Sequence[Any]) -> Question:
    """All of them with the same values; right where all were created."""
    body = orjson.dumps({"items": [{"identifier": identifier, "values": values} for identifier in identifiers]})
    return Question(
        _post("/api/v1/identifiers:batch", body, key),
        200,
        lambda answer: orjson.loads(answer)["counts"]["created"] == len(identifiers),
        len(identifiers),
    )


def _post(path: str, body: bytes, key: str = "") -> bytes:
    keyed = f"Authorization: Bearer {key}\r\n" if key else ""
    head = (
        f"POST {path} HTTP/1.1\r\n{keyed}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{_HOST}\r\n"
    )
    return head.encode() + body
