"""What a reader is told about a record: choosing values, the Handle JSON form, where a browser is sent. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from core.record import Record
from core.timestamps import rfc3339
from core.values import HandleValue, public_rendered, render, shrunk

FOUND, HANDLE_NOT_FOUND, VALUES_NOT_FOUND = 1, 100, 200


def public_values(record: Record) -> list[HandleValue]:
    return [value for value in record.values if value.public]


def chosen(values: list[HandleValue], types: Collection[str], indexes: Collection[int]) -> list[HandleValue]:
    """Values of any of these types or indexes (a union, RFC 3652 §3.2); all when neither is given.

    A type that ends in `.` finds itself and every subtype; any other only itself.
    """
    if not types and not indexes:
        return values
    return [value for value in values if value.index in indexes or any(_type_matches(value.type, t) for t in types)]


def handle_answer(record: Record, values: list[HandleValue]) -> dict[str, Any]:
    """The Handle.Net JSON form of a found record (`responseCode` 1, or 200 when no value is left)."""
    created = int(record.created_at.timestamp())
    return {
        "responseCode": FOUND if values else VALUES_NOT_FOUND,
        "handle": record.identifier,
        "values": [render(value, created) for value in values],
    }


def handle_body(record: Record) -> bytes:
    """The whole public answer, ready to send and to be kept: the bytes of `handle_answer`, without an object for each value."""
    created = int(record.created_at.timestamp())
    values = public_rendered(record.packed, created)
    told = {"responseCode": FOUND if values else VALUES_NOT_FOUND, "handle": record.identifier, "values": values}
    return shrunk(orjson.dumps(told))


def withdrawn_answer(record: Record) -> dict[str, Any]:
    """What is left of a withdrawn record: when, why, and what took its place."""
    return {
        "responseCode": HANDLE_NOT_FOUND,
        "handle": record.identifier,
        "withdrawn": {
            "at": rfc3339(record.changed_at),
            "reason": record.reason,
            "successor": record.successor,
        },
    }


def redirect_target(values: list[HandleValue]) -> str | None:
    """The http(s) address of the first URL value, None where there is none that a browser can be sent to."""
    for value in values:
        if value.type == "URL" and isinstance(value.data, str) and is_web_address(value.data):
            return quote(value.data, safe="%/:?#[]@!$&'()*+,;=~")  # header fields are ASCII
    return None


def is_web_address(text: str) -> bool:
    if len(text) > 2_000 or not text.startswith(("http://", "https://")):
        return False
    if not text.isprintable() or any(character in text for character in ' "<>\\^`{|}'):
        return False
    try:
        return bool(urlsplit(text).hostname)
    except ValueError:
        return False


def _type_matches(type_: str, wanted: str) -> bool:
    return type_ == wanted or (wanted.endswith(".") and (type_ == wanted[:-1] or type_.startswith(wanted)))
