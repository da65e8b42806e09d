"""The public HTTP doors: Handle JSON, and the negotiated address of an identifier.

Each but the pages is a function from `Ask` to `Answer`, served by both lanes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from random import random
from typing import Literal

import orjson
from aiohttp import web

from core.errors import (
    IdentifierGone,
    IdentifierMalformed,
    NotResponsible,
)
from core.exchange import JSON, Answer, Ask, Later, json_bytes_of, json_of
from core.fast_answer import fixed_head
from core.fast_doors import Doors, Said
from core.handle.administration import PREFIX_RECORDS, Administration, Administrator
from core.identifier import Identifier
from core.negotiation import etag_matches, wants
from core.page import html_response
from core.record import Record
from core.schemes import speaks_gs1
from core.visibility import ANYBODY, Viewer
from core.web import REST_OF_PATH, ask_of, web_answer
from resolver.administered import ADMINISTRATORS, is_administrators, seen_by
from resolver.answers import chosen, handle_answer, handle_body, public_values, redirect_target, withdrawn_answer
from resolver.gs1.doors import WELL_KNOWN, describe
from resolver.leading import canonical, lead
from resolver.linking import asks_for_links
from resolver.locations import choose_location, locations_of
from resolver.memory import Entry
from resolver.pages import record_page, withdrawn_page
from resolver.preflight import HANDLE_PATHS, preflight
from resolver.ready import ReadyAnswers, request_line
from resolver.referral import Referred, web_address
from resolver.referring import MULTIPLE_CHOICES, count_referral, referral, referral_page, referring
from resolver.room import Resolver
from resolver.telling import explanation_of, info_of, rule_of
from resolver.usage.tally import Door
from resolver.wishes import AT_LEAST_HEADER, Wishes, wishes_of

log = logging.getLogger(__name__)
_OPEN = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache", "Vary": "Accept, Accept-Language"}
_PRIVATE = {"Cache-Control": "private, no-store", "Vary": "Authorization, Accept, Accept-Language"}
_BESIDE = frozenset(("authorization", "if-none-match", AT_LEAST_HEADER))  # make an answer one for this reader
_MOST_WANTED = 20
_HANDLES = "/api/handles/"
_HANDLES_ROUTE = f"{_HANDLES}{{identifier}}"
_NEGOTIATED_ROUTE = "/{identifier}"

RESOLVER: web.AppKey[Resolver] = web.AppKey("resolver", Resolver)


def add_routes(app: web.Application) -> None:
    """The catch-all comes last: whatever no other door takes is read as an identifier, but for mistakes under /api/."""
    app.router.add_get(f"{_HANDLES}{{identifier:{REST_OF_PATH}}}", _handle_json)
    app.router.add_get(WELL_KNOWN, _gs1_resolver)
    for path in (
        f"{_HANDLES}{{identifier:{REST_OF_PATH}}}",
        "/api/v1/resolve",
        *HANDLE_PATHS,
        f"/{{identifier:(?!api/){REST_OF_PATH}}}",
    ):
        app.router.add_route("OPTIONS", path, preflight)
    app.router.add_get(f"/{{identifier:(?!api/){REST_OF_PATH}}}", _negotiated)


def add_fast_doors(doors: Doors, resolver: Resolver) -> None:
    """The same on the fast lane, but for what browsers ask: they get pages."""
    doors.ready = ReadyAnswers(resolver, _HANDLES_ROUTE)
    doors.add_get(_HANDLES, _HANDLES_ROUTE, lambda ask: _fast_handle_json(resolver, ask))
    doors.add_get("/", _NEGOTIATED_ROUTE, lambda ask: _fast_negotiated(resolver, ask))


@referring(Door.HANDLE_JSON)
async def handle_json(resolver: Resolver, ask: Ask) -> Answer:
    """`GET /api/handles/{identifier}`: the Handle.Net JSON form; a key shows what its holder may see. See `Wishes`."""
    identifier, wishes = _identifier(ask, _HANDLES), wishes_of(ask)
    viewer = await resolver.viewer(ask)
    return await _found(resolver, ask, Door.HANDLE_JSON, identifier, viewer, wishes)


@referring(Door.NEGOTIATED)
async def negotiated(resolver: Resolver, ask: Ask) -> Answer:
    """`GET /{identifier}` for a program: a redirect where there is a URL value and JSON is not asked for, else JSON."""
    identifier, wishes = _identifier(ask, "/"), wishes_of(ask)
    viewer = await resolver.viewer(ask)
    if wishes.info or wishes.explain:
        return await _found(resolver, ask, Door.NEGOTIATED, identifier, viewer, wishes)
    answer, entry, aliases = await lead(resolver, ask, identifier, viewer, wishes, _headers_for(resolver, viewer))
    moved = _moved(resolver, ask, entry) if answer is None and _may_redirect(ask) else False
    return canonical(answer or moved or _record_json(resolver, ask, viewer, entry, wishes), entry, aliases)


async def _found(
    resolver: Resolver, ask: Ask, door: Door, identifier: Identifier, viewer: Viewer, wishes: Wishes
) -> Answer:
    in_memory = wishes.explain and resolver.lookup.held(resolver.key(identifier)) is not None
    entry, aliases = await resolver.follow(await resolver.entry(ask, door, identifier, wishes), wishes)
    moved = _moved(resolver, ask, entry) if door is Door.NEGOTIATED and _may_redirect(ask) else False
    if wishes.explain:
        tier = "memory" if in_memory and not wishes.authoritative else entry.origin
        return _explained(resolver, entry, tier, rule_of(ask, door, bool(moved)), aliases)
    if wishes.info:
        return _informed(resolver, entry.record)
    return canonical(moved or _record_json(resolver, ask, viewer, entry, wishes), entry, aliases)


def _explained(resolver: Resolver, entry: Entry, tier: str, rule: str, aliases: tuple[str, ...]) -> Answer:
    stale = resolver.lookup.stale_seconds
    told = explanation_of(entry, tier, time.monotonic(), resolver.worker, rule, stale, aliases)
    return json_of(told, headers=_OPEN | {"Cache-Control": "no-store"})


def _informed(resolver: Resolver, record: Record) -> Answer:
    prefix = resolver.directory.prefix(record.key.partition("/")[0])
    told = info_of(record, prefix, resolver.directory.template(record.template_id))
    return json_of(told, headers=_headers_of(record) | stale_header(resolver))


async def _handle_json(request: web.Request) -> web.Response:
    resolver, ask = request.app[RESOLVER], ask_of(request)
    if is_administrators(request.headers.get("Authorization")):
        administrators = request.app[ADMINISTRATORS]
        who = await administrators.of(request)
        return web_answer(await _administered_json(resolver, ask, administrators.administration, who))
    return web_answer(await handle_json(resolver, ask))


async def _administered_json(
    resolver: Resolver, ask: Ask, administration: Administration, who: Administrator
) -> Answer:
    @referring(Door.HANDLE_JSON)
    async def told(resolver: Resolver, ask: Ask) -> Answer:
        identifier, wishes = _identifier(ask, _HANDLES), wishes_of(ask)
        entry, aliases = await resolver.follow(await resolver.entry(ask, Door.HANDLE_JSON, identifier, wishes), wishes)
        headers = {"ETag": entry.record.etag, **_OPEN, **_PRIVATE, **stale_header(resolver)}
        shown = await seen_by(administration, who, entry.record, wishes, headers)
        return canonical(shown or _record_json(resolver, ask, ANYBODY, entry, wishes), entry, aliases)

    return await told(resolver, ask)


async def _negotiated(request: web.Request) -> web.Response:
    """For a browser a redirect where there is a URL value, else a page; for the rest see `negotiated`."""
    resolver, ask = request.app[RESOLVER], ask_of(request)
    if wants(ask.headers.get("accept", "")) != "html":
        return web_answer(await negotiated(resolver, ask))
    try:
        return await _for_browser(resolver, ask)
    except Referred as referred:
        return _referred_page(resolver, ask, referred)
    except NotResponsible:
        if resolver.recursion is None:
            raise
        return web_answer(await negotiated(resolver, ask))


async def _for_browser(resolver: Resolver, ask: Ask) -> web.Response:
    identifier, wishes = _identifier(ask, "/"), wishes_of(ask)
    viewer = await resolver.viewer(ask)
    if wishes.info or wishes.explain:
        return web_answer(await _found(resolver, ask, Door.NEGOTIATED, identifier, viewer, wishes))
    answer, entry, aliases = await lead(resolver, ask, identifier, viewer, wishes, _headers_for(resolver, viewer))
    if there := answer or (_may_redirect(ask) and _moved(resolver, ask, entry)):
        return web_answer(canonical(there, entry, aliases))
    return _page(resolver, ask, entry.record)


def _referred_page(resolver: Resolver, ask: Ask, referred: Referred) -> web.Response:
    wishes = wishes_of(ask)
    if wishes.info or wishes.explain or (_may_redirect(ask) and web_address(referred) is not None):
        return web_answer(referral(resolver, ask, Door.NEGOTIATED, referred))
    count_referral(resolver, ask, Door.NEGOTIATED, referred)
    return html_response(
        referral_page(referred, resolver.node_name, ask.language, ask.raw_query), MULTIPLE_CHOICES, dict(_OPEN)
    )


async def _gs1_resolver(request: web.Request) -> web.Response:
    return describe(request, request.app[RESOLVER].node_name)


def _fast_handle_json(resolver: Resolver, ask: Ask) -> Said:
    if wants(ask.headers.get("accept", "")) == "html" or is_administrators(ask.headers.get("authorization")):
        return None
    if (key := _plain_key(resolver, ask, _HANDLES)) is None:
        return handle_json(resolver, ask)
    entry = resolver.lookup.held(key)
    if entry is None:
        return _soon(resolver, ask, Door.HANDLE_JSON, key)
    if not _is_usual(entry):
        return handle_json(resolver, ask)
    resolver.count(ask, Door.HANDLE_JSON, key, entry)
    if not entry.record.key.startswith(PREFIX_RECORDS):  # whose prefix is looked at each time
        resolver.lookup.memory.keep_line(entry, request_line(ask.raw_path))
    return ready_answer(resolver, entry)


def _fast_negotiated(resolver: Resolver, ask: Ask) -> Said:
    """Where the first segment looks like a prefix: the node's own pages have no dot there."""
    first, slash, _ = ask.raw_path[1:].partition("/")
    if speaks_gs1(ask.raw_path[1:]):
        return None if wants(ask.headers.get("accept", "")) == "html" else negotiated(resolver, ask)
    if "." not in first or not slash or wants(ask.headers.get("accept", "")) == "html":
        return None
    if asks_for_links(ask) or (key := _plain_key(resolver, ask, "/")) is None:
        return negotiated(resolver, ask)
    entry = resolver.lookup.held(key)
    if entry is None:
        return _soon(resolver, ask, Door.NEGOTIATED, key)
    if not _is_usual(entry):
        return negotiated(resolver, ask)
    resolver.count(ask, Door.NEGOTIATED, key, entry)
    return _usual_answer(resolver, ask, Door.NEGOTIATED, entry)


