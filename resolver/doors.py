"""The public HTTP doors: Handle JSON, and the negotiated address of an identifier.

Each but the pages is a function from `Ask` to `Answer`, served by both lanes (`resolver.fast_doors`).
"""

from __future__ import annotations

import time

from aiohttp import web

from core.errors import (
    IdentifierMalformed,
    NotResponsible,
)
from core.exchange import Answer, Ask, json_of
from core.handle.administration import Administration, Administrator
from core.identifier import Identifier
from core.negotiation import etag_matches, wants
from core.page import html_response
from core.record import Record
from core.visibility import ANYBODY, Viewer
from core.web import REST_OF_PATH, ask_of, web_answer
from resolver.administered import ADMINISTRATORS, is_administrators, seen_by
from resolver.answers import public_values
from resolver.foreign_doors import foreign_most, foreign_one, shown_onwards
from resolver.gs1.doors import WELL_KNOWN, describe
from resolver.keeping import OPEN, PRIVATE, open_for, seconds_kept
from resolver.leading import canonical, lead, reach
from resolver.memory import Entry
from resolver.pages import page_tag, record_page, withdrawn_page
from resolver.preflight import HANDLE_PATHS, preflight
from resolver.referral import Referred, web_address
from resolver.referring import MULTIPLE_CHOICES, count_referral, referral, referral_page, referring, with_site
from resolver.representations import headers_for, headers_of, record_json, redirect_of, stale_header
from resolver.room import Resolver
from resolver.telling import explanation_of, info_of, rule_of
from resolver.usage.tally import Door
from resolver.wishes import Wishes, wishes_of

HANDLES = "/api/handles/"
HANDLES_ROUTE = f"{HANDLES}{{identifier}}"
NEGOTIATED_ROUTE = "/{identifier}"

RESOLVER: web.AppKey[Resolver] = web.AppKey("resolver", Resolver)


def add_routes(app: web.Application) -> None:
    """The catch-all comes last: whatever no other door takes is read as an identifier, but for mistakes under /api/ and
    /iiidap/."""
    app.router.add_get(f"{HANDLES}{{identifier:{REST_OF_PATH}}}", _handle_json)
    app.router.add_get(WELL_KNOWN, _gs1_resolver)
    for path in (
        f"{HANDLES}{{identifier:{REST_OF_PATH}}}",
        "/api/v1/resolve",
        *HANDLE_PATHS,
        f"/{{identifier:(?!api/|iiidap/){REST_OF_PATH}}}",
    ):
        app.router.add_route("OPTIONS", path, preflight)
    app.router.add_get(f"/{{identifier:(?!api/|iiidap/){REST_OF_PATH}}}", _negotiated)


@referring(Door.HANDLE_JSON)
async def handle_json(resolver: Resolver, ask: Ask) -> Answer:
    """`GET /api/handles/{identifier}`: the Handle.Net JSON form; a key shows what its holder may see. See `Wishes`."""
    identifier, wishes = read_identifier(ask, HANDLES), wishes_of(ask)
    viewer = await resolver.viewer(ask)
    if wishes.info or wishes.explain:
        return await _about(resolver, ask, Door.HANDLE_JSON, identifier, viewer, wishes)
    entry, aliases = await resolver.follow(await resolver.entry(ask, Door.HANDLE_JSON, identifier, wishes), wishes)
    most = resolver.most_kept(viewer, wishes, aliases)
    return canonical(record_json(resolver, ask, viewer, entry, wishes, most, aliases), entry, aliases)


@referring(Door.NEGOTIATED)
async def negotiated(resolver: Resolver, ask: Ask) -> Answer:
    """`GET /{identifier}` for a program: a redirect where there is a URL value and JSON is not asked for, else JSON."""
    identifier, wishes = read_identifier(ask, "/"), wishes_of(ask)
    viewer = await resolver.viewer(ask)
    if wishes.info or wishes.explain:
        return await _about(resolver, ask, Door.NEGOTIATED, identifier, viewer, wishes)
    led = await lead(resolver, ask, identifier, viewer, wishes, headers_for(resolver, viewer))
    answer, entry = led.answer, led.entry
    moved = redirect_of(resolver, ask, entry, led.most) if answer is None and _may_redirect(ask) else False
    told = answer or moved or record_json(resolver, ask, viewer, entry, wishes, led.most, led.aliases)
    return canonical(told, entry, led.aliases)


async def _about(
    resolver: Resolver, ask: Ask, door: Door, identifier: Identifier, viewer: Viewer, wishes: Wishes
) -> Answer:
    """What is told about the record that the door answers from."""
    began = time.monotonic()
    if door is Door.NEGOTIATED:
        entry, aliases, linked = await reach(resolver, ask, identifier, viewer, wishes)
    else:
        entry, aliases = await resolver.follow(await resolver.entry(ask, door, identifier, wishes), wishes)
        linked = False
    if not wishes.explain:
        return await _informed(resolver, entry.record)
    moved = redirect_of(resolver, ask, entry, 0) if door is Door.NEGOTIATED and _may_redirect(ask) else False
    tier = "memory" if entry.stored_at < began and not wishes.authoritative else entry.origin
    return _explained(resolver, entry, tier, rule_of(ask, door, bool(moved), linked), aliases)


