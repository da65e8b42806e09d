"""The lane of ready answers: requests that were asked before, byte for byte, answered without being read.

A request is its envelope, a header, and what follows; what follows (body length, body, empty credential) is the key under
which `Memory` keeps the end of the answer, so that a spelling, a list of types and the wish for public values alone each
have an answer of their own, dropped with the record. Header and envelope differ by request id and, once a second, by the
time that the client put in. What is read here is as fresh, as checked and as counted as anywhere: the prefix is asked once a
turn whether it is answered here, and each answer is one resolution.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from core.handle.codes import MAJOR, MINOR, Flag
from resolver.handle.forms import Forms, answered_flags, beginning_of, plain_request
from resolver.handle.room import HandleRoom
from resolver.memory import WireAnswer
from resolver.usage.tally import Door, Outcome

_LEAST_BYTES = 56  # envelope, header, and a body of two empty lists and an empty name
AT_ONCE_BYTES = 8 * 1024  # of requests that one `take` answers


class _Form:
    """What all requests with one beginning share: the parts of their answers that do not depend on the name."""

    __slots__ = ("begin", "middle", "table")

    def __init__(self, begin: bytes, middle: bytes, table: dict[bytes, WireAnswer]) -> None:
        self.begin = begin
        self.middle = middle
        self.table = table


_NO_FORM = _Form(b"", b"", {})


class Lane:
    """One for each listener. A turn is `begin`, any number of `take` or `many`, `end`."""

    def __init__(self, room: HandleRoom, door: Door) -> None:
        self._room = room
        self._door = door
        self._forms = Forms(self._made)
        self._counts: dict[str, int] = {}
        self._now = 0.0
        self.second = 0  # of a clock that only goes forward
        self._open = False
        self._version = self._head = b""  # of the last datagram, with its form
        self._last = _NO_FORM

    def begin(self) -> None:
        self._open = not self._room.resolver.lookup.stale_seconds
        self._now = time.monotonic()
        self.second = int(self._now)

    def take(self, data: bytes, at: int, out: list[bytes]) -> int:
        """Append answers to `out`, from the message at `at` on; returns where the first one begins that does not lie ready, or
        where a message begins `AT_ONCE_BYTES` on: what is appended is to be sent before more is taken."""
        if not self._open:
            return at
        end, counts, now, memory = len(data), self._counts, self._now, self._room.resolver.lookup.memory
        last = min(end - _LEAST_BYTES, at + AT_ONCE_BYTES - 1)
        version = head = begin = middle = b""
        table: dict[bytes, WireAnswer] = {}
        from_bytes = int.from_bytes
        while at <= last:
            stop = at + 20 + from_bytes(data[at + 16 : at + 20])
            if stop > end:
                break
            if data[at + 20 : at + 40] != head or data[at : at + 8] != version:
                version, head = data[at : at + 8], data[at + 20 : at + 40]
                form = self._forms[version + head]
                if form is None:
                    break
                begin, middle, table = form.begin, form.middle, form.table
            found = table.get(data[at + 40 : stop])
            if found is None or found.until < now:
                break
            prefix = found.prefix
            count = counts.get(prefix)
            if count is None:
                if not self._answered_here(prefix):
                    break
                count = 0
            counts[prefix] = count + 1
            if found.touched != memory.turn:
                found.touched = memory.turn
                memory.touch(found.entry)
            out += (begin, data[at + 8 : at + 12], found.lengths, middle, found.tail)
            at = stop
        return at

    def many(self, datagrams: Sequence[bytes]) -> list[bytes | None]:
        """For each datagram its answer, where it is a whole message and the answer lies ready."""
        version, head, form = self._version, self._head, self._last
        begin, middle, find = form.begin, form.middle, form.table.get
        counts, now, memory, answers = self._counts, self._now, self._room.resolver.lookup.memory, list[bytes | None]()
        put, join, turn = answers.append, b"".join, memory.turn
        for data in datagrams:
            if data[20:40] != head or data[:8] != version:
                version, head = data[:8], data[20:40]
                form = (self._forms[version + head] if len(data) >= _LEAST_BYTES else None) or _NO_FORM
                begin, middle, find = form.begin, form.middle, form.table.get
            found = find(data[40:])
            if found is None or found.until < now or data[12:20] != found.lengths_asked:
                put(None)
                continue
            prefix = found.prefix
            count = counts.get(prefix)
            if count is None:
                if not (self._open and self._answered_here(prefix)):
                    put(None)
                    continue
                count = 0
            counts[prefix] = count + 1
            if found.touched != turn:
                found.touched = turn
                memory.touch(found.entry)
            put(join((begin, data[8:12], found.lengths, middle, found.tail)))
        self._version, self._head, self._last = version, head, form
        return answers

    def unsaid(self, data: bytes) -> None:
        """The answer that `many` gave to this datagram is not sent after all."""
        form = self._forms[beginning_of(data)]
        if form is not None and (found := form.table.get(data[40:])) is not None:
            self._counts[found.prefix] -= 1

    def end(self, probe: bool) -> None:
        """Count what the turn answered."""
        if not self._counts:
            return
        resolver, answered = self._room.resolver, 0
        for prefix, count in self._counts.items():
            if not count:  # unsaid
                continue
            resolver.tally.add(prefix, self._door, Outcome.FOUND, probe, count)
            answered += count
        resolver.lookup.count_ready(answered)
        self._counts.clear()

    def forget_forms(self) -> None:
        """The site has another serial number."""
        self._forms.clear()
        self._version = self._head = b""

    def _answered_here(self, prefix: str) -> bool:
        """A suspended prefix, or one that moved away, must not be answered from memory."""
        held = self._room.resolver.directory.prefix(prefix)
        return held is None or held.answered_here

    def _made(self, beginning: bytes) -> _Form | None:
        request = plain_request(beginning)
        if request is None:
            return None
        envelope, header = request
        answer = envelope.answer()
        begin = bytes((answer.major, answer.minor, MAJOR, MINOR)) + bytes(4)
        serial = self._room.identity.serial.to_bytes(2)
        end = serial + beginning[22:23] + b"\0" + beginning[24:28]
        middle = beginning[8:12] + b"\0\0\0\1" + answered_flags(header) + end
        return _Form(begin, middle, self._room.resolver.lookup.memory.wires[bool(header.flags & Flag.PUBL)])
