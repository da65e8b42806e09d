"""Plain identifier GETs answered without being read: a request line that was asked before, with header fields that ask for
nothing particular, finds the answer that lies ready with its record.

Read, checked and counted as anywhere else: not while PostgreSQL is not heard of, the prefix is asked once a turn whether it is
answered here, and each answer is one resolution.
"""

from __future__ import annotations

import time

from core.exchange import next_request_id
from core.fast_lane import Head
from core.negotiation import wants
from core.telemetry import observe_requests
from resolver.memory import Entry
from resolver.room import Resolver
from resolver.usage.tally import Door, Outcome
from resolver.wishes import AT_LEAST_HEADER

# Fields that make an answer one for this reader, or name another source or id for the request.
_PARTICULAR = frozenset(("authorization", "if-none-match", AT_LEAST_HEADER, "x-forwarded-for", "x-request-id"))


def request_line(path: str) -> bytes:
    """Of a GET without a query; `path` as sent."""
    return f"GET {path} HTTP/1.1".encode()


class ReadyAnswers:
    """One for each worker (`core.fast_lane.Ready`). A turn is `begin`, any number of `take`, `end`."""

    def __init__(self, resolver: Resolver, route: str) -> None:
        self._resolver = resolver
        self._route = route
        self._lines = resolver.lookup.memory.lines
        self._counts: dict[str, int] = {}
        self._began = self._oldest = 0.0
        self._second = 0
        self._open = False

    def fits(self, head: Head) -> bool:
        """Whether requests with these fields may be answered so; asked once for all that have the same."""
        if head.memo is None:
            plain = _PARTICULAR.isdisjoint(head.headers) and head.size is None
            head.memo = plain and wants(head.headers.get("accept", "")) != "html"
        return bool(head.memo)

    def begin(self) -> None:
        lookup = self._resolver.lookup
        self._open = not lookup.stale_seconds
        self._began = time.monotonic()
        self._oldest = lookup.oldest_kept(self._began)
        self._second = int(self._began)

    def take(self, data: bytes, at: int, fields: bytes, ends: bytes, out: list[bytes]) -> int:
        """Append answers to `out`, from the request at `at` on, whose header fields must be `fields` (with the line ends around
        them); `ends` closes each head. Returns where the first request begins that has no answer lying ready."""
        lines, counts, oldest, second = self._lines, self._counts, self._oldest, self._second
        size = len(fields)
        while self._open:
            end = data.find(b"\r\n\r\n", at) + 4
            start = end - size
            if end < 4 or data[start:end] != fields:
                break
            entry = lines.get(data[at:start])
            if entry is None or entry.stored_at < oldest or (answer := entry.answer) is None or answer.rendered is None:
                break
            prefix = entry.prefix
            count = counts.get(prefix)
            if count is None:
                if not self._answered_here(prefix):
                    break
                count = 0
            counts[prefix] = count + 1
            if entry.touched != second:
                self._touch(entry, second)
            out += (answer.rendered, b"X-Request-Id: ", next_request_id(), ends, answer.body)
            at = end
        return at

    def end(self, source: str | None) -> None:
        """Count what the turn answered, to a client at `source`."""
        if not self._counts:
            return
        resolver, answered = self._resolver, 0
        probe = resolver.probes.mark(source, {})
        for prefix, count in self._counts.items():
            resolver.tally.add(prefix, Door.HANDLE_JSON, Outcome.FOUND, probe, count)
            answered += count
        self._counts.clear()
        resolver.lookup.count_ready(answered)
        observe_requests(self._route, "GET", 200, (time.monotonic() - self._began) / answered, answered)

    def _touch(self, entry: Entry, second: int) -> None:
        entry.touched = second
        self._resolver.lookup.memory.touch(entry)

    def _answered_here(self, prefix: str) -> bool:
        """A suspended prefix, or one that moved away, must not be answered from memory."""
        held = self._resolver.directory.prefix(prefix)
        return held is None or held.answered_here