def _explained(resolver: Resolver, entry: Entry, tier: str, rule: str, aliases: tuple[Record, ...]) -> Answer:
    stale = resolver.lookup.stale_seconds
    names = tuple(one.identifier for one in aliases)
    told = explanation_of(entry, tier, time.monotonic(), resolver.worker, rule, stale, names)
    return json_of(told, headers=OPEN | {"Cache-Control": "no-store"})


async def _informed(resolver: Resolver, record: Record) -> Answer:
    prefix = resolver.directory.prefix(record.key.partition("/")[0])
    template, holder = resolver.directory.template(record.template_id), await resolver.holder(record)
    told = info_of(record, prefix, template, holder)
    return json_of(told, headers=headers_of(record) | stale_header(resolver))


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
        identifier, wishes = read_identifier(ask, HANDLES), wishes_of(ask)
        entry, aliases = await resolver.follow(await resolver.entry(ask, Door.HANDLE_JSON, identifier, wishes), wishes)
        headers = {"ETag": entry.record.etag, **OPEN, **PRIVATE, **stale_header(resolver)}
        shown = await seen_by(administration, who, entry.record, wishes, headers)
        return canonical(shown or record_json(resolver, ask, ANYBODY, entry, wishes, 0, aliases), entry, aliases)

    return await told(resolver, ask)


async def _negotiated(request: web.Request) -> web.Response:
    """For a browser a redirect where there is a URL value, else a page; for the rest see `negotiated`."""
    resolver, ask = request.app[RESOLVER], ask_of(request)
    if wants(ask.headers.get("accept", "")) != "html":
        return web_answer(await negotiated(resolver, ask))
    try:
        return await _for_browser(resolver, ask)
    except Referred as referred:
        return _referred_page(resolver, ask, await with_site(resolver, referred))
    except NotResponsible as problem:
        if resolver.recursion is None:
            raise
        foreign = foreign_one(problem, ask, "/")
        most = foreign_most(resolver, ask, foreign, "/")
        shown = await shown_onwards(resolver.recursion, ask, foreign, resolver.node_name, most)
        return web_answer(shown) if isinstance(shown, Answer) else shown


async def _for_browser(resolver: Resolver, ask: Ask) -> web.Response:
    identifier, wishes = read_identifier(ask, "/"), wishes_of(ask)
    viewer = await resolver.viewer(ask)
    if wishes.info or wishes.explain:
        return web_answer(await _about(resolver, ask, Door.NEGOTIATED, identifier, viewer, wishes))
    led = await lead(resolver, ask, identifier, viewer, wishes, headers_for(resolver, viewer))
    entry = led.entry
    if there := led.answer or (_may_redirect(ask) and redirect_of(resolver, ask, entry, led.most)):
        return web_answer(canonical(there, entry, led.aliases))
    return await _page(resolver, ask, entry.record, led.most)


def _referred_page(resolver: Resolver, ask: Ask, referred: Referred) -> web.Response:
    wishes = wishes_of(ask)
    if wishes.info or wishes.explain or (_may_redirect(ask) and web_address(referred) is not None):
        return web_answer(referral(resolver, ask, Door.NEGOTIATED, referred))
    count_referral(resolver, ask, Door.NEGOTIATED, referred)
    return html_response(
        referral_page(referred, resolver.node_name, ask.language, ask.raw_query), MULTIPLE_CHOICES, dict(OPEN)
    )


async def _gs1_resolver(request: web.Request) -> web.Response:
    resolver = request.app[RESOLVER]
    return describe(request, resolver.node_name, resolver.base_url)


def read_identifier(ask: Ask, before: str) -> Identifier:
    try:
        return ask.identifier(before)
    except IdentifierMalformed as wrong:
        wrong.extra["responseCode"] = wrong.handle_code
        raise


def _may_redirect(ask: Ask) -> bool:
    return wants(ask.headers.get("accept", "")) != "json" and not (ask.raw_query and "noredirect" in ask.query)


async def _page(resolver: Resolver, ask: Ask, record: Record, most: int) -> web.Response:
    """For people. Its tag is weak and of its whole text: a name, a template or a suspension changes it as a new version does."""
    headers = {**OPEN, **stale_header(resolver)}
    names, node, holder = resolver.directory, resolver.node_name, await resolver.holder(record)
    if record.withdrawn:
        return html_response(withdrawn_page(names, record, node, ask.language, ask.raw_query, holder), 410, headers)
    prefix = names.prefix(record.key.partition("/")[0])
    if prefix is None or not prefix.suspended:
        headers |= open_for(seconds_kept(most, public_values(record)))
    page = record_page(names, record, node, ask.language, resolver.lookup.stale_seconds, ask.raw_query, holder)
    tag = page_tag(page, record.version, ask.language)
    headers["ETag"] = f"W/{tag}"
    if etag_matches(ask.headers.get("if-none-match", ""), tag, weakly=True):
        return web.Response(status=304, headers=headers)
    return html_response(page, 200, headers)
