"""A mutation fuzzer for the Handle codec: `python -m tests.fuzz.handle --count 10000000`.

Its corpus are the recorded messages of real peers and what grows out of them: bits, bytes and numbers changed, pieces cut,
repeated and spliced, lengths set to what overflows. Whatever is fed has to come out as a value or as `Malformed`, and memory
must not grow. A failure prints the seed and the bytes, which `--seed` and `--count` find again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.handle import bodies, sessions
from core.handle.admin_data import decode_admin, decode_vlist
from core.handle.codes import Op
from core.handle.credential import decode_credential
from core.handle.datagrams import Reassembly, datagrams_of
from core.handle.digest import split_digest
from core.handle.envelope import ENVELOPE_BYTES, Envelope
from core.handle.keys import decode_key, key_as_json
from core.handle.malformed import Malformed
from core.handle.meaning import kept_data, kept_value, sent_data
from core.handle.message import Message, decode_message, read_message
from core.handle.session_key import SessionKey, key_as_told, read_dh_key, read_told_dh
from core.handle.site import decode_site
from core.handle.stream import Splitter
from core.handle.wire_value import WireValue

VECTORS = Path(__file__).parents[1] / "conformance" / "handle_wire.json"
NUMBERS = tuple(
    number.to_bytes(4) for number in (0, 1, 2, 0x7F, 0xFF, 0x100, 0xFFFF, 2**18, 2**31 - 1, 2**31, 2**32 - 1)
)
CORPUS_HELD = 4_096
MAX_INPUT_BYTES = 4_096
MAX_GROWTH_KIB = 16 * 1024
TYPES = ("URL", "HS_ADMIN", "HS_VLIST", "HS_SITE", "HS_PUBKEY", "HS_SECKEY")
_DATA_READERS: tuple[Callable[[bytes], object], ...] = (
    decode_admin,
    decode_vlist,
    decode_site,
    decode_key,
    key_as_json,
)
KEY = SessionKey(bytes(16))
_ANSWER_READERS: tuple[Callable[[bytes], object], ...] = (
    bodies.decode_valued, bodies.decode_names, bodies.decode_nonce, bodies.decode_verdict, split_digest, decode_site,
    sessions.decode_offer, sessions.decode_exchange, read_told_dh, key_as_told, KEY.decrypt,
    lambda data: read_dh_key(data, (1_024, 2_048)),
)  # fmt: skip


class Fuzzer:
    """One run; the same seed gives the same inputs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.corpus = recorded()
        self.reassembly = Reassembly(most_bytes=1 << 20)
        self.clock = 0.0
        self.values = 0  # inputs that came out as a whole message

    def one(self) -> bytes:
        """An input: something of the corpus, changed a little; now and then it joins the corpus."""
        data = bytearray(self.random.choice(self.corpus))
        for _ in range(1 + self.random.getrandbits(2)):
            self._mutate(data)
        if self.random.random() < 0.7:  # else nothing behind the envelope would be looked at
            data[16:20] = max(0, len(data) - ENVELOPE_BYTES).to_bytes(4)
        return bytes(data[:MAX_INPUT_BYTES])

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
        try:
            message = read_message(data)
        except Malformed:
            message = None
        if message is not None:
            self.values += 1
            self._message(message)
            if self.random.random() < 0.01:
                self._remember(data)
        try:
            for whole in Splitter().feed(data):
                decode_message(Envelope(), whole[ENVELOPE_BYTES:])
        except Malformed:
            pass
        with contextlib.suppress(Malformed):
            self.reassembly.feed(self.random.getrandbits(4), data, self.clock)

    def _message(self, message: Message) -> None:
        again = read_message(message.encode())
        assert (again.body, again.credential) == (message.body, message.credential)
        if self.random.random() < 0.05:
            assert datagrams_of(message.encode(), mark=True)
        op = message.header.op if self.random.getrandbits(1) else self.random.choice(tuple(Op))
        for read in (lambda one: bodies.decode_request(op, one), *_ANSWER_READERS):
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
                kept_value(value)
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


def recorded() -> list[bytes]:
    """The messages of real peers; those in several datagrams piece by piece."""
    steps = [step for vector in json.loads(VECTORS.read_text("utf-8"))["vectors"] for step in vector["steps"]]
    texts = [text for step in steps for text in step.get("packets", [step["hex"]] if "hex" in step else [])]
    return [bytes.fromhex(text) for text in texts]


def memory_kib() -> int:
    """The most that this process has had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run(count: int, seed: int, tell: Callable[[str], None]) -> Fuzzer:
    """Raises AssertionError naming the input, where anything but a value or `Malformed` came out or memory grew."""
    fuzzer, began = Fuzzer(seed), time.monotonic()
    settled = 0
    for number in range(count):
        data = fuzzer.one()
        try:
            fuzzer.feed(data)
        except Exception as wrong:
            raise AssertionError(
                f"input {number} of seed {seed}: {type(wrong).__name__}: {wrong}: {data.hex()}"
            ) from wrong
        if number == count // 5:  # the corpus has grown to its size
            settled = memory_kib()
        if number and number % 1_000_000 == 0:
            rate = number / (time.monotonic() - began)
            tell(f"{number:,} inputs, {rate:,.0f}/s, {fuzzer.values:,} whole messages, {memory_kib():,} KiB at most")
    grown = memory_kib() - settled
    assert grown <= MAX_GROWTH_KIB, f"memory grew by {grown:,} KiB over {count:,} inputs"
    tell(
        f"{count:,} inputs of seed {seed}: a value or Malformed each; {fuzzer.values:,} whole messages; grown {grown:,} KiB"
    )
    return fuzzer


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz.handle", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=0, help="0: a new one")
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().getrandbits(32)
    run(options.count, seed, lambda line: print(line, flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
