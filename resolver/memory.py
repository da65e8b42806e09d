"""L1: records held in the worker, bounded in bytes, with the rule that versions only go up. Does no I/O, reads no clock.

Beside the records stand two small memories: identifiers known not to exist (for a moment), and the versions last heard of
(`floors`), so that an answer that was already on its way when a change was announced is not kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from sys import intern
from typing import Literal

from core.exchange import Answer
from core.record import Record
from resolver.locations import Location

_ENTRY_BYTES = 560  # objects around the content: 530 by tracemalloc on CPython 3.11, of 20,000 real components
_ANSWER_BYTES = 120  # an answer; the head it is sent with is shared
ALIAS = "HS_ALIAS"
ALIAS_MARK = b'"HS_ALIAS"'
_LINES_HELD, _LINE_BYTES = 2, 210  # of one entry; of one request line, beside its characters
_WIRES_HELD, _WIRE_BYTES = 4, 400  # answers of the Handle protocol, of one entry; of one, beside its bytes
_FLOOR_SECONDS = 10.0  # longer than any flight may take
_FLOORS_HELD = 100_000
_MISSING_HELD = 50_000
_PROVED_SHARE = 0.8
_TURN_SHARE = 1 / 16


class WireAnswer:
    """The ready answer to one Handle request, found by the bytes of its body. `lengths` and `tail` are the parts of the
    message that stand at its beginning and its end; `until` is monotonic seconds, `prefix` the canonical one."""

    __slots__ = ("asked", "entry", "lengths", "lengths_asked", "prefix", "table", "tail", "touched", "until")

    def __init__(self, entry: Entry, asked: bytes, lengths: bytes, tail: bytes, until: float) -> None:
        self.entry = entry
        self.asked = asked
        self.lengths_asked = bytes(4) + (20 + len(asked)).to_bytes(4)  # sequence number and length of the request
        self.lengths = lengths
        self.tail = tail
        self.until = until
        self.prefix = entry.prefix
        self.touched = 0
        self.table: dict[bytes, WireAnswer] = {}  # that it is in


class ReadyLine:
    """The ready answer to one request line of HTTP: the head up to the request id, and the body. All that answering looks at
    lies here, since with many records each further object is one more that is not in the processor's cache."""

    __slots__ = ("body", "entry", "head", "prefix", "stored_at", "touched")

    def __init__(self, entry: Entry, head: bytes, body: bytes) -> None:
        self.entry = entry
        self.head = head
        self.body = body
        self.prefix = entry.prefix
        self.stored_at = entry.stored_at
        self.touched = 0


class Entry:
    """One record with the answers made from it. `stored_at` is monotonic seconds; `size` is what it counts, in bytes."""

    __slots__ = (
        "aliased", "answer", "lines", "locations", "moved", "origin", "prefix", "proved", "record", "size", "stored_at", "wires",
    )  # fmt: skip

    def __init__(self, record: Record, stored_at: float, origin: str = "postgresql") -> None:
        self.record = record
        self.stored_at = stored_at
        self.origin = origin  # the tier it was read from
        self.prefix = intern(record.key.partition("/")[0])  # canonical; one for all, which is found without being read
        self.proved = False  # asked for again since it was read
        self.lines: tuple[bytes, ...] = ()  # request lines by which it is found in `Memory.lines`
        # For an anonymous reader, once somebody asked for it: the Handle JSON, and where a browser is sent (False: nowhere).
        self.answer: Answer | None = None
        self.moved: Answer | Literal[False] | None = None
        self.aliased = ALIAS_MARK in record.packed and not record.withdrawn  # it may stand for another identifier
        self.locations: tuple[Location, ...] = ()  # known once `moved` is
        self.wires: tuple[WireAnswer, ...] = ()
        self.size = _ENTRY_BYTES + len(record.packed) + 2 * len(record.key)


