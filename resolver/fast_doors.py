"""The public doors on the fast lane: from memory at once, else by the next look-up for all, else by the whole door."""

from __future__ import annotations

import logging

from core.errors import NotResponsible, Problem
from core.exchange import Answer, Ask, Later, problem_of
from core.fast_doors import Doors, Said
from core.handle.administration import PREFIX_RECORDS
from core.negotiation import wants
from core.schemes import speaks_gs1
from resolver.administered import is_administrators
from resolver.doors import HANDLES, HANDLES_ROUTE, NEGOTIATED_ROUTE, handle_json, negotiated, read_identifier
from resolver.linking import asks_for_links
from resolver.memory import Entry
from resolver.ready import MOST_READY_BYTES, ReadyAnswers, request_line
from resolver.referral import Referred
from resolver.representations import ready_answer, redirect_of
from resolver.room import Resolver
from resolver.usage.tally import Door
from resolver.wishes import AT_LEAST_HEADER

log = logging.getLogger(__name__)
_BESIDE = frozenset(("authorization", "if-none-match", AT_LEAST_HEADER))  # make an answer one for this reader


def add_fast_doors(doors: Doors, resolver: Resolver) -> None:
    """As `resolver.doors`, but for what browsers ask: they get pages."""
    doors.ready = ReadyAnswers(resolver, HANDLES_ROUTE)
    doors.add_get(HANDLES, HANDLES_ROUTE, lambda ask: _fast_handle_json(resolver, ask))
    doors.add_get("/", NEGOTIATED_ROUTE, lambda ask: _fast_negotiated(resolver, ask))


def _fast_handle_json(resolver: Resolver, ask: Ask) -> Said:
    if wants(ask.headers.get("accept", "")) == "html" or is_administrators(ask.headers.get("authorization")):
        return None
    if (key := _plain_key(resolver, ask, HANDLES)) is None:
        return handle_json(resolver, ask)
    entry = resolver.lookup.held(key)
    if entry is None:
        return _soon(resolver, ask, Door.HANDLE_JSON, key)
    if not _is_usual(entry):
        return handle_json(resolver, ask)
    resolver.count(ask, Door.HANDLE_JSON, key, entry)
    return _kept_answer(resolver, ask, entry)


def _kept_answer(resolver: Resolver, ask: Ask, entry: Entry) -> Answer:
    """It lies ready from now on for who asks the same; of a prefix record the prefix is looked at each time."""
    answer = ready_answer(resolver, entry)
    if answer.rendered and len(answer.body) <= MOST_READY_BYTES and not entry.record.key.startswith(PREFIX_RECORDS):
        resolver.lookup.memory.keep_line(entry, request_line(ask.raw_path), answer.rendered, answer.body)
    return answer


def _fast_negotiated(resolver: Resolver, ask: Ask) -> Said:
    """Where the first segment looks like a prefix: the node's own pages have no dot there, or begin with it (`.well-known`)."""
    first, slash, _ = ask.raw_path[1:].partition("/")
    if speaks_gs1(ask.raw_path[1:]):
        return None if wants(ask.headers.get("accept", "")) == "html" else negotiated(resolver, ask)
    if "." not in first[1:] or not slash or wants(ask.headers.get("accept", "")) == "html":
        return None
    if asks_for_links(ask) or (key := _plain_key(resolver, ask, "/")) is None:
        return negotiated(resolver, ask)
    entry = resolver.lookup.held(key)
    if entry is None:
        return _soon(resolver, ask, Door.NEGOTIATED, key)
    if not _is_usual(entry):
        return negotiated(resolver, ask)
    resolver.count(ask, Door.NEGOTIATED, key, entry)
    return _negotiated_answer(resolver, ask, entry)


def _soon(resolver: Resolver, ask: Ask, door: Door, key: str) -> Said:
    """What memory does not hold; whatever is out of the ordinary there is left to the whole door, nothing counted yet."""
    whole, answer_of = _OF_MISSES[door]
    if resolver.lookup.is_missing(key):
        return whole(resolver, ask)
    later = Later()

    def told(found: Entry | Exception | None) -> None:
        answer = problem_of(ask, found) if isinstance(found, Problem) else None
        if isinstance(found, Entry) and _is_usual(found):
            try:
                answer = answer_of(resolver, ask, found)
                resolver.count(ask, door, key, found)
            except Exception:  # the whole door says what it is
                log.exception("%s cannot be answered at once", key)
        later.set(answer or whole(resolver, ask))

    resolver.lookup.find_soon(key, told)
    return later


def _plain_key(resolver: Resolver, ask: Ask, before: str) -> str | None:
    """Of a request whose answer is the same for anybody who asks so, about an identifier that is answered here."""
    if ask.raw_query or not _BESIDE.isdisjoint(ask.headers):
        return None
    try:
        return resolver.key(read_identifier(ask, before))
    except Referred:  # said by the door itself
        return None
    except NotResponsible:
        if resolver.recursion is None:
            raise
        return None


def _is_usual(entry: Entry) -> bool:
    return not (entry.record.withdrawn or entry.aliased)


def _negotiated_answer(resolver: Resolver, ask: Ask, entry: Entry) -> Answer:
    if wants(ask.headers.get("accept", "")) == "any":
        return redirect_of(resolver, ask, entry, resolver.public_cache_seconds) or ready_answer(resolver, entry)
    return ready_answer(resolver, entry)


# The whole door, and what it says of a usual record.
_OF_MISSES = {Door.HANDLE_JSON: (handle_json, _kept_answer), Door.NEGOTIATED: (negotiated, _negotiated_answer)}
