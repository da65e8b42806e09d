"""A mutation fuzzer for the Handle codec. `make fuzz-handle` runs it for long (`benchmarks.handle_fuzz`).

Its corpus are messages of real peers and of sessions (`tests.fuzz.seeds`) and what grows out of them: bits, bytes and numbers
changed, pieces cut, repeated and spliced, lengths set to what overflows; one in some thousands is blown up to the size that a
message may have. Whatever is fed, as it comes over TCP, UDP or HTTP, has to come out as a value or as one of our errors, and
memory must not grow. A failure names the seed and the bytes.
"""

from __future__ import annotations

import contextlib
import random
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import HandleMessageMalformed
from core.handle import bodies, sessions
from core.handle.admin_data import decode_admin, decode_vlist
from core.handle.codes import NAMES, Op
from core.handle.credential import decode_credential
from core.handle.datagrams import Reassembly, datagrams_of
from core.handle.digest import split_digest
from core.handle.envelope import ENVELOPE_BYTES, Envelope
from core.handle.keys import decode_key, key_as_json
from core.handle.malformed import Malformed
from core.handle.meaning import kept_data, kept_value, sent_data, sent_value
from core.handle.message import Message, decode_message, read_message
from core.handle.reader import MAX_MESSAGE_BYTES
from core.handle.session_key import key_as_told, read_dh_key, read_told_dh
from core.handle.site import decode_site
from core.handle.stream import Splitter
from core.handle.wire_value import WireValue
from resolver.handle.http import envelope_of
from tests.fuzz.seeds import KEY, of_sessions, recorded

NUMBERS = tuple(
    number.to_bytes(4) for number in (0, 1, 2, 0x7F, 0xFF, 0x100, 0xFFFF, 2**18, 2**31 - 1, 2**31, 2**32 - 1)
)
CORPUS_HELD = 4_096
MAX_INPUT_BYTES = 4_096  # of nearly all
LARGE_SHARE, LARGE_BYTES = 1 / 5_000, (4_096, MAX_MESSAGE_BYTES + 8_192)
MAX_GROWTH_KIB = 16 * 1024
TYPES = ("URL", "HS_ADMIN", "HS_VLIST", "HS_SITE", "HS_PUBKEY", "HS_SECKEY")
_DATA_READERS: tuple[Callable[[bytes], object], ...] = (
    decode_admin,
    decode_vlist,
    decode_site,
    decode_key,
    key_as_json,
)
_ANSWER_READERS: tuple[Callable[[bytes], object], ...] = (
    bodies.decode_valued, bodies.decode_names, bodies.decode_nonce, bodies.decode_verdict, split_digest, decode_site,
    sessions.decode_offer, sessions.decode_exchange, read_told_dh, key_as_told, KEY.decrypt,
    lambda data: read_dh_key(data, (1_024, 2_048)),
)  # fmt: skip


