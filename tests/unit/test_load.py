"""The generator of load: arrivals that wait for nobody, latency from the time that was due, and every wrong answer seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count, repeat

import pytest

from core.handle.bodies import Resolve, read_resolve
from core.handle.codes import Flag, Op
from core.handle.header import Header
from core.handle.message import Message, read_message
from core.handle.reader import Reader
from node.load.arrivals import Place, Question, closed_model, open_model
from node.load.latencies import Latencies
from node.load.questions import batch_question, handle_question, json_question, register_question

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
GET = Question(b"GET / HTTP/1.1\r\n\r\n", 200)
Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(each: Served, kind: str = "http") -> AsyncIterator[Place]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await each(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield Place(kind, "127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()


def answering(answer: bytes) -> Served:
    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)

    return each


async def test_open_model_goes_on_asking_while_nothing_is_answered() -> None:
    """A closed loop of so many connections would stand still; this one asks on, and all of the waiting counts."""
    held, asked_before_any_answer = asyncio.Event(), 100
    heard = 0

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        while True:
            await reader.readuntil(b"\r\n\r\n")
            heard += 1
            if heard >= asked_before_any_answer:
                held.set()
            await held.wait()
            writer.write(ANSWER)

    # Each of the 128 connections holds back its first answer until a hundred have asked.
    async with served(each) as place:
        outcome = await open_model(place, repeat(GET), 1_000, 0.3, connections=128)
    assert outcome.answered == outcome.asked > asked_before_any_answer
    assert not outcome.errors
    assert outcome.milliseconds(100) > 40, "the first waited for a hundred arrivals, about 100 ms"


async def test_latency_counts_from_when_a_question_was_due() -> None:
    """The generator itself is late once; those that it sent too late waited for it."""

    def late() -> Iterator[Question]:
        for number in count():
            if number == 5:
                time.sleep(0.1)
            yield GET

    async with served(answering(ANSWER)) as place:
        outcome = await open_model(place, late(), 1_000, 0.3)
    late_ones = sum(times for microseconds, times in outcome.latencies.counts.items() if microseconds > 10_000)
    assert late_ones > 30, "about a hundred were due while nothing was sent, the first of them 100 ms before"


async def test_arrivals_are_those_of_the_seed() -> None:
    async with served(answering(ANSWER)) as place:
        one, same, other = [(await open_model(place, repeat(GET), 2_000, 0.1, seed=seed)).asked for seed in (1, 1, 2)]
    assert one == same != other


async def test_closed_model_asks_so_many_and_never_more_at_once() -> None:
    most = 0

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        while data := await reader.read(65_536):
            questions = data.count(b"\r\n\r\n")
            most = max(most, questions)
            writer.write(ANSWER * questions)

    async with served(each) as place:
        outcome = await closed_model(place, repeat(GET), 503, connections=4, depth=8)
    assert (outcome.asked, outcome.answered, outcome.errors) == (503, 503, {})
    assert 1 < most <= 8


@pytest.mark.parametrize(
    ("answer", "question", "error"),
    [
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", GET, "answer 503 instead of 200"),
        (ANSWER, Question(GET.octets, 404), "answer 200 instead of 404"),
        (ANSWER, Question(GET.octets, 200, lambda body: body == b"[]"), "other bytes than were registered"),
    ],
)
async def test_wrong_answers_are_seen(answer: bytes, question: Question, error: str) -> None:
    async with served(answering(answer)) as place:
        outcome = await closed_model(place, repeat(question), 10, 2, 2)
    assert outcome.errors == {error: 10}


async def test_answers_that_never_came_are_seen() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async def hanging_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with served(silent) as place:
        assert (await closed_model(place, repeat(GET), 3, 1, 3, patience=0.1)).errors == {"no answer": 3}
    async with served(hanging_up) as place:
        outcome = await closed_model(place, repeat(GET), 10, 1, 4, patience=0.5)
    assert outcome.errors.total() == 10, outcome.errors
    assert outcome.errors["connection lost"] == 4


async def test_handle_answers_may_overtake() -> None:
    """Two at a time are answered in the other order, the second of them with a failure."""

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked = []
            for _ in range(2):
                head = await reader.readexactly(20)
                asked.append(read_message(head + await reader.readexactly(int.from_bytes(head[16:], "big"))))
            for message in reversed(asked):
                code = 1 if read_resolve(Reader(message.body)).handle.endswith("there") else 100
                writer.write(Message(message.envelope, Header(Op.RESOLVE, code), b"").encode())

    questions = (
        handle_question(f"88.118.1/{'there' if number % 2 else 'not'}", number, 1 if number % 2 else 100)
        for number in count()
    )
    async with served(each, "handle-tcp") as place:
        outcome = await closed_model(place, questions, 40, 1, 2)
    assert (outcome.answered, outcome.errors) == (40, {})


def test_handle_question_is_a_message_of_the_codec() -> None:
    message = read_message(handle_question("88.118.1/甲-1", 0xFFFF_FFFE).octets)
    assert message.envelope.request_id == 0xFFFF_FFFE
    assert (message.header.op, message.header.flags & Flag.PUBL) == (Op.RESOLVE, Flag.PUBL)
    assert message.body == Resolve("88.118.1/甲-1").encode()


def test_http_questions_are_whole_and_escaped() -> None:
    assert json_question("88.118.1/A B").octets.startswith(b"GET /api/handles/88.118.1/A%20B HTTP/1.1\r\n")
    asked = register_question("bj_key", "88.118.1/甲", [])
    head, _, body = asked.octets.partition(b"\r\n\r\n")
    assert b"Authorization: Bearer bj_key" in head
    assert f"Content-Length: {len(body)}".encode() in head
    batch = batch_question(["a", "b"], ["found", "unknown"])
    assert (batch.counts, batch.wanted) == (2, 200)
    assert batch.check is not None
    assert batch.check(b'{"items":[{"status":"found"},{"status":"unknown"}]}')
    assert not batch.check(b'{"items":[{"status":"found"},{"status":"found"}]}')


def test_latencies_keep_three_digits() -> None:
    made = Latencies()
    for microseconds in (0, 7, 999, 1_234, 98_765, 10**9):
        made.record(microseconds)
    assert dict(made.counts) == {1: 1, 7: 1, 999: 1, 1_230: 1, 98_700: 1, 60_000_000: 1}
    assert [made.milliseconds(percentile) for percentile in (0, 50, 100)] == [0.001, 0.999, 60_000.0]
    assert Latencies().milliseconds(99) == 0.0
    whole = Latencies({7: 2})
    whole.add(made)
    assert (whole.total, whole.counts[7]) == (8, 3)
