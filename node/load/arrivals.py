"""Drive a node over a few connections: an open model, or a closed one at a fixed depth. On uvloop, for HTTP and Handle.

Open: questions arrive by a Poisson clock that knows nothing of the answers, and latency counts from the time at which a question
was due. Closed: every connection always waits for so many answers; that finds the most a node can do, and its latencies are
not those that users meet. Every answer is judged by its status, and where `check` says so by its body.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from node.load.latencies import Latencies

_TICK_SECONDS = 0.002
_RECEIVE_BYTES = 4 << 20  # of a datagram socket: what is lost here is not the node's loss
_ENVELOPE_BYTES, _CODE_AT = 20, 24
_ANSWER = re.compile(
    rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(?:[^\r]*\r\n)*?[Cc]ontent-[Ll]ength: (\d+)\r\n(?:[^\r]*\r\n)*?\r\n"
)


@dataclass(slots=True)  # not frozen: making frozen ones costs as much as asking them
class Question:
    """Never changed once made. `wanted` is the status (HTTP) or response code (Handle) of the right answer; `check` judges the body where it is given;
    `counts` how many identifiers it asks for."""

    octets: bytes
    wanted: int
    check: Callable[[bytes], bool] | None = None
    counts: int = 1


@dataclass(slots=True)
class Outcome:
    """What came back. `seconds` from the first question to the last answer."""

    latencies: Latencies = field(default_factory=Latencies)
    asked: int = 0
    answered: int = 0
    identifiers: int = 0
    checked: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return self.answered / self.seconds if self.seconds else 0.0

    def milliseconds(self, percentile: float) -> float:
        return self.latencies.milliseconds(percentile)


class _Talk:
    """One connection or socket: questions out, answers in. `waiting` are those not answered, oldest first."""

    def __init__(self, outcome: Outcome, answered: Callable[[Any], None]) -> None:
        self.outcome = outcome
        self.answered = answered
        self.waiting: Any = None
        self.transport: Any = None
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self.waiting:
            self.outcome.errors["connection lost"] += len(self.waiting)
            self.waiting.clear()
        self.transport = None

    def ask(self, questions: list[Question], due: list[float]) -> None:
        raise NotImplementedError

    def _judge(self, due: float, question: Question, status: int, held: bytes, start: int, end: int) -> None:
        outcome = self.outcome
        outcome.answered += 1
        outcome.identifiers += question.counts
        outcome.latencies.record(int((time.perf_counter() - due) * 1e6))
        if status != question.wanted:
            outcome.errors[f"answer {status} instead of {question.wanted}"] += 1
        elif question.check is not None:
            outcome.checked += 1
            if not question.check(held[start:end]):
                outcome.errors["other bytes than were registered"] += 1


class HttpTalk(_Talk, asyncio.Protocol):
    """Answers come in the order of the questions."""

    def __init__(self, outcome: Outcome, answered: Callable[[Any], None]) -> None:
        super().__init__(outcome, answered)
        self.waiting = deque()

    def ask(self, questions: list[Question], due: list[float]) -> None:
        self.waiting.extend(zip(due, questions, strict=True))
        self.transport.write(b"".join([question.octets for question in questions]))

    def data_received(self, data: bytes) -> None:
        held = self._held + data if self._held else data
        position, before = 0, len(self.waiting)
        while self.waiting and (found := _ANSWER.match(held, position)) is not None:
            start = found.end()
            if (end := start + int(found[2])) > len(held):
                break
            due, question = self.waiting.popleft()
            self._judge(due, question, int(found[1]), held, start, end)
            position = end
        self._held = held[position:]
        if len(self.waiting) < before:
            self.answered(self)


class _HandleTalk(_Talk):
    """Answers are told apart by their request id: those that were ready may overtake others."""

    def __init__(self, outcome: Outcome, answered: Callable[[Any], None]) -> None:
        super().__init__(outcome, answered)
        self.waiting = {}

    def _wait(self, questions: list[Question], due: list[float]) -> None:
        for when, question in zip(due, questions, strict=True):
            self.waiting[question.octets[8:12]] = (when, question)

    def _heard(self, held: bytes, position: int, end: int) -> None:
        if (asked := self.waiting.pop(held[position + 8 : position + 12], None)) is not None:
            due, question = asked
            code = int.from_bytes(held[position + _CODE_AT : position + _CODE_AT + 4], "big")
            self._judge(due, question, code, held, position, end)


class HandleTalk(_HandleTalk, asyncio.Protocol):
    def ask(self, questions: list[Question], due: list[float]) -> None:
        self._wait(questions, due)
        self.transport.write(b"".join([question.octets for question in questions]))

    def data_received(self, data: bytes) -> None:
        held = self._held + data if self._held else data
        position, size = 0, len(held)
        while size - position >= _ENVELOPE_BYTES:
            end = position + _ENVELOPE_BYTES + int.from_bytes(held[position + 16 : position + 20], "big")
            if end > size:
                break
            self._heard(held, position, end)
            position = end
        self._held = held[position:]
        self.answered(self)


class HandleDatagrams(_HandleTalk, asyncio.DatagramProtocol):
    """Over UDP, where answers may be lost."""

    def ask(self, questions: list[Question], due: list[float]) -> None:
        self._wait(questions, due)
        for question in questions:
            self.transport.sendto(question.octets)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data[12:16] == b"\0\0\0\0":  # else a later piece of a long answer
            self._heard(data, 0, len(data))
            self.answered(self)


@dataclass(frozen=True, slots=True)
class Place:
    """Where to ask, and how: `http`, `handle-tcp` or `handle-udp`."""

    kind: str
    host: str
    port: int


async def _connect(place: Place, outcome: Outcome, answered: Callable[[Any], None], count: int) -> list[_Talk]:
    loop, made = asyncio.get_running_loop(), list[_Talk]()
    for _ in range(count):
        one: Any
        if place.kind == "handle-udp":
            transport, one = await loop.create_datagram_endpoint(
                lambda: HandleDatagrams(outcome, answered), remote_addr=(place.host, place.port)
            )
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        else:
            talk: Any = HttpTalk if place.kind == "http" else HandleTalk
            _, one = await loop.create_connection(lambda: talk(outcome, answered), place.host, place.port)  # noqa: B023
        made.append(one)
    return made


def _ask(talk: _Talk, questions: list[Question], due: list[float]) -> int:
    """Send them; how many could be."""
    if talk.transport is None or talk.transport.is_closing():
        talk.outcome.errors["no connection"] += len(questions)
        return 0
    talk.ask(questions, due)
    talk.outcome.asked += len(questions)
    return len(questions)


async def open_model(
    place: Place, questions: Iterator[Question], rate: float, seconds: float, connections: int = 32, seed: int = 1,
    patience: float = 10.0,
) -> Outcome:  # fmt: skip
    """Questions at `rate` a second on average for `seconds`, each sent when it is due whatever was answered."""
    outcome, clock = Outcome(), random.Random(seed)  # noqa: S311 (a load that can be repeated)
    talks = await _connect(place, outcome, lambda _: None, connections)
    began = time.perf_counter()
    due, turn = began + clock.expovariate(rate), 0
    while due < began + seconds:
        now = time.perf_counter()
        ready: dict[int, tuple[list[Question], list[float]]] = {}
        while due <= now and due < began + seconds:
            asked, times = ready.setdefault(turn % connections, ([], []))
            asked.append(next(questions))
            times.append(due)
            turn, due = turn + 1, due + clock.expovariate(rate)
        for number, (asked, times) in ready.items():
            _ask(talks[number], asked, times)
        await asyncio.sleep(min(max(due - time.perf_counter(), 0.0), _TICK_SECONDS))
    return await _finish(talks, outcome, began, patience)


async def closed_model(
    place: Place, questions: Iterator[Question], count: int, connections: int = 16, depth: int = 16,
    patience: float = 10.0, progress: Callable[[int], None] | None = None,
) -> Outcome:  # fmt: skip
    """`count` questions, never more than `depth` unanswered on a connection. `progress` hears how many more were answered."""
    outcome = Outcome()
    left = count
    told = 0

    def more(talk: Any) -> None:
        nonlocal left, told
        wish = min(depth - len(talk.waiting), left)
        if wish > 0 and (len(talk.waiting) <= depth // 2 or left < depth):
            now = time.perf_counter()
            left -= _ask(talk, [next(questions) for _ in range(wish)], [now] * wish)
        if progress is not None and outcome.answered - told >= 10_000:
            progress(outcome.answered - told)
            told = outcome.answered

    talks = await _connect(place, outcome, more, connections)
    began = heard = time.perf_counter()
    for talk in talks:
        more(talk)
    before = 0
    while (left or any(talk.waiting for talk in talks)) and time.perf_counter() - heard < patience:
        await asyncio.sleep(0.02)
        if outcome.answered != before:
            before, heard = outcome.answered, time.perf_counter()
        if all(talk.transport is None for talk in talks):
            break
    if progress is not None:
        progress(outcome.answered - told)
    outcome.errors["not asked"] += left
    return await _finish(talks, outcome, began, 0.0)


async def _finish(talks: list[Any], outcome: Outcome, began: float, patience: float) -> Outcome:
    end = time.perf_counter() + patience
    while any(talk.waiting for talk in talks) and time.perf_counter() < end:
        await asyncio.sleep(0.005)
    outcome.seconds = time.perf_counter() - began
    for talk in talks:
        unanswered, talk.waiting = len(talk.waiting), type(talk.waiting)()
        outcome.errors["no answer"] += unanswered
        if talk.transport is not None:
            talk.transport.close()
    outcome.errors = +outcome.errors
    return outcome