def _soon(resolver: Resolver, ask: Ask, door: Door, key: str) -> Later:
    """What memory does not hold; whatever is out of the ordinary there is left to the whole door, nothing counted yet."""
    later = Later()

    def told(found: Entry | Exception | None) -> None:
        answer = None
        if isinstance(found, Entry) and _is_usual(found):
            try:
                answer = _usual_answer(resolver, ask, door, found)
                resolver.count(ask, door, key, found)
            except Exception:  # the whole door says what it is
                log.exception("%s cannot be answered at once", key)
        whole = handle_json if door is Door.HANDLE_JSON else negotiated
        later.set(answer or whole(resolver, ask))

    resolver.lookup.find_soon(key, told)
    return later


def _plain_key(resolver: Resolver, ask: Ask, before: str) -> str | None:
    """Of a request whose answer is the same for anybody who asks so, about an identifier that is answered here."""
    if ask.raw_query or not _BESIDE.isdisjoint(ask.headers):
        return None
    try:
        return resolver.key(_identifier(ask, before))
    except Referred:  # said by the door itself
        return None
    except NotResponsible:
        if resolver.recursion is None:
            raise
        return None


def _is_usual(entry: Entry) -> bool:
    return not (entry.record.withdrawn or entry.aliased)


def _usual_answer(resolver: Resolver, ask: Ask, door: Door, entry: Entry) -> Answer:
    if door is Door.NEGOTIATED and wants(ask.headers.get("accept", "")) == "any":
        return _moved(resolver, ask, entry) or ready_answer(resolver, entry)
    return ready_answer(resolver, entry)


