"""Locust users of a secondary node: partners at every door, manufacturers that register. Run by `benchmarks.award`.

Each user has its own pace and makes up for a late turn (Locust's `constant_throughput` would let it slip); latency counts from
the time at which a turn was due. What to play is read from the JSON file named in BIAOJIE_PLAY, what came of it is written
beside it.
"""

from __future__ import annotations

import json
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import orjson
from hdrh.histogram import HdrHistogram
from locust import User, events, task

from benchmarks.dataset import Dataset
from benchmarks.questions import Readers
from node.load.arrivals import Question

PLAY = Path(os.environ["BIAOJIE_PLAY"])
WISH: dict[str, Any] = json.loads(PLAY.read_text())
_PLAYERS = count()  # so that each has a seed of its own, the same in every run
DATASET = Dataset(WISH["total"], WISH["enterprises"])
PATIENCE_SECONDS = 10.0
_MOST_MICROSECONDS = 60_000_000
_READ_BYTES = 256 * 1024
_BATCH = 20


class Wrong(Exception):
    """An answer that is not the right one; its text is the kind of error."""


class Recorded:
    """What all users of this process met, without the warming up."""

    def __init__(self) -> None:
        self.histograms: dict[str, HdrHistogram] = {}
        self.identifiers: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.began = time.perf_counter() + WISH["warm_seconds"]
        self.until = self.began + (WISH["seconds"] or float("inf"))

    def add(self, door: str, due: float, done: float, identifiers: int, wrong: Exception | None) -> None:
        if not self.began <= due < self.until:
            return
        histogram = self.histograms.setdefault(door, HdrHistogram(1, _MOST_MICROSECONDS, 3))
        histogram.record_value(min(max(int((done - due) * 1e6), 1), _MOST_MICROSECONDS))
        if wrong is None:
            self.identifiers[door] += identifiers
        else:
            self.errors[f"{door}: {wrong}"] += 1

    def write(self) -> None:
        told = {
            "seconds": min(self.until, time.perf_counter()) - self.began,
            "histograms": {door: made.encode().decode() for door, made in self.histograms.items()},
            "requests": {door: made.get_total_count() for door, made in self.histograms.items()},
            "identifiers": dict(self.identifiers),
            "errors": dict(self.errors),
        }
        PLAY.with_suffix(".told.json").write_text(json.dumps(told))


RECORDED = Recorded()


