"""What the doors say about an identifier that another node answers: the site, or a redirect to it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from core.errors import NotResponsible, Problem
from core.exchange import Answer, Ask, json_bytes_of, json_of
from core.handle.authority import octets_of
from core.handle.malformed import Malformed
from core.handle.site import decode_site, site_as_json, site_from_json
from core.identifier import parse_identifier
from core.negotiation import wants
from core.page import Reader, render_page
from core.schemes import speaks_gs1
from core.values import HandleValue
from resolver.foreign_doors import foreign_most, foreign_one, told_onwards
from resolver.keeping import OPEN
from resolver.links import with_query
from resolver.pages import PAGES
from resolver.referral import Referred, endpoints, referral_answer, web_address
from resolver.room import Resolver
from resolver.texts import TEXTS
from resolver.usage.tally import Door, Outcome
from resolver.wishes import wishes_of

MULTIPLE_CHOICES = 300
_Door = Callable[[Resolver, Ask], Awaitable[Answer]]


def referring(door: Door) -> Callable[[_Door], _Door]:
    """A door that names the other node where this one does not answer."""

    def around(tell: _Door) -> _Door:
        @functools.wraps(tell)
        async def told(resolver: Resolver, ask: Ask) -> Answer:
            try:
                return await tell(resolver, ask)
            except Referred as referred:
                return referral(resolver, ask, door, await with_site(resolver, referred))
            except NotResponsible as problem:
                if resolver.recursion is None:
                    raise
                before = "/api/handles/" if door is Door.HANDLE_JSON else "/"
                foreign = foreign_one(problem, ask, before)
                most = foreign_most(resolver, ask, foreign, before)
                return await told_onwards(resolver.recursion, ask, door, foreign, most)

        return told

    return around


def referral(resolver: Resolver, ask: Ask, door: Door, referred: Referred) -> Answer:
    """Handle JSON with HTTP 300; at the negotiated door a redirect to an HTTP interface, unless JSON is asked for.

    Counted apart: a referral is no answered look-up. Raises `NotResponsible` for who asked not to be referred.
    """
    wishes = wishes_of(ask)
    if ask.raw_query and "doNotRefer" in ask.query:
        raise NotResponsible(
            f"{referred.identifier} is answered by the own node of its enterprise",
            f"{referred.identifier} 由企业自有节点解析",
            handle=str(referred.identifier),
            responseCode=NotResponsible.handle_code,
        )
    if wishes.explain or wishes.info:
        return json_of(
            _told(referred, resolver.worker, explain=wishes.explain), headers=OPEN | {"Cache-Control": "no-store"}
        )
    count_referral(resolver, ask, door, referred)
    there = (
        web_address(referred) if door is Door.NEGOTIATED and wants(ask.headers.get("accept", "")) != "json" else None
    )
    if there is not None and not (ask.raw_query and "noredirect" in ask.query):
        status = 307 if speaks_gs1(ask.raw_path[1:]) else 302  # as the other redirects of the door
        return Answer(status, b"", {"Location": with_query(there, ask.raw_query), **OPEN})
    body = orjson.dumps(referral_answer(referred), option=orjson.OPT_INDENT_2 if wishes.pretty else 0)
    return json_bytes_of(body, MULTIPLE_CHOICES, OPEN)


async def with_site(resolver: Resolver, referred: Referred) -> Referred:
    """And the site of its service, where this node answers for that: people are sent there."""
    if referred.service is None:
        return referred
    try:
        found = await resolver.lookup.find(resolver.key(parse_identifier(referred.service)))
    except (Problem, Referred):  # the name is said all the same
        return referred
    shown = [value for value in found.record.values if value.public] if found and not found.record.withdrawn else []
    return Referred(referred.identifier, referred.prefix, next(filter(None, map(_site_in, shown)), None))


def _site_in(value: HandleValue) -> dict[str, Any] | None:
    """What an HS_SITE of somebody's record says, with every member that a site has; None for what is none."""
    if value.type != "HS_SITE":
        return None
    try:
        said = site_from_json(value.data) if value.format == "site" else decode_site(octets_of(value) or b"")
        return site_as_json(said)
    except Malformed:
        return None


def count_referral(resolver: Resolver, ask: Ask, door: Door, referred: Referred) -> None:
    probe = resolver.probes.mark(ask.source, ask.headers)
    resolver.tally.add(referred.prefix.key, door, Outcome.REFERRED, probe)


def referral_page(referred: Referred, node_name: str, language: str, query: str = "") -> str:
    """For people, where there is no HTTP interface to send them to."""
    return render_page(
        PAGES,
        "referred.html",
        TEXTS,
        Reader(node_name, language, query),
        identifier=str(referred.identifier),
        prefix=referred.prefix,
        service=referred.service,
        endpoints=endpoints(referred.site),
        there=web_address(referred),
    )


def _told(referred: Referred, worker: int, *, explain: bool) -> dict[str, Any]:
    prefix, where = referred.prefix, dict[str, Any](site=referred.site)
    if referred.service is not None:
        where = {"service": referred.service, "site": referred.site if referred.site["servers"] else None}
    step = {"prefix": prefix.shown, **where}
    told: dict[str, Any] = {"identifier": str(referred.identifier), "status": "referred"}
    if explain:
        rule = {
            "rule": "own-node",
            "en": "The prefix is hosted at its enterprise's own node",
            "zh": "该前缀由企业自有节点提供解析",
        }
        return told | {"answered_by": "directory", "worker": worker, "representation": rule, "referral": [step]}
    return told | {
        "prefix": {"prefix": prefix.shown, "suspended": prefix.suspended},
        "registered_by": {"name": prefix.enterprise_name},
        **where,
    }
