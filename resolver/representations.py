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
from core.values import HandleValue
from core.visibility import ANYBODY, Viewer
from resolver.answers import chosen, handle_answer, handle_body, public_values, redirect_target, withdrawn_answer
from resolver.keeping import OPEN, PRIVATE, lasting, open_for, seconds_kept
from resolver.locations import choose_location, locations_of
from resolver.memory import Entry
from resolver.room import Resolver
from resolver.wishes import Wishes

_MOST_WANTED = 20


def redirect_of(resolver: Resolver, ask: Ask, entry: Entry, most: int) -> Answer | Literal[False]:
    """The redirect to one of several places, else to the first URL value; False where there is none or the record is
    withdrawn. `most`: see `Resolver.most_kept`; where chance decides, it decides each time."""
    if entry.moved is None:
        record = entry.record
        values = [] if record.withdrawn else public_values(record)
        entry.locations = locations_of(values)
        target = redirect_target(values)
        kept = seconds_kept(resolver.public_cache_seconds, _addresses(values))
        entry.moved = (
            False if target is None else Answer(302, b"", {"Location": target, **_moved_headers(record, kept)})
        )
        if entry.moved:
            resolver.lookup.count_answer(entry, entry.moved)
    if entry.locations:
        wanted = ask.query.getall("locatt", [])[:_MOST_WANTED] if ask.raw_query else []
        if (chosen := choose_location(entry.locations, wanted, random)) is not None:
            return _aged(resolver, Answer(302, b"", {"Location": chosen.href, **_moved_headers(entry.record)}))
    if entry.moved and most < resolver.public_cache_seconds:
        return _aged(resolver, lasting(entry.moved, seconds_kept(most, _addresses(public_values(entry.record)))))
    return entry.moved and _aged(resolver, entry.moved)


def _addresses(values: list[HandleValue]) -> list[HandleValue]:
    return [value for value in values if value.type == "URL"]


def _moved_headers(record: Record, kept: int = 0) -> dict[str, str]:
    """A tag of its own, weak, lest a cache take the redirect for the JSON of the same address. Preconditions do not apply to
    a redirect (RFC 9110 §13.2.1)."""
    return {**open_for(kept), "ETag": f'W/"{record.version}-302"'}


def ready_answer(resolver: Resolver, entry: Entry) -> Answer:
    """The Handle JSON for anybody."""
    if entry.answer is None:
        most, body = resolver.public_cache_seconds, handle_body(entry.record)
        kept = seconds_kept(most, public_values(entry.record)) if most else 0
        entry.answer = Answer(200, body, _open_headers(entry.record.etag, JSON, kept))
        entry.answer.rendered = _open_head(entry.record.etag, len(body), kept)
        resolver.lookup.count_answer(entry, entry.answer)
    return _aged(resolver, entry.answer)


# Answers of one version, size and TTL have one head: kept once, not with each of a hundred thousand records.
@lru_cache(maxsize=1_000)
def _open_headers(etag: str, kind: str, kept: int) -> Mapping[str, str]:
    return {"Content-Type": kind, "ETag": etag, **open_for(kept)}


@lru_cache(maxsize=10_000)
def _open_head(etag: str, size: int, kept: int) -> bytes:
    return fixed_head(200, size, _open_headers(etag, JSON, kept))


def _aged(resolver: Resolver, answer: Answer) -> Answer:
    """The same, saying so where it may be stale, and then kept by nobody."""
    if not (stale := stale_header(resolver)):
        return answer
    return Answer(answer.status, answer.body, {**lasting(answer, 0).headers, **stale})


def record_json(
    resolver: Resolver,
    ask: Ask,
    viewer: Viewer,
    entry: Entry,
    wishes: Wishes,
    most: int = 0,
    aliases: tuple[Record, ...] = (),
) -> Answer:
    """The Handle JSON for this reader, by way of these aliases. `most`: see `Resolver.most_kept`. Raises `IdentifierGone`.

    With a key it is always sent whole: a grant changes what its holder sees, but no version.
    """
    record = entry.record
    if record.withdrawn:
        raise IdentifierGone(
            f"{record.identifier} was withdrawn: {record.reason}",
            f"{record.identifier} 已注销：{record.reason}",
            headers=headers_of(record) | stale_header(resolver),
            **withdrawn_answer(record),
        )
    kept = seconds_kept(most, shown(resolver, viewer, record, wishes)) if most else 0
    headers = headers_of(record, viewer, kept) | stale_header(resolver)
    held = ask.headers.get("if-none-match", "") if viewer is ANYBODY else ""
    if etag_matches(held, tag_of(record, aliases), weakly=True):
        return Answer(304, b"", headers)
    if viewer is ANYBODY and not (wishes.types or wishes.indexes or wishes.pretty):
        answer = ready_answer(resolver, entry)
        return answer if most == resolver.public_cache_seconds else lasting(answer, kept)
    told = handle_answer(record, shown(resolver, viewer, record, wishes))
    return json_bytes_of(orjson.dumps(told, option=orjson.OPT_INDENT_2 if wishes.pretty else 0), headers=headers)


def shown(resolver: Resolver, viewer: Viewer, record: Record, wishes: Wishes) -> list[HandleValue]:
    """The values that this reader may see and asks for."""
    values = public_values(record) if wishes.public_only else resolver.values(record, viewer)
    return chosen(values, wishes.types, wishes.indexes)


def tag_of(record: Record, aliases: tuple[Record, ...]) -> str:
    """The entity tag of what is said about a record. By way of aliases it is of their versions too: one may be turned to another
    record of the same version."""
    return f'"{".".join(str(one.version) for one in (record, *aliases))}"' if aliases else record.etag


def headers_of(record: Record, viewer: Viewer = ANYBODY, kept: int = 0) -> dict[str, str]:
    return {"ETag": record.etag, **openness(viewer, kept)}


def openness(viewer: Viewer, kept: int = 0) -> Mapping[str, str]:
    """What one reader was shown, no cache may give to another; what anybody is, it may keep for `kept` seconds."""
    return open_for(kept) if viewer is ANYBODY else OPEN | PRIVATE


def headers_for(resolver: Resolver, viewer: Viewer) -> dict[str, str]:
    return {**openness(viewer), **stale_header(resolver)}


def stale_header(resolver: Resolver) -> dict[str, str]:
    """RFC 9111 §5.5 retired `Warning`, but it is what clients of this field know; the second one is plain."""
    stale = resolver.lookup.stale_seconds
    if not stale:
        return {}
    return {"Warning": '110 biaojie "Response is Stale"', "Biaojie-Stale-Seconds": f"{stale:.0f}"}