def _identifier(ask: Ask, before: str) -> Identifier:
    try:
        return ask.identifier(before)
    except IdentifierMalformed as wrong:
        wrong.extra["responseCode"] = wrong.handle_code
        raise


def _may_redirect(ask: Ask) -> bool:
    return wants(ask.headers.get("accept", "")) != "json" and not (ask.raw_query and "noredirect" in ask.query)


def _moved(resolver: Resolver, ask: Ask, entry: Entry) -> Answer | Literal[False]:
    """The redirect to one of several places, else to the first URL value; False where there is none or the record is
    withdrawn."""
    if entry.moved is None:
        record = entry.record
        values = [] if record.withdrawn else public_values(record)
        entry.locations = locations_of(values)
        target = redirect_target(values)
        entry.moved = False if target is None else Answer(302, b"", {"Location": target, **_headers_of(record)})
        if entry.moved:
            resolver.lookup.count_answer(entry, entry.moved)
    if entry.locations:
        wanted = ask.query.getall("locatt", [])[:_MOST_WANTED] if ask.raw_query else []
        if (chosen := choose_location(entry.locations, wanted, random)) is not None:
            return _aged(resolver, Answer(302, b"", {"Location": chosen.href, **_headers_of(entry.record)}))
    return entry.moved and _aged(resolver, entry.moved)


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
    return {"Content-Type": kind, "ETag": etag, **_OPEN}