class Wire:
    """A socket of one user; connects again after a failure."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._port = WISH["http_port"] if kind == "http" else WISH["handle_port"]
        self._socket: socket.socket | None = None

    def ask(self, question: Question) -> tuple[int, bytes]:
        """Status or response code, and the body. Raises `Wrong` where there is none."""
        try:
            if self._socket is None:
                kind = socket.SOCK_DGRAM if self._kind == "handle-udp" else socket.SOCK_STREAM
                self._socket = socket.socket(socket.AF_INET, kind)
                self._socket.settimeout(PATIENCE_SECONDS)
                self._socket.connect(("127.0.0.1", self._port))
            self._socket.sendall(question.octets)
            return self._http() if self._kind == "http" else self._handle(question.octets[8:12])
        except OSError as lost:
            self.close()
            raise Wrong(type(lost).__name__) from None

    def _http(self) -> tuple[int, bytes]:
        held = b""
        while (end := held.find(b"\r\n\r\n")) < 0:
            held += self._more()
        head = held[:end].lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(held) < end + 4 + length:
            held += self._more()
        return int(head[9:12]), held[end + 4 :]

    def _handle(self, request_id: bytes) -> tuple[int, bytes]:
        if self._kind == "handle-udp":
            while (held := self._more())[8:16] != request_id + b"\0\0\0\0":
                pass
            return int.from_bytes(held[24:28], "big"), held
        held = b""
        while len(held) < 28 or len(held) < 20 + int.from_bytes(held[16:20], "big"):
            held += self._more()
        return int.from_bytes(held[24:28], "big"), held

    def _more(self) -> bytes:
        assert self._socket is not None
        octets = self._socket.recv(_READ_BYTES)
        if not octets:
            raise ConnectionResetError
        return octets

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Player(User):
    """One user at one door, so many requests a second of its own."""

    abstract = True
    door: ClassVar[str]
    kind: ClassVar[str] = "http"
    per_second: ClassVar[float] = 0.0

    def on_start(self) -> None:
        self.wire = Wire(self.kind)
        self.seed = int(WISH["seed"]) * 100_000 + next(_PLAYERS)
        self.readers = Readers(DATASET, frozenset(WISH["withdrawn"]), seed=self.seed)
        self.questions = self.ask()
        self.due = time.perf_counter() + random.Random(self.seed).random() / self.per_second

    def wait_time(self) -> float:
        return max(0.0, self.due - time.perf_counter())

    def ask(self) -> Iterator[Question]:
        raise NotImplementedError

    @task
    def turn(self) -> None:
        if time.perf_counter() < self.due:  # the first turn: `wait_time` comes after it
            return
        due, question, wrong, octets = self.due, next(self.questions), None, b""
        self.due += 1 / self.per_second
        try:
            status, octets = self.wire.ask(question)
            if status != question.wanted:
                raise Wrong(f"answer {status} instead of {question.wanted}")
            if question.check is not None and not question.check(octets):
                raise Wrong("other content than was registered")
        except Wrong as met:
            wrong = met
        done = time.perf_counter()
        RECORDED.add(self.door, due, done, question.counts, wrong)
        events.request.fire(  # type: ignore[no-untyped-call]  # Locust has no types for it
            request_type=self.kind, name=self.door, response_time=(done - due) * 1000, response_length=len(octets),
            exception=wrong, context={},
        )  # fmt: skip

    def on_stop(self) -> None:
        self.wire.close()


class JsonReader(Player):
    door = "json"

    def ask(self) -> Iterator[Question]:
        return self.readers.json(check_every=10)


class TcpReader(Player):
    door, kind = "handle-tcp", "handle-tcp"

    def ask(self) -> Iterator[Question]:
        return self.readers.handle()


class UdpReader(TcpReader):
    door, kind = "handle-udp", "handle-udp"


class PageReader(Player):
    door = "page"

    def ask(self) -> Iterator[Question]:
        return self.readers.pages()


class BatchReader(Player):
    door = "batch"

    def ask(self) -> Iterator[Question]:
        return self.readers.batches(_BATCH)


class Writer(Player):
    """A manufacturer's program: `new` identifiers, whose serial numbers nobody else has."""

    abstract = True

    def on_start(self) -> None:
        super().on_start()
        owner = random.choice(WISH["writers"])
        self.prefix, self.key = owner["prefix"], owner["key"]

    def new(self) -> dict[str, Any]:
        number = random.randrange(DATASET.total)
        return {"identifier": f"{self.prefix}/new-{random.getrandbits(96):024x}", "values": DATASET.values(number)}

    def sent(self, method: str, path: str, body: Any, wanted: int, counts: int = 1) -> Question:
        octets = orjson.dumps(body)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(octets)}\r\n\r\n"
        )
        return Question(head.encode() + octets, wanted, None, counts)


class SingleWriter(Writer):
    door = "register"

    def ask(self) -> Iterator[Question]:
        while True:
            yield self.sent("POST", "/api/v1/identifiers", self.new(), 201)


class BatchWriter(Writer):
    door = "register-batch"

    def ask(self) -> Iterator[Question]:
        while True:
            items = [self.new() for _ in range(_BATCH)]
            yield self.sent("POST", "/api/v1/identifiers:batch", {"items": items}, 200, _BATCH)


class Reviser(Writer):
    """Registers one identifier of its own and says something new of it again and again."""

    door = "revise"

    def ask(self) -> Iterator[Question]:
        mine, turn = self.new(), 0
        path = "/api/v1/identifiers/" + mine["identifier"].replace("/", "%2F")
        yield self.sent("POST", "/api/v1/identifiers", mine, 201)
        while True:
            turn += 1
            state = {"index": 1, "type": "STATE", "data": {"format": "string", "value": str(turn)}}
            yield self.sent("PUT", path, {"values": [*mine["values"], state]}, 200)


for _player in (JsonReader, TcpReader, UdpReader, PageReader, BatchReader, SingleWriter, BatchWriter, Reviser):
    _player.fixed_count, _player.per_second = WISH["players"][_player.door]
    _player.abstract = not _player.fixed_count
del _player  # Locust would take it for one more class


@events.quitting.add_listener  # type: ignore[untyped-decorator]  # nor for this
def _write(**_: Any) -> None:
    RECORDED.write()
