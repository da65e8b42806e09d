"""Where an identifier leads: to links by the rules of GS1 or for who asks for them, through aliases; or nowhere further."""

from __future__ import annotations

from typing import NamedTuple

from core.exchange import Answer, Ask
from core.identifier import Identifier, SchemeIdentifier, web_path
from core.record import Record
from core.schemes import speaks_gs1
from core.schemes.gs1 import CANONICAL_HOME
from core.visibility import Viewer
from resolver.answers import public_values
from resolver.gs1.doors import answer_of, find, registered, serving
from resolver.keeping import lasting, seconds_kept
from resolver.linking import Level, asks_for_links, linked
from resolver.links import links_of, title_of
from resolver.memory import Entry
from resolver.representations import tag_of
from resolver.room import Resolver
from resolver.usage.tally import Door
from resolver.wishes import Wishes


class Led(NamedTuple):
    """What links answer, None where the record itself is wanted; the record that was found, the aliases to it, and for how long
    an answer made of it may be kept outside at most."""

    answer: Answer | None
    entry: Entry
    aliases: tuple[Record, ...]
    most: int


async def lead(
    resolver: Resolver, ask: Ask, identifier: Identifier, viewer: Viewer, wishes: Wishes, headers: dict[str, str]
) -> Led:
    """Where the identifier leads.

    One resolution is counted. Raises what `Resolver.entry`, `Resolver.follow`, `find` and `linked` do.
    """
    if isinstance(identifier, SchemeIdentifier) and speaks_gs1(ask.raw_path[1:]):
        held = await find(resolver, ask, wishes)
        most = resolver.most_kept(viewer, wishes, (alias for one in held for alias in one.aliases))
        answer = answer_of(resolver, ask, viewer, held, headers)
        return Led(_kept(answer, most, [one.entry for one in held]), held[0].entry, held[0].aliases, most)
    entry, aliases = await resolver.follow(await resolver.entry(ask, Door.NEGOTIATED, identifier, wishes), wishes)
    most = resolver.most_kept(viewer, wishes, aliases)
    if not asks_for_links(ask) or entry.record.withdrawn:
        return Led(None, entry, aliases, most)
    values = resolver.values(entry.record, viewer)
    title = title_of(values, entry.record.identifier)
    shown = entry.record.identifier
    anchor = shown if shown.startswith(CANONICAL_HOME) else web_path(shown)
    level = Level(anchor, title, links_of(values, title))
    return Led(_kept(linked(ask, [level], headers), most, [entry]), entry, aliases, most)


def _kept(answer: Answer | None, most: int, entries: list[Entry]) -> Answer | None:
    """An answer of links stands on all values of its levels: on those that it is made of, and on there being no better ones."""
    if answer is None or not most:
        return answer
    return lasting(answer, seconds_kept(most, [value for one in entries for value in public_values(one.record)]))


async def reach(
    resolver: Resolver, ask: Ask, identifier: Identifier, viewer: Viewer, wishes: Wishes
) -> tuple[Entry, tuple[Record, ...], bool]:
    """The record that `lead` answers from, withdrawn or not, the aliases to it, and whether links would be the answer.

    One resolution is counted. Raises as `lead`, but nothing of a record that was withdrawn; what links raise only where it
    is asked what the answer would be (`?explain`).
    """
    if isinstance(identifier, SchemeIdentifier) and speaks_gs1(ask.raw_path[1:]):
        held = await registered(resolver, ask, wishes)
        _, entry, aliases = held[0]
        if entry.record.withdrawn or not wishes.explain:
            return entry, aliases, False
        return entry, aliases, answer_of(resolver, ask, viewer, serving(held), {}) is not None
    entry, aliases = await resolver.follow(await resolver.entry(ask, Door.NEGOTIATED, identifier, wishes), wishes)
    return entry, aliases, asks_for_links(ask) and not entry.record.withdrawn


def canonical(answer: Answer, entry: Entry, aliases: tuple[Record, ...]) -> Answer:
    """The same, saying of what it is where the identifier that was asked for stands for another one, by a tag of all of them."""
    if not aliases:
        return answer
    there = f'<{web_path(entry.record.identifier)}>; rel="canonical"'
    said = answer.headers.get("Link")
    headers = {**answer.headers, "Link": f"{said}, {there}" if said else there}
    if headers.get("ETag") == entry.record.etag:
        headers["ETag"] = tag_of(entry.record, aliases)
    return Answer(answer.status, answer.body, headers)
