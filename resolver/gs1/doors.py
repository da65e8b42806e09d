"""`GET /01/{gtin}[/22/…][/10/…][/21/…]` and the other primary keys, and `/.well-known/gs1resolver`.

A key is looked up with every level above it in one trip; the most particular level that can serve a wish does.
"""

from __future__ import annotations

from aiohttp import web

from core.errors import IdentifierGone, IdentifierMalformed, NotResponsible
from core.exchange import ANY_ORIGIN, Answer, Ask
from core.identifier import SchemeIdentifier
from core.schemes import primary_keys
from core.schemes.gs1 import CANONICAL_HOME, Gs1Key, read_key
from core.visibility import Viewer
from core.web import json_answer
from resolver.answers import withdrawn_answer
from resolver.linking import Level, linked
from resolver.links import CURIE, VOCABULARY, links_of, title_of
from resolver.memory import Entry
from resolver.room import Resolver, unknown
from resolver.usage.tally import Door
from resolver.wishes import Wishes

WELL_KNOWN = "/.well-known/gs1resolver"


def describe(request: web.Request, name: str) -> web.Response:
    """What this resolver can do, for programs that look for one."""
    told = {
        "name": name,
        "resolverRoot": str(request.url.origin()),
        "supportedPrimaryKeys": primary_keys(),
        "supportedLinkType": [{"namespace": VOCABULARY, "prefix": CURIE}],
        "linkTypeDefaultCanBeLinkset": False,
    }
    return json_answer(told, headers=ANY_ORIGIN)


def key_in_path(ask: Ask) -> Gs1Key:
    """Raises `IdentifierMalformed`."""
    try:
        return read_key(ask.raw_path)
    except IdentifierMalformed as wrong:
        wrong.extra["responseCode"] = wrong.handle_code
        raise


async def find(resolver: Resolver, ask: Ask, wishes: Wishes) -> list[tuple[Gs1Key, Entry]]:
    """The levels of the key that are registered, the most particular first. One resolution is counted.

    Raises `IdentifierMalformed`, `IdentifierUnknown` where no level is here, `IdentifierGone` where the most particular one
    was withdrawn, `PrefixNotAnswering`, `StoreUnavailable`.
    """
    key = key_in_path(ask)
    levels = key.levels
    identifier = SchemeIdentifier(key.reading())
    try:
        keys = [resolver.key(SchemeIdentifier(level.reading())) for level in levels]
    except NotResponsible:  # to a GS1 client a key that is nobody's here is one that is not known
        resolver.count(ask, Door.GS1, identifier.key(True), None)
        raise unknown(identifier) from None
    if wishes.at_least or wishes.authoritative:
        least = 0 if wishes.authoritative else wishes.at_least
        found = [await resolver.lookup.find_newer(one, least) for one in keys]
    else:
        found = []
        for entry in await resolver.lookup.find_many(keys):
            if isinstance(entry, Exception):
                raise entry
            found.append(entry)
    held = [
        (level, (await resolver.follow(entry, wishes))[0])
        for level, entry in zip(levels, found, strict=True)
        if entry is not None
    ]
    resolver.count(ask, Door.GS1, keys[0], held[0][1] if held else None)
    if not held:
        raise unknown(identifier)
    first = held[0][1].record
    if first.withdrawn:
        raise IdentifierGone(
            f"{first.identifier} was withdrawn: {first.reason}",
            f"{first.identifier} 已注销：{first.reason}",
            headers=dict(ANY_ORIGIN),
            **withdrawn_answer(first),
        )
    return [(level, entry) for level, entry in held if not entry.record.withdrawn]


def answer_of(
    resolver: Resolver, ask: Ask, viewer: Viewer, held: list[tuple[Gs1Key, Entry]], headers: dict[str, str]
) -> Answer | None:
    """None where there is no default link, and nothing else was asked for. Raises what `linked` does."""
    levels = []
    for level, entry in held:
        values = resolver.values(entry.record, viewer)
        title = title_of(values, entry.record.identifier)
        levels.append(Level(CANONICAL_HOME + level.path, title, links_of(values, title)))
    return linked(ask, levels, headers)