class Memory:
    """When `limit_bytes` is reached, records that were asked for once go first, then the least recently used; 0 keeps none.

    A record is new until it is asked for again (segmented LRU); those that were may fill four fifths. So somebody who walks
    through everything once displaces what others walked past, not what is asked for all the time.

    `turn` goes up whenever a sixteenth was displaced: who answers without `get` touches an entry once in a turn, not each time.
    So where all that is asked for fits, nothing is moved about.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._new: OrderedDict[str, Entry] = OrderedDict()
        self._proved: OrderedDict[str, Entry] = OrderedDict()
        self._proved_bytes = 0
        # By request line as sent, once it was asked for so: saves reading the request again.
        self.lines: dict[bytes, ReadyLine] = {}
        # Ready answers of the Handle protocol by request: to those who ask for everything, to those who ask for what is public.
        self.wires: tuple[dict[bytes, WireAnswer], dict[bytes, WireAnswer]] = ({}, {})
        self._missing: OrderedDict[str, float] = OrderedDict()
        self._floors: dict[str, int] = {}
        self._older_floors: dict[str, int] = {}
        self._floors_turned_at = 0.0
        self.used_bytes = 0
        self.turn = 1
        self._displaced_bytes = 0

    def get(self, key: str) -> Entry | None:
        entry = self._proved.get(key)
        if entry is not None:
            self._proved.move_to_end(key)
        elif (entry := self._new.get(key)) is not None:
            self._prove(entry)
        return entry

    def peek(self, key: str) -> Entry | None:
        """As `get`, without counting as a use."""
        return self._proved.get(key) or self._new.get(key)

    def keep_line(self, entry: Entry, line: bytes, head: bytes, body: bytes) -> None:
        if line not in self.lines and self.peek(entry.record.key) is entry and len(entry.lines) < _LINES_HELD:
            entry.lines += (line,)
            self.lines[line] = ReadyLine(entry, head, body)
            self._grow(entry, _LINE_BYTES + len(line))

    def keep_wire(self, answer: WireAnswer, public_only: bool) -> None:
        entry, table = answer.entry, self.wires[public_only]
        kept = self.peek(entry.record.key) is entry and len(entry.wires) < _WIRES_HELD
        if kept and answer.asked not in table:
            answer.table, table[answer.asked] = table, answer
            entry.wires += (answer,)
            self._grow(entry, _WIRE_BYTES + len(answer.asked) + len(answer.tail))

    def touch(self, entry: Entry) -> None:
        """It was used: others go first."""
        if self.peek(entry.record.key) is entry:
            self.get(entry.record.key)

    def is_missing(self, key: str, now: float) -> bool:
        """Whether `key` is known, at this moment, not to exist."""
        until = self._missing.get(key)
        if until is None:
            return False
        if until > now:
            return True
        del self._missing[key]
        return False

    def put(self, record: Record, now: float, origin: str = "postgresql") -> Entry:
        """Keep a record just read, unless a newer one is held or known of; returns the entry to answer from."""
        self._missing.pop(record.key, None)
        held = self.peek(record.key)
        if held is not None and held.record.version > record.version:
            return held
        entry = Entry(record, now, origin)
        if record.version < self.floor(record.key):
            return entry  # good enough for whoever was waiting, too old to keep
        if held is not None:
            self._discard(held)
        self._new[record.key] = entry
        self.used_bytes += entry.size
        if held is not None and held.proved:  # a newer version of what was asked for again
            self._prove(entry)
        self._evict()
        return entry

    def put_missing(self, key: str, until: float) -> None:
        self._missing[key] = until
        while len(self._missing) > _MISSING_HELD:
            self._missing.popitem(last=False)

    def count_answer(self, entry: Entry, answer: Answer) -> None:
        """An answer made from the entry is kept with it: count its bytes."""
        if self.peek(entry.record.key) is entry:
            self._grow(entry, _ANSWER_BYTES + len(answer.body))

    def _grow(self, entry: Entry, size: int) -> None:
        entry.size += size
        self.used_bytes += size
        if entry.proved:
            self._proved_bytes += size
            self._share()
        self._evict()

    def apply(self, changes: Iterable[tuple[str, int]], now: float) -> None:
        """(key, version) is now current: forget what is older."""
        self._turn_floors(now)
        for key, version in changes:
            self._missing.pop(key, None)
            if version > 1:  # nothing is older than a first version
                self._floors[key] = max(version, self.floor(key))
            held = self.peek(key)
            if held is not None and held.record.version < version:
                self._discard(held)

    def forget_missing(self, first: str, last: str) -> None:
        """Keys from `first` to `last` may exist now."""
        for key in [key for key in self._missing if first <= key <= last]:
            del self._missing[key]

    def floor(self, key: str) -> int:
        """The highest version lately heard of, 0 when none."""
        return max(self._floors.get(key, 0), self._older_floors.get(key, 0))

    def _turn_floors(self, now: float) -> None:
        if now - self._floors_turned_at > _FLOOR_SECONDS or len(self._floors) > _FLOORS_HELD:
            self._older_floors, self._floors = self._floors, {}
            self._floors_turned_at = now

    def _prove(self, entry: Entry) -> None:
        """It was asked for again."""
        del self._new[entry.record.key]
        self._proved[entry.record.key] = entry
        entry.proved = True
        self._proved_bytes += entry.size
        self._share()

    def _share(self) -> None:
        """Where those that were asked for again are too many, the one that was not for the longest time is as good as new."""
        while self._proved_bytes > self._limit_bytes * _PROVED_SHARE and len(self._proved) > 1:
            key, oldest = self._proved.popitem(last=False)
            oldest.proved = False
            self._proved_bytes -= oldest.size
            self._new[key] = oldest

    def _discard(self, entry: Entry) -> None:
        del (self._proved if entry.proved else self._new)[entry.record.key]
        self._forget(entry)

    def _forget(self, entry: Entry) -> None:
        self.used_bytes -= entry.size
        if entry.proved:
            self._proved_bytes -= entry.size
        for line in entry.lines:
            del self.lines[line]
        for wire in entry.wires:
            del wire.table[wire.asked]
        entry.lines = entry.wires = ()  # answers name their entry: else only a search for cycles would free both

    def _evict(self) -> None:
        while self.used_bytes > self._limit_bytes and (part := self._new or self._proved):
            entry = part.popitem(last=False)[1]
            self._forget(entry)
            self._displaced_bytes += entry.size
        if self._displaced_bytes > self._limit_bytes * _TURN_SHARE:
            self._displaced_bytes = 0
            self.turn += 1
