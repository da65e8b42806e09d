"""What a record is shown as: the Handle JSON, ready-made for anybody or chosen for one reader, and the redirect; with their headers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from random import random
from typing import Literal

import orjson

from core.errors import IdentifierGone
from core.exchange import JSON, Answer, Ask, json_bytes_of
from core.fast_answer import fixed_head
from core.negotiation import etag_matches
from core.record import Record
from core.visibility import ANYBODY, Viewer
from resolver.answers import chosen, handle_answer, handle_body, public_values, redirect_target, withdrawn_answer
from resolver.locations import choose_location, locations_of
from resolver.memory import Entry
from resolver.room import Resolver
from resolver.wishes import Wishes

OPEN = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache", "Vary": "Accept, Accept-Language"}
PRIVATE = {"Cache-Control": "private, no-store", "Vary": "Authorization, Accept, Accept-Language"}
_MOST_WANTED = 20


def redirect_of(resolver: Resolver, ask: Ask, entry: Entry) -> Answer | Literal[False]:
    """The redirect to one of several places, else to the first URL value; False where there is none or the record is
    withdrawn."""
    if entry.moved is None:
        record = entry.record
        values = [] if record.withdrawn else public_values(record)
        entry.locations = locations_of(values)
        target = redirect_target(values)
        entry.moved = False if target is None else Answer(302, b"", {"Location": target, **_moved_headers(record)})
        if entry.moved:
            resolver.lookup.count_answer(entry, entry.moved)
    if entry.locations:
        wanted = ask.query.getall("locatt", [])[:_MOST_WANTED] if ask.raw_query else []
        if (chosen := choose_location(entry.locations, wanted, random)) is not None:
            return _aged(resolver, Answer(302, b"", {"Location": chosen.href, **_moved_headers(entry.record)}))
    return entry.moved and _aged(resolver, entry.moved)


def _moved_headers(record: Record) -> dict[str, str]:
    """A tag of its own, weak, lest a cache take the redirect for the JSON of the same address. Preconditions do not apply to
    a redirect (RFC 9110 §13.2.1)."""
    return {**OPEN, "ETag": f'W/"{record.version}-302"'}


def ready_answer(resolver: Resolver, entry: Entry) -> Answer:
    """The Handle JSON for anybody."""
    if entry.answer is None:
        body = handle_body(entry.record)
        entry.answer = Answer(200, body, _open_headers(entry.record.etag, JSON))
        entry.answer.rendered = _open_head(entry.record.etag, len(body))
        resolver.lookup.count_answer(entry, entry.answer)
    return _aged(resolver, entry.answer)


# Answers of one version and size have one head: kept once, not with each of a hundred thousand records.
@lru_cache(maxsize=1_000)
def _open_headers(etag: str, kind: str) -> Mapping[str, str]:
    return {"Content-Type": kind, "ETag": etag, **OPEN}


@lru_cache(maxsize=10_000)
def _open_head(etag: str, size: int) -> bytes:
    return fixed_head(200, size, _open_headers(etag, JSON))


def _aged(resolver: Resolver, answer: Answer) -> Answer:
    """The same, saying so where it may be stale."""
    stale = stale_header(resolver)
    return Answer(answer.status, answer.body, {**answer.headers, **stale}) if stale else answer


def record_json(resolver: Resolver, ask: Ask, viewer: Viewer, entry: Entry, wishes: Wishes) -> Answer:
    record = entry.record
    if record.withdrawn:
        raise IdentifierGone(
            f"{record.identifier} was withdrawn: {record.reason}",
            f"{record.identifier} 已注销：{record.reason}",
            headers=headers_of(record) | stale_header(resolver),
            **withdrawn_answer(record),
        )
    headers = headers_of(record, viewer) | stale_header(resolver)
    if etag_matches(ask.headers.get("if-none-match", ""), record.etag, weakly=True):
        return Answer(304, b"", headers)
    if viewer is ANYBODY and not (wishes.types or wishes.indexes or wishes.pretty):
        return ready_answer(resolver, entry)
    values = public_values(record) if wishes.public_only else resolver.values(record, viewer)
    told = handle_answer(record, chosen(values, wishes.types, wishes.indexes))
    return json_bytes_of(orjson.dumps(told, option=orjson.OPT_INDENT_2 if wishes.pretty else 0), headers=headers)


def headers_of(record: Record, viewer: Viewer = ANYBODY) -> dict[str, str]:
    return {"ETag": record.etag, **openness(viewer)}


def openness(viewer: Viewer) -> dict[str, str]:
    """What one reader was shown, no cache may give to another."""
    return OPEN if viewer is ANYBODY else OPEN | PRIVATE


def headers_for(resolver: Resolver, viewer: Viewer) -> dict[str, str]:
    return openness(viewer) | stale_header(resolver)


def stale_header(resolver: Resolver) -> dict[str, str]:
    """RFC 9111 §5.5 retired `Warning`, but it is what clients of this field know; the second one is plain."""
    stale = resolver.lookup.stale_seconds
    if not stale:
        return {}
    return {"Warning": '110 biaojie "Response is Stale"', "Biaojie-Stale-Seconds": f"{stale:.0f}"}
