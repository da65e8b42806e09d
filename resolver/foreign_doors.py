"""A foreign identifier at the single doors: what another node says of it (`resolver.recursion`), in the forms that an own one has.

Nothing of it is vouched for here, which pages say; and it is no resolution of this node, so nothing is counted.
"""

from __future__ import annotations

import time
from random import random

import orjson
from aiohttp import web

from core.errors import IdentifierMalformed, NotResponsible
from core.exchange import Answer, Ask, json_bytes_of, json_of
from core.identifier import Identifier, encode_path, parse_identifier
from core.negotiation import etag_matches, wants
from core.page import html_response
from core.value_intake import parse_values
from core.values import HandleValue
from core.visibility import ANYBODY
from resolver.answers import redirect_target
from resolver.keeping import OPEN, lasting, open_for
from resolver.linking import Level, asks_for_links, linked
from resolver.links import links_of, title_of
from resolver.locations import choose_location, locations_of
from resolver.pages import foreign_page, page_tag
from resolver.recursion import Foreign, Recursion, filtered
from resolver.room import Resolver
from resolver.telling import foreign_explanation_of, foreign_info_of
from resolver.usage.tally import Door
from resolver.wishes import Wishes, wishes_of

_MOST_WANTED = 20


def foreign_one(problem: NotResponsible, ask: Ask, before: str) -> Identifier:
    """Which identifier is foreign: where the aliases of the one that was asked for lead, else that one itself."""
    try:
        return parse_identifier(str(problem.extra["handle"]))
    except (KeyError, IdentifierMalformed):
        return ask.identifier(before)


def foreign_most(resolver: Resolver, ask: Ask, identifier: Identifier, before: str) -> int:
    """For how many seconds what is said of it may be kept outside at most: not where an alias led there, which may change here."""
    led = str(identifier) != str(ask.identifier(before))
    return 0 if led or "authorization" in ask.headers else resolver.most_kept(ANYBODY, wishes_of(ask))


async def told_onwards(recursion: Recursion, ask: Ask, door: Door, identifier: Identifier, most: int) -> Answer:
    """For programs: links, a redirect, or the Handle JSON; kept outside for `most` seconds or what is left of their TTL.

    Raises as `Recursion.resolve` and `linked`.
    """
    wishes = wishes_of(ask)
    found = await recursion.resolve(identifier)
    kept = found.seconds_left(time.monotonic(), most)
    if (told := _elsewhere(ask, door, identifier, found, wishes, kept)) is not None:
        return told
    said = filtered(found.body or {}, wishes.types, wishes.indexes)
    body = orjson.dumps(said, option=orjson.OPT_INDENT_2 if wishes.pretty else 0)
    return json_bytes_of(body, headers=open_for(kept))


async def shown_onwards(
    recursion: Recursion, ask: Ask, identifier: Identifier, node_name: str, most: int
) -> Answer | web.Response:
    """For a browser: links, a redirect, or a page. Raises as `told_onwards`."""
    found = await recursion.resolve(identifier)
    kept = found.seconds_left(time.monotonic(), most)
    if (told := _elsewhere(ask, Door.NEGOTIATED, identifier, found, wishes_of(ask), kept)) is not None:
        return told
    page = foreign_page(str(identifier), _public(found), found.way, node_name, ask.language, ask.raw_query)
    tag = page_tag(page, 0, ask.language)
    headers = {**open_for(kept), "ETag": f"W/{tag}"}
    if etag_matches(ask.headers.get("if-none-match", ""), tag, weakly=True):
        return web.Response(status=304, headers=headers)
    return html_response(page, 200, headers)


def _elsewhere(
    ask: Ask, door: Door, identifier: Identifier, found: Foreign, wishes: Wishes, kept: int
) -> Answer | None:
    """What is told about it instead of its values, or where it leads; None where the values are wanted."""
    if wishes.explain:
        told = foreign_explanation_of(str(identifier), found.way)
        return json_of(told, headers=OPEN | {"Cache-Control": "no-store"})
    if wishes.info:
        return json_of(foreign_info_of(str(identifier), found.way), headers=OPEN)
    if door is not Door.NEGOTIATED:
        return None
    if asks_for_links(ask):
        values = _public(found)
        title = title_of(values, str(identifier))
        answer = linked(ask, [Level(f"/{encode_path(str(identifier))}", title, links_of(values, title))], OPEN)
        return lasting(answer, kept) if answer else None
    if wants(ask.headers.get("accept", "")) == "json" or (ask.raw_query and "noredirect" in ask.query):
        return None
    return _moved(ask, _public(found), kept)


def _moved(ask: Ask, values: list[HandleValue], kept: int) -> Answer | None:
    """As `representations.redirect_of`: to one of several places, else to the first URL value."""
    if locations := locations_of(values):
        wanted = ask.query.getall("locatt", [])[:_MOST_WANTED] if ask.raw_query else []
        if (chosen := choose_location(locations, wanted, random)) is not None:
            return Answer(302, b"", {"Location": chosen.href, **OPEN})
    there = redirect_target(values)
    return Answer(302, b"", {"Location": there, **open_for(kept)}) if there else None


def _public(found: Foreign) -> list[HandleValue]:
    """What can be read of the values, by the rules that own ones keep; the Handle JSON has all of them as they came."""
    return [value for value in parse_values((found.body or {}).get("values"), "values", []) if value.public]
