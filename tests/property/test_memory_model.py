"""L1 against a simple model: whatever happens in whichever order, versions only go up and the bytes stay bounded."""

from __future__ import annotations

import gc
from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.exchange import Answer
from core.record import Record, Status
from core.values import HandleValue, pack
from resolver.memory import _FLOOR_SECONDS, _PROVED_SHARE, Entry, Memory, WireAnswer

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = [f"88.118.8/{letter}" for letter in "ABCDE"]
keys = st.sampled_from(KEYS)
versions = st.integers(1, 6)


def record(key: str, version: int, size: int = 10) -> Record:
    packed = pack([HandleValue(1, "V", f"{version}" * size)])
    return Record(key, key, packed, version, Status.ACTIVE, None, None, MOMENT, MOMENT)


class MemoryMachine(RuleBasedStateMachine):
    """`heard` is the highest version announced for each key and when; `missing` until when a key is said not to exist."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.heard: dict[str, tuple[int, float]] = {}
        self.shown: dict[str, int] = {}  # what the memory last held
        self.missing: dict[str, float] = {}

    @initialize(limit=st.sampled_from([0, 1_000, 3_000, 1_000_000]))
    def start(self, limit: int) -> None:
        self.limit = limit
        self.memory = Memory(limit)

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.0, _FLOOR_SECONDS + 1]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=keys, version=versions, size=st.integers(1, 400))
    def read_from_the_store(self, key: str, version: int, size: int) -> None:
        held = self.memory.get(key)
        entry = self.memory.put(record(key, version, size), self.now)
        assert entry.record.version >= version, "never answer with less than was read"
        if held is not None:
            assert entry.record.version >= held.record.version
        heard, at = self.heard.get(key, (0, 0.0))
        kept = self.memory.get(key)
        if version < heard and self.now - at <= _FLOOR_SECONDS:
            assert kept is None or kept.record.version >= heard, "too old to keep"
        self.missing.pop(key, None)
        if self.limit == 1_000_000 and version >= heard:
            assert kept is not None and kept.record.version >= version, "there is room, so it is kept"

    @rule(key=keys, seconds=st.sampled_from([0.0, 0.5]))
    def read_nothing(self, key: str, seconds: float) -> None:
        self.memory.put_missing(key, self.now + seconds)
        self.missing[key] = self.now + seconds

    @rule(changes=st.lists(st.tuples(keys, versions), min_size=1, max_size=4))
    def hear_of_changes(self, changes: list[tuple[str, int]]) -> None:
        self.memory.apply(changes, self.now)
        for key, version in changes:
            self.missing.pop(key, None)
            if version >= self.heard.get(key, (0, 0.0))[0]:
                self.heard[key] = (version, self.now)
            held = self.memory.get(key)
            assert held is None or held.record.version >= version

    @rule(key=keys, size=st.integers(1, 500))
    def keep_an_answer(self, key: str, size: int) -> None:
        entry = self.memory.get(key)
        if entry is not None and entry.answer is None:
            entry.answer = Answer(200, b"x" * size, {})
            self.memory.count_answer(entry, entry.answer)

    @rule(key=keys, path=st.sampled_from(["", "?", "%2F"]))
    def keep_a_line(self, key: str, path: str) -> None:
        entry = self.memory.get(key)
        if entry is not None:
            self.memory.keep_line(entry, (key + path).encode(), b"head", b"body")

    @rule(key=keys, size=st.integers(1, 500))
    def keep_an_answer_of_an_entry_that_is_gone(self, key: str, size: int) -> None:
        entry = self.memory.get(key)
        self.memory.apply([(key, 1_000)], self.now)
        self.heard[key] = (1_000, self.now)
        self.missing.pop(key, None)
        if entry is not None:
            self.memory.count_answer(entry, Answer(200, b"x" * size, {}))
            assert self.memory.get(key) is None

    def held(self) -> list[Entry]:
        found = [entry for key in KEYS if (entry := self.memory.peek(key)) is not None]
        assert len(found) == len(self.memory._new) + len(self.memory._proved), "each in one of both"
        return found

    @invariant()
    def versions_only_go_up_while_a_record_is_held(self) -> None:
        now_shown = {}
        for key in KEYS:
            entry = self.memory.peek(key)
            if entry is not None:
                assert entry.record.version >= self.shown.get(key, 0)
                now_shown[key] = entry.record.version
        self.shown = now_shown

    @invariant()
    def floors_are_what_was_lately_heard(self) -> None:
        for key, (version, at) in self.heard.items():
            if version > 1 and self.now - at <= _FLOOR_SECONDS:
                assert self.memory.floor(key) == version

    @invariant()
    def the_bytes_are_counted_and_bounded(self) -> None:
        assert self.memory.used_bytes == sum(entry.size for entry in self.held())
        assert self.memory.used_bytes <= self.limit
        proved = self.memory._proved.values()
        assert self.memory._proved_bytes == sum(entry.size for entry in proved)
        assert len(proved) < 2 or self.memory._proved_bytes <= self.limit * _PROVED_SHARE
        assert all(entry.proved for entry in proved) and not any(entry.proved for entry in self.memory._new.values())

    @invariant()
    def a_line_leads_to_what_is_held(self) -> None:
        for line, ready in self.memory.lines.items():
            entry = ready.entry
            assert line in entry.lines and line.startswith(entry.record.key.encode())
            assert self.memory.peek(entry.record.key) is entry
        assert sum(len(entry.lines) for entry in self.held()) == len(self.memory.lines)

    @invariant()
    def what_is_missing_is_so_for_its_moment_only(self) -> None:
        for key in KEYS:
            if self.memory.is_missing(key, self.now):
                assert self.missing.get(key, -1.0) > self.now
            elif self.missing.get(key, -1.0) > self.now:
                raise AssertionError(f"{key} was forgotten too early")


TestMemory = MemoryMachine.TestCase
TestMemory.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)


def test_the_least_recently_used_goes_first() -> None:
    memory = Memory(Entry(record("A", 1), 0).size * 3)  # the third, with its 500 bytes, needs the place of one
    for key in ("A", "B"):
        memory.put(record(key, 1), 0)
    assert memory.get("A") is not None
    memory.put(record("C", 1, 500), 0)
    assert memory.get("B") is None and memory.get("A") is not None


def test_who_walks_through_everything_once_does_not_displace_what_is_asked_for_again() -> None:
    memory = Memory(Entry(record("A0000", 1), 0).size * 1_000)
    popular = [f"A{number:04d}" for number in range(700)]
    for key in popular:
        memory.put(record(key, 1), 0)
        memory.get(key)
    for number in range(20_000):
        memory.put(record(f"B{number:05d}", 1), 0)
    assert all(memory.peek(key) is not None for key in popular)
    # And what is no longer asked for makes room for what is.
    for key in (f"C{number:04d}" for number in range(700)):
        memory.put(record(key, 1), 0)
        memory.get(key)
    assert all(memory.peek(f"C{number:04d}") is not None for number in range(700))


def test_what_is_answered_without_being_looked_up_stays_while_others_are_walked_past() -> None:
    memory = Memory(Entry(record("A0000", 1), 0).size * 1_000)
    for number in range(100):
        entry = memory.put(record(f"A{number:04d}", 1), 0)
        memory.keep_line(entry, entry.record.key.encode(), b"", b"")
    moved = 0
    for number in range(5_000):
        memory.put(record(f"B{number:05d}", 1), 0)
        memory.get(f"B{number - number % 3:05d}")  # others prove themselves as well
        for line in list(memory.lines.values()):
            if line.touched != memory.turn:
                line.touched = memory.turn
                memory.touch(line.entry)
                moved += 1
    assert len(memory.lines) == 100
    assert moved <= 100 * (2 + 5_000 // 60), "once in a turn, which is a sixteenth of what there is room for"


def test_what_goes_is_gone_at_once_without_a_search_for_cycles() -> None:
    memory = Memory(Entry(record("A", 1), 0).size * 20)
    gc.collect()
    gc.disable()

    def held() -> int:
        return sum(isinstance(each, WireAnswer) for each in gc.get_objects())

    try:
        others = held()  # of tests before this one
        for number in range(500):
            entry = memory.put(record(f"A{number:03d}", 1), 0)
            memory.keep_wire(WireAnswer(entry, b"asked %d" % number, b"", b"", 1.0), public_only=True)
        del entry
        assert held() - others == len(memory.wires[True]) < 20
    finally:
        gc.enable()


def test_a_flood_of_unknown_names_stays_bounded() -> None:
    memory = Memory(1_000_000)
    for number in range(60_000):
        memory.put_missing(f"88.118.8/{number}", 1.0)
    assert len(memory._missing) == 50_000
    assert memory.is_missing("88.118.8/59999", 0.5) and not memory.is_missing("88.118.8/0", 0.5)


def test_a_flood_of_changes_keeps_the_latest_floors() -> None:
    memory = Memory(1_000_000)
    for start in range(0, 300_000, 10_000):
        memory.apply([(f"k{number}", 2) for number in range(start, start + 10_000)], 1.0)
    assert len(memory._floors) + len(memory._older_floors) <= 220_000
    assert memory.floor("k299999") == 2
