"""Where an identifier leads: to links by the rules of GS1 or for who asks for them, through aliases; or nowhere further."""

from __future__ import annotations

from core.exchange import Answer, Ask
from core.identifier import Identifier, SchemeIdentifier, encode_path
from core.schemes import speaks_gs1
from core.visibility import Viewer
from resolver.gs1.doors import answer_of, find, registered, serving
from resolver.linking import Level, asks_for_links, linked
from resolver.links import links_of, title_of
from resolver.memory import Entry
from resolver.room import Resolver
from resolver.usage.tally import Door
from resolver.wishes import Wishes


async def lead(
    resolver: Resolver, ask: Ask, identifier: Identifier, viewer: Viewer, wishes: Wishes, headers: dict[str, str]
) -> tuple[Answer | None, Entry, tuple[str, ...]]:
    """What links answer, None where the record itself is wanted; the record that was found, and the aliases to it.

    One resolution is counted. Raises what `Resolver.entry`, `Resolver.follow`, `find` and `linked` do.
    """
    if isinstance(identifier, SchemeIdentifier) and speaks_gs1(ask.raw_path[1:]):
        held = await find(resolver, ask, wishes)
        return answer_of(resolver, ask, viewer, held, headers), held[0].entry, ()
    entry, aliases = await resolver.follow(await resolver.entry(ask, Door.NEGOTIATED, identifier, wishes), wishes)
    if not asks_for_links(ask) or entry.record.withdrawn:
        return None, entry, aliases
    values = resolver.values(entry.record, viewer)
    title = title_of(values, entry.record.identifier)
    level = Level(f"/{encode_path(entry.record.identifier)}", title, links_of(values, title))
    return linked(ask, [level], headers), entry, aliases


async def reach(
    resolver: Resolver, ask: Ask, identifier: Identifier, viewer: Viewer, wishes: Wishes
) -> tuple[Entry, tuple[str, ...], bool]:
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


def canonical(answer: Answer, entry: Entry, aliases: tuple[str, ...]) -> Answer:
    """The same, saying of what it is where the identifier that was asked for stands for another one."""
    if not aliases:
        return answer
    there = f'</{encode_path(entry.record.identifier)}>; rel="canonical"'
    said = answer.headers.get("Link")
    return Answer(answer.status, answer.body, {**answer.headers, "Link": f"{said}, {there}" if said else there})
