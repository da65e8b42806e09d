"""A foreign identifier at the single doors: what another node says of it (`resolver.recursion`), in the forms that an own one has.

Nothing of it is vouched for here, which pages say; and it is no resolution of this node, so nothing is counted.
"""

from __future__ import annotations

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
from resolver.answers import redirect_target
from resolver.linking import Level, asks_for_links, linked
from resolver.links import links_of, title_of
from resolver.locations import choose_location, locations_of
from resolver.pages import foreign_page, page_tag
from resolver.recursion import Foreign, Recursion, filtered
from resolver.telling import foreign_explanation_of, foreign_info_of
from resolver.usage.tally import Door
from resolver.wishes import Wishes, wishes_of

OPEN = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache", "Vary": "Accept, Accept-Language"}
_MOST_WANTED = 20


def foreign_one(problem: NotResponsible, ask: Ask, before: str) -> Identifier:
    """Which identifier is foreign: where the aliases of the one that was asked for lead, else that one itself."""
    try:
        return parse_identifier(str(problem.extra["handle"]))
    except (KeyError, IdentifierMalformed):
        return ask.identifier(before)


async def told_onwards(recursion: Recursion, ask: Ask, door: Door, identifier: Identifier) -> Answer:
    """For programs: links, a redirect, or the Handle JSON. Raises as `Recursion.resolve` and `linked`."""
    wishes = wishes_of(ask)
    found = await recursion.resolve(identifier)
    if (told := _elsewhere(ask, door, identifier, found, wishes)) is not None:
        return told
    said = filtered(found.body or {}, wishes.types, wishes.indexes)
    return json_bytes_of(orjson.dumps(said, option=orjson.OPT_INDENT_2 if wishes.pretty else 0), headers=OPEN)


async def shown_onwards(
    recursion: Recursion, ask: Ask, identifier: Identifier, node_name: str
) -> Answer | web.Response:
    """For a browser: links, a redirect, or a page. Raises as `told_onwards`."""
    found = await recursion.resolve(identifier)
    if (told := _elsewhere(ask, Door.NEGOTIATED, identifier, found, wishes_of(ask))) is not None:
        return told
    page = foreign_page(str(identifier), _public(found), found.way, node_name, ask.language, ask.raw_query)
    tag = page_tag(page, 0, ask.language)
    headers = OPEN | {"ETag": f"W/{tag}"}
    if etag_matches(ask.headers.get("if-none-match", ""), tag, weakly=True):
        return web.Response(status=304, headers=headers)
    return html_response(page, 200, headers)


def _elsewhere(ask: Ask, door: Door, identifier: Identifier, found: Foreign, wishes: Wishes) -> Answer | None:
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
        return linked(ask, [Level(f"/{encode_path(str(identifier))}", title, links_of(values, title))], OPEN)
    if wants(ask.headers.get("accept", "")) == "json" or (ask.raw_query and "noredirect" in ask.query):
        return None
    there = _leading_to(ask, _public(found))
    return Answer(302, b"", {"Location": there, **OPEN}) if there else None


def _leading_to(ask: Ask, values: list[HandleValue]) -> str | None:
    """As `representations.redirect_of`: one of several places, else the first URL value."""
    if locations := locations_of(values):
        wanted = ask.query.getall("locatt", [])[:_MOST_WANTED] if ask.raw_query else []
        if (chosen := choose_location(locations, wanted, random)) is not None:
            return chosen.href
    return redirect_target(values)


def _public(found: Foreign) -> list[HandleValue]:
    """What can be read of the values, by the rules that own ones keep; the Handle JSON has all of them as they came."""
    return [value for value in parse_values((found.body or {}).get("values"), "values", []) if value.public]