class Fuzzer:
    """One run; the same seed gives the same inputs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.corpus = recorded() + of_sessions()
        self.reassembly = Reassembly(most_bytes=1 << 20)
        self.clock = 0.0
        self.outcomes: Counter[str] = Counter()  # inputs by what came out
        self.largest = 0  # bytes

    def one(self) -> bytes:
        """An input: something of the corpus, changed a little; now and then it joins the corpus."""
        data = bytearray(self.random.choice(self.corpus))
        for _ in range(1 + self.random.getrandbits(2)):
            self._mutate(data)
        most = MAX_INPUT_BYTES
        if self.random.random() < LARGE_SHARE and data:
            most = self.random.randint(*LARGE_BYTES)
            self._blow_up(data, most)
        if self.random.random() < 0.7:  # else nothing behind the envelope would be looked at
            data[16:20] = max(0, min(len(data), most) - ENVELOPE_BYTES).to_bytes(4)
        return bytes(data[:most])

    def _blow_up(self, data: bytearray, size: int) -> None:
        """A piece of it, repeated; sometimes the body is said to have it all."""
        begin = self.random.randrange(len(data))
        piece = data[begin : begin + 1 + self.random.getrandbits(7)]
        data[begin:begin] = piece * (max(0, size - len(data)) // len(piece))
        if self.random.getrandbits(1):
            data[40:44] = max(0, len(data) - ENVELOPE_BYTES - 28).to_bytes(4)

    def _mutate(self, data: bytearray) -> None:
        pick, place = self.random.getrandbits(3), self.random.randrange(len(data) or 1)
        if pick == 0 and data:
            data[place] ^= 1 << self.random.getrandbits(3) % 8
        elif pick == 1 and data:
            data[place] = self.random.getrandbits(8)
        elif pick in (2, 3):
            data[place : place + 4] = self.random.choice(NUMBERS)
        elif pick == 4:
            del data[place : place + 1 + self.random.getrandbits(4)]
        elif pick == 5:
            data[place:place] = data[place : place + 1 + self.random.getrandbits(5)]
        elif pick == 6:
            other = self.random.choice(self.corpus)
            data[place:] = other[self.random.randrange(len(other)) :]
        else:
            data[place:place] = self.random.randbytes(1 + self.random.getrandbits(3))

    def feed(self, data: bytes) -> None:
        """Through every reader that could be handed these bytes. Raises only what is a fault."""
        self.clock += 0.001
        self.largest = max(self.largest, len(data))
        try:
            message = read_message(data)
        except Malformed as wrong:
            self.outcomes[f"malformed: {NAMES[wrong.code]}"] += 1
        else:
            self.outcomes["a whole message"] += 1
            self._message(message)
            if self.random.random() < 0.01 and len(data) <= MAX_INPUT_BYTES:
                self._remember(data)
        try:
            for whole in Splitter().feed(data):
                decode_message(Envelope(), whole[ENVELOPE_BYTES:])
        except Malformed:
            pass
        with contextlib.suppress(Malformed):
            self.reassembly.feed(self.random.getrandbits(4), data, self.clock)
        with contextlib.suppress(HandleMessageMalformed):
            envelope_of(data)
        with contextlib.suppress(Malformed):
            decode_message(Envelope(), KEY.decrypt(data[ENVELOPE_BYTES:]))

    @property
    def values(self) -> int:
        """Inputs that came out as a whole message."""
        return self.outcomes["a whole message"]

    def _message(self, message: Message) -> None:
        again = read_message(message.encode())
        assert (again.body, again.credential) == (message.body, message.credential)
        if self.random.random() < 0.05:
            assert datagrams_of(message.encode(), mark=True)
        op = message.header.op if self.random.getrandbits(1) else self.random.choice(tuple(Op))
        try:
            bodies.decode_request(op, message.body)
            self.outcomes["a body read as a request"] += 1
        except Malformed as wrong:
            self.outcomes[f"a body refused: {NAMES[wrong.code]}"] += 1
        for read in _ANSWER_READERS:
            try:
                found = read(message.body)
            except Malformed:
                continue
            if isinstance(found, bodies.Valued):
                self._values(found)
        bodies.decode_error(message.body)
        for look in (lambda: decode_credential(message.credential), lambda: KEY.counter_of(message)):
            with contextlib.suppress(Malformed):
                look()

    def _values(self, found: bodies.Valued) -> None:
        assert bodies.decode_valued(found.encode()) == found
        for value in found.values[:8]:
            kind = self.random.choice(TYPES)
            assert sent_data(*kept_data(kind, value.data)) == value.data
            try:
                assert sent_value(kept_value(value), value.timestamp) == value.encode()
                kept_value(WireValue(value.index, kind, value.data))
            except Malformed:
                pass
            for read in _DATA_READERS:
                with contextlib.suppress(Malformed):
                    read(value.data)

    def _remember(self, data: bytes) -> None:
        if len(self.corpus) >= CORPUS_HELD:
            self.corpus[self.random.randrange(CORPUS_HELD)] = data
        else:
            self.corpus.append(data)


def memory_kib() -> int:
    """The most that this process has had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@dataclass(slots=True)
class Course:
    """What a run has shown. `kib`: the most that the process had before it, after a fifth of it, and at its end."""

    fuzzer: Fuzzer
    count: int
    kib: list[int] = field(default_factory=list)
    seconds: float = 0.0
    fault: str = ""

    @property
    def grown_kib(self) -> int:
        """Since the corpus has its size."""
        return self.kib[-1] - self.kib[1]


def run(count: int, seed: int, tell: Callable[[str], None]) -> Course:
    """Ends at the first input of which anything but a value or one of our errors came out, which `fault` names."""
    fuzzer, began = Fuzzer(seed), time.monotonic()
    course = Course(fuzzer, count, [memory_kib()])
    for number in range(count):
        data = fuzzer.one()
        try:
            fuzzer.feed(data)
        except Exception as wrong:  # what is looked for
            course.fault = f"input {number} of seed {seed}: {type(wrong).__name__}: {wrong}: {data[:4_096].hex()}"
            break
        if number == count // 5:
            course.kib.append(memory_kib())
        if number and number % 1_000_000 == 0:
            rate = number / (time.monotonic() - began)
            tell(f"{number:,} inputs, {rate:,.0f}/s, {fuzzer.values:,} whole messages, {memory_kib():,} KiB at most")
    course.kib += [memory_kib()] * (3 - len(course.kib))
    course.seconds = time.monotonic() - began
    if not course.fault and course.grown_kib > MAX_GROWTH_KIB:
        course.fault = f"memory grew by {course.grown_kib:,} KiB over {count:,} inputs of seed {seed}"
    return course
