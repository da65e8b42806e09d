"""The fast lane answers a stream of requests in order, however it is cut, and loses none when it hands the connection over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import BodyInvalid
from core.exchange import Answer, Ask, Later, json_of
from core.fast_doors import Doors, Said
from core.fast_lane import FastLane

# What is asked, and what is said to it. `framework` ones are answered by aiohttp, and everything after them.
ASKED = {
    "now": (b"GET /fast/now HTTP/1.1\r\nHost: x\r\n\r\n", "fast now"),
    "query": (b"GET /fast/now?a=1&b=%2F HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", "fast now a=1&b=%2F"),
    "later": (b"GET /fast/later HTTP/1.1\r\nHost: x\r\n\r\n", "fast later"),
    "slow": (b"GET /fast/slow HTTP/1.1\r\nHost: x\r\n\r\n", "fast slow"),
    "told": (b"GET /fast/told HTTP/1.1\r\nHost: x\r\n\r\n", "fast told"),
    "told late": (b"GET /fast/told-late HTTP/1.1\r\nHost: x\r\n\r\n", "fast later"),
    "told wrong": (b"GET /fast/told-wrong HTTP/1.1\r\nHost: x\r\n\r\n", "body-invalid"),
    "alone": (b"POST /alone HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "alone 1"),
    "post": (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhello\r\n\r\n", "echo hello\r\n\r\n"),
    "empty": (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "echo "),
    "refused": (b"GET /fast/refused HTTP/1.1\r\nHost: x\r\n\r\n", "body-invalid"),
    "failed": (b"GET /fast/failed HTTP/1.1\r\nHost: x\r\n\r\n", "internal-error"),
    "declined": (b"GET /fast/declined HTTP/1.1\r\nHost: x\r\n\r\n", "framework GET /fast/declined "),
    "other": (b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n", "framework GET /other "),
    "put": (b"PUT /fast/now HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxy", "framework PUT /fast/now xy"),
    "chunked": (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "framework POST /echo abc",
    ),
    "gzip": (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 1\r\n\r\nz",
        "framework POST /echo z",
    ),
    "body": (b"GET /fast/now HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n!", "framework GET /fast/now !"),
    "large": (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + b"a" * 70_000,
        "framework POST /echo " + "a" * 70_000,
    ),
}


async def framework(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"framework {request.method} {request.path} {(await request.read()).decode()}")


async def _later() -> Answer:
    await asyncio.sleep(0)
    return Answer(200, b"fast later", {})


async def _slow() -> Answer:
    for _ in range(20):
        await asyncio.sleep(0)
    return Answer(200, b"fast slow", {})


async def _wrong() -> Answer:
    raise BodyInvalid()


class Told:
    """Looks up by being told, and counts what is under way at once."""

    def __init__(self) -> None:
        self.under_way = self.most = 0

    def later(self, said: Answer | Awaitable[Answer], turns: int) -> Later:
        later, loop = Later(), asyncio.get_running_loop()
        self.under_way += 1
        self.most = max(self.most, self.under_way)

        def turn(left: int) -> None:
            if left:
                loop.call_soon(turn, left - 1)
            else:
                self.under_way -= 1
                later.set(said)

        loop.call_soon(turn, turns)
        return later

    async def alone(self) -> Answer:
        self.under_way += 1
        await asyncio.sleep(0)
        answer = Answer(200, f"alone {self.under_way}".encode(), {})
        self.under_way -= 1
        return answer


def fast(told: Told, ask: Ask) -> Said:
    match ask.raw_path:
        case "/fast/later":
            return _later()
        case "/fast/slow":
            return _slow()
        case "/fast/told":
            return told.later(Answer(200, b"fast told", {}), 5)
        case "/fast/most":
            return Answer(200, str(told.most).encode(), {})
        case "/fast/told-late":
            return told.later(_later(), 2)
        case "/fast/told-wrong":
            return told.later(_wrong(), 1)
        case "/fast/declined":
            return None
        case "/fast/refused":
            raise BodyInvalid()
        case "/fast/failed":
            raise ZeroDivisionError
    return Answer(200, f"fast now {ask.raw_query}".rstrip().encode(), {"X": "y"})


@asynccontextmanager
async def lane() -> AsyncIterator[int]:
    doors = Doors()
    told = Told()
    doors.add_get("/fast/", "/fast/{what}", partial(fast, told))
    doors.add_post("/alone", lambda _: told.alone())
    doors.add_post("/echo", lambda ask: Answer(200, b"echo " + ask.body, {}))
    server = web.Server(framework)
    made = FastLane(doors, server)
    listening = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await made.close(1)
        await server.shutdown(1)


async def answer(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    size = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return (await reader.readexactly(size)).decode()


async def talk(names: list[str], cuts: list[int]) -> None:
    stream = b"".join(ASKED[name][0] for name in names)
    places = sorted({cut % len(stream) for cut in cuts} - {0})
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    async with lane() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        for name in names:
            said, wanted = await asyncio.wait_for(answer(reader), 5), ASKED[name][1]
            if wanted in ("body-invalid", "internal-error") and not said.startswith("framework"):
                assert f'"slug":"{wanted}"' in said
            elif said.startswith("framework"):
                asked = ASKED[name][0]
                assert said.split(" ")[2] == asked.split(b" ")[1].partition(b"?")[0].decode()
            else:
                assert said == wanted
        writer.close()


@given(st.lists(st.sampled_from(sorted(ASKED)), min_size=1, max_size=8), st.lists(st.integers(0, 10**6), max_size=6))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_request_is_answered_once_and_in_order(names: list[str], cuts: list[int]) -> None:
    asyncio.run(talk(names, cuts))


@pytest.mark.parametrize("name", sorted(ASKED))
async def test_each_kind_goes_where_it_belongs(name: str) -> None:
    async with lane() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASKED[name][0])
        said = await asyncio.wait_for(answer(reader), 5)
        assert ASKED[name][1] in said if ASKED[name][1].endswith(("invalid", "error")) else said == ASKED[name][1]
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /fast/now HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /fast/now HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /fast/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /fast/now HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET " + b"/" * 20_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_by_the_framework(sent: bytes) -> None:
    async with lane() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        head = await asyncio.wait_for(reader.readline(), 5)
        assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400", b"HTTP/1.1 200 OK")), head
        if b"200" in head:  # a path that only the framework can read
            assert b"\xff" in sent
        writer.close()


async def test_a_connection_that_is_closed_asks_for_nothing_more() -> None:
    async with lane() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /fast/now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), 5)
        assert said.endswith(b"framework GET /fast/now ")


async def test_gets_of_one_connection_are_looked_up_together_up_to_a_bound() -> None:
    async with lane() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        most = ASKED["told"][0].replace(b"told", b"most")
        writer.write(ASKED["told"][0] * 500 + ASKED["alone"][0] + most)
        said = [await asyncio.wait_for(answer(reader), 5) for _ in range(502)]
        assert said == ["fast told"] * 500 + ["alone 1", "64"]
        writer.close()


async def test_a_reader_that_does_not_read_holds_up_only_itself() -> None:
    """Answers are not heaped up for it: the lane stops reading its requests."""
    async with lane() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = (
            ASKED["post"][0]
            .replace(b"Content-Length: 9", b"Content-Length: 60000")
            .replace(b"hello\r\n\r\n", b"a" * 60_000)
        )
        for _ in range(400):
            writer.write(asked)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.5)
        for _ in range(400):
            assert len(await asyncio.wait_for(answer(reader), 5)) == 60_005
        writer.close()


def test_json_answers_are_whole() -> None:
    assert json_of({"a": 1}).body == b'{"a":1}'
