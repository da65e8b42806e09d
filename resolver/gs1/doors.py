"""`GET /01/{gtin}[/22/…][/10/…][/21/…]` and the other primary keys, and `/.well-known/gs1resolver`.

A key is looked up with every level above it in one trip; the most particular level that can serve a wish does.
"""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from core.errors import IdentifierGone, IdentifierMalformed, NotResponsible
from core.exchange import ANY_ORIGIN, Answer, Ask
from core.identifier import SchemeIdentifier
from core.record import Record
from core.schemes import primary_keys
from core.schemes.gs1 import CANONICAL_HOME, Gs1Key, read_key
from core.visibility import Viewer
from core.web import json_answer
from resolver.answers import withdrawn_answer
from resolver.linking import Level, linked
from resolver.links import CURIE, VOCABULARY, links_of, title_of
from resolver.memory import Entry
from resolver.room import Resolver, require_version, unknown
from resolver.usage.tally import Door
from resolver.wishes import Wishes

WELL_KNOWN = "/.well-known/gs1resolver"


class Held(NamedTuple):
    """A level that is registered: what it leads to, and the aliases on the way there."""

    level: Gs1Key
    entry: Entry
    aliases: tuple[Record, ...]


def describe(request: web.Request, name: str, root: str) -> web.Response:
    """What this resolver can do, for programs that look for one. `root` empty: the address that was asked."""
    told = {
        "name": name,
        "resolverRoot": root or str(request.url.origin()),
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


async def find(resolver: Resolver, ask: Ask, wishes: Wishes) -> list[Held]:
    """The levels of the key that can serve a wish, the most particular first. One resolution is counted.

    Raises as `registered`, and `IdentifierGone` where the most particular one was withdrawn.
    """
    held = await registered(resolver, ask, wishes)
    first = held[0].entry.record
    if first.withdrawn:
        raise IdentifierGone(
            f"{first.identifier} was withdrawn: {first.reason}",
            f"{first.identifier} 已注销：{first.reason}",
            headers=dict(ANY_ORIGIN),
            **withdrawn_answer(first),
        )
    return serving(held)


def serving(held: list[Held]) -> list[Held]:
    """Without those that were withdrawn: their links lead nowhere any more."""
    return [one for one in held if not one.entry.record.withdrawn]


async def registered(resolver: Resolver, ask: Ask, wishes: Wishes) -> list[Held]:
    """The levels of the key that are registered, withdrawn ones too, the most particular first. One resolution is counted.

    Raises `IdentifierMalformed`, `IdentifierUnknown` where no level is here, `VersionNotReached` where the most particular
    one is older than asked for, `PrefixNotAnswering`, `StoreUnavailable`, and what `Resolver.follow` does.
    """
    key = key_in_path(ask)
    levels = key.levels
    identifier = SchemeIdentifier(key.reading())
    try:
        keys = [resolver.key(SchemeIdentifier(level.reading())) for level in levels]
    except NotResponsible:  # to a GS1 client a key that is nobody's here is one that is not known
        resolver.count(ask, Door.GS1, identifier.key(True), None)
        raise unknown(identifier) from None
    found = []
    for entry in await resolver.find_many(keys, wishes):
        if isinstance(entry, Exception):
            raise entry
        found.append(entry)
    here = [(level, entry) for level, entry in zip(levels, found, strict=True) if entry is not None]
    held = [Held(level, *await resolver.follow(entry, wishes)) for level, entry in here]
    resolver.count(ask, Door.GS1, keys[0], held[0].entry if held else None)
    if not held:
        raise unknown(identifier)
    require_version(here[0][1].record, wishes)
    return held


def answer_of(resolver: Resolver, ask: Ask, viewer: Viewer, held: list[Held], headers: dict[str, str]) -> Answer | None:
    """None where there is no default link, and nothing else was asked for. Raises what `linked` does."""
    levels = []
    for one in held:
        record = one.entry.record
        values = resolver.values(record, viewer)
        title = title_of(values, record.identifier)
        levels.append(Level(CANONICAL_HOME + one.level.path, title, links_of(values, title)))
    return linked(ask, levels, headers)
