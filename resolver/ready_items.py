"""The items of a batch that lie ready in memory: found by their text, spliced in as bytes.

An item asked for in the canonical spelling is its own key. As checked and as counted as any other: the prefix is asked once a
batch whether it is answered here, and each item is one resolution.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import orjson

from core.exchange import Answer, Ask
from resolver.memory import Entry
from resolver.room import Resolver
from resolver.usage.tally import Door, Outcome


class ReadyItems:
    """For one batch of a reader without a key."""

    def __init__(self, resolver: Resolver, ask: Ask) -> None:
        self._resolver = resolver
        self._probe = resolver.probes.mark(ask.source, ask.headers)
        self._here: dict[str, bool] = {}  # by prefix

    def take(self, asked: Sequence[str]) -> list[bytes | None]:
        """The item for each text, None where it must be looked up."""
        lookup = self._resolver.lookup
        if lookup.stale_seconds:
            return [None] * len(asked)
        oldest = lookup.oldest_kept(time.monotonic())
        held = map(lookup.memory.get, asked)
        counts: dict[str, int] = {}
        items = [self._item(text, entry, oldest, counts) for text, entry in zip(asked, held, strict=True)]
        for prefix, count in counts.items():
            self._resolver.tally.add(prefix, Door.BATCH, Outcome.FOUND, self._probe, count)
        lookup.count_ready(sum(counts.values()))
        return items

    def _item(self, text: str, entry: Entry | None, oldest: float, counts: dict[str, int]) -> bytes | None:
        if entry is None or entry.stored_at < oldest or (answer := entry.answer) is None or entry.aliased:
            return None
        prefix = entry.prefix
        if not (self._here[prefix] if prefix in self._here else self._answered_here(prefix)):
            return None
        counts[prefix] = counts.get(prefix, 0) + 1
        return found_item(text, answer)

    def _answered_here(self, prefix: str) -> bool:
        """Whether texts under a prefix are keys as they stand (those of other schemes are not), and answered by this node."""
        known = self._resolver.directory.prefix(prefix)
        here = known is not None and known.answered_here and prefix[0].isdigit() and "." in prefix
        self._here[prefix] = here
        return here


def found_item(text: str, answer: Answer) -> bytes:
    """The item for a text, of the Handle JSON that anybody gets."""
    return b'{"identifier":%b,"status":"found",%b' % (orjson.dumps(text), answer.body[1:])