@lru_cache(maxsize=10_000)
def _open_head(etag: str, size: int) -> bytes:
    return fixed_head(200, size, _open_headers(etag, JSON))


def _aged(resolver: Resolver, answer: Answer) -> Answer:
    """The same, saying so where it may be stale."""
    stale = stale_header(resolver)
    return Answer(answer.status, answer.body, {**answer.headers, **stale}) if stale else answer


def _record_json(resolver: Resolver, ask: Ask, viewer: Viewer, entry: Entry, wishes: Wishes) -> Answer:
    record = entry.record
    if record.withdrawn:
        raise IdentifierGone(
            f"{record.identifier} was withdrawn: {record.reason}",
            f"{record.identifier} 已注销：{record.reason}",
            headers=_headers_of(record) | stale_header(resolver),
            **withdrawn_answer(record),
        )
    headers = _headers_of(record, viewer) | stale_header(resolver)
    if etag_matches(ask.headers.get("if-none-match", ""), record.etag, weakly=True):
        return Answer(304, b"", headers)
    if viewer is ANYBODY and not (wishes.types or wishes.indexes or wishes.pretty):
        return ready_answer(resolver, entry)
    values = public_values(record) if wishes.public_only else resolver.values(record, viewer)
    told = handle_answer(record, chosen(values, wishes.types, wishes.indexes))
    return json_bytes_of(orjson.dumps(told, option=orjson.OPT_INDENT_2 if wishes.pretty else 0), headers=headers)


def _headers_of(record: Record, viewer: Viewer = ANYBODY) -> dict[str, str]:
    return {"ETag": record.etag, **openness(viewer)}


def openness(viewer: Viewer) -> dict[str, str]:
    """What one reader was shown, no cache may give to another."""
    return _OPEN if viewer is ANYBODY else _OPEN | _PRIVATE


def _headers_for(resolver: Resolver, viewer: Viewer) -> dict[str, str]:
    return openness(viewer) | stale_header(resolver)


def stale_header(resolver: Resolver) -> dict[str, str]:
    """RFC 9111 §5.5 retired `Warning`, but it is what clients of this field know; the second one is plain."""
    stale = resolver.lookup.stale_seconds
    if not stale:
        return {}
    return {"Warning": '110 biaojie "Response is Stale"', "Biaojie-Stale-Seconds": f"{stale:.0f}"}


def _page(resolver: Resolver, ask: Ask, record: Record) -> web.Response:
    """For people. Without an ETag: the tag names the JSON answer, and a page has two languages."""
    headers = {**_OPEN, **stale_header(resolver)}
    if record.withdrawn:
        page = withdrawn_page(resolver.directory, record, resolver.node_name, ask.language, ask.raw_query)
        return html_response(page, 410, headers)
    stale = resolver.lookup.stale_seconds
    return html_response(
        record_page(resolver.directory, record, resolver.node_name, ask.language, stale, ask.raw_query), 200, headers
    )
