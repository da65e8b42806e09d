"""Plain identifier GETs answered without being read: a request line that was asked before, with header fields that ask for
nothing particular, finds the answer that lies ready with its record.

Read, checked and counted as anywhere else: not while PostgreSQL is not heard of, the prefix is asked once a turn whether it is
answered here, and each answer is one resolution.
"""

from __future__ import annotations

import time

from core.exchange import request_ids
from core.fast_head import Head
from core.negotiation import wants
from core.telemetry import observe_requests
from resolver.room import Resolver
from resolver.usage.tally import Door, Outcome
from resolver.wishes import AT_LEAST_HEADER

# Fields that make an answer one for this reader, or name another source or id for the request.
_PARTICULAR = frozenset(("authorization", "if-none-match", AT_LEAST_HEADER, "x-forwarded-for", "x-request-id"))

# Of an answer that lies ready: a worker gathers all for which requests came at once. Larger ones have a door, as any other.
MOST_READY_BYTES = 8 * 1024
_PIECES = 4  # of an answer


def request_line(path: str) -> bytes:
    """Of a GET without a query; `path` as sent."""
    return f"GET {path} HTTP/1.1".encode()


class ReadyAnswers:
    """One for each worker (`core.fast_doors.Ready`)."""

    def __init__(self, resolver: Resolver, route: str) -> None:
        self._resolver = resolver
        self._route = route
        self._memory = resolver.lookup.memory
        self._find = self._memory.lines.get
        self._counts: tuple[dict[str, int], dict[str, int]] = ({}, {})  # by prefix: of readers, of probes
        self._began = self._oldest = 0.0
        self._ends = b""
        self._open = False

    def fits(self, head: Head) -> bool:
        """Whether requests with these fields may be answered so; asked once for all that have the same."""
        if head.memo is None:
            plain = _PARTICULAR.isdisjoint(head.headers) and head.size is None
            head.memo = plain and wants(head.headers.get("accept", "")) != "html"
        return bool(head.memo)

    def is_probe(self, source: str | None) -> bool:
        """Whether what a client at this address asks is counted apart; a key, which would say so too, does not fit here."""
        return self._resolver.probes.mark(source, {})

    def begin(self, now: float, ends: bytes) -> None:
        """A turn at `now` (monotonic seconds); `ends` stands between a request id and the body."""
        lookup = self._resolver.lookup
        self._open = not lookup.stale_seconds
        self._began = now
        self._oldest = lookup.oldest_kept(now)
        self._ends = ends

    def take(self, data: bytes, fields: bytes, probe: bool, out: list[bytes]) -> int:
        """Append answers to `out` for the requests at the beginning of `data`, whose header fields must be `fields` (with the
        line ends around them). Returns where the first request begins that has no answer lying ready.

        Cut at the fields, each piece is a request line; where a head has other fields besides, it is none that is held.
        """
        if not self._open:
            return 0
        find, counts, oldest, ends, memory = self._find, self._counts[probe], self._oldest, self._ends, self._memory
        turn, answered_for, before = memory.turn, "", len(out)
        lines = data.split(fields)
        rest = lines.pop()  # not ended by the fields
        for line, request_id in zip(lines, request_ids, strict=False):
            found = find(line)
            if found is None or found.stored_at < oldest:
                break
            prefix = found.prefix
            if prefix is not answered_for:  # most clients ask for one after the other of the same
                if prefix not in counts:
                    if not self._answered_here(prefix):
                        break
                    counts[prefix] = 0
                answered_for = prefix
            counts[prefix] += 1
            if found.touched != turn:
                found.touched = turn
                memory.touch(found.entry)
            out += (found.head, request_id, ends, found.body)
        taken = (len(out) - before) // _PIECES
        self._resolver.tally.note(taken)
        if taken == len(lines):
            return len(data) - len(rest)
        return sum(map(len, lines[:taken])) + taken * len(fields)

    def end(self) -> None:
        """Count what the turn answered."""
        answered = 0
        for probe, counts in enumerate(self._counts):
            for prefix, count in counts.items():
                self._resolver.tally.add_noted(prefix, Door.HANDLE_JSON, Outcome.FOUND, bool(probe), count)
                answered += count
            counts.clear()
        if answered:
            self._resolver.lookup.count_ready(answered)
            observe_requests(self._route, "GET", 200, (time.monotonic() - self._began) / answered, answered)

    def _answered_here(self, prefix: str) -> bool:
        """A suspended prefix, or one that moved away, must not be answered from memory."""
        held = self._resolver.directory.prefix(prefix)
        return held is None or held.answered_here
