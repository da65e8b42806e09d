"""What one client can make a worker hold: answers that it does not read, halves of requests, connections."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from core import fast_lane
from core.handle.bodies import Resolve
from core.handle.codes import Flag, Op
from core.handle.message import Message
from core.handle.stream import in_one_piece, next_end
from node import framework
from node.handle_client import HandleConnection, request
from resolver.handle import tcp
from tests.harness import Node, at, free_port, text_value, until, worker_here

HOST = "127.0.0.1"
MEBIBYTE = 1024 * 1024
SMALL, LARGE = 1, 24  # values of a record, 7 KB each: its answer lies ready, or has to be asked for


def resolving(name: str) -> Message:
    return request(Op.RESOLVE, Resolve(name, (), ()).encode(), flags=int(Flag.PUBL))


async def registered(node: Node, suffix: str, values: int) -> str:
    name = f"{node.prefix}/{suffix}"
    told = [text_value(n, "DATA", "x" * 7_000) for n in range(1, values + 1)]
    made = await node.owner.post("/api/v1/identifiers", {"identifier": name, "values": told})
    assert made.status == 201, made.body
    return name


@asynccontextmanager
async def worker(node: Node, **more: Any) -> AsyncIterator[tuple[int, int]]:
    """HTTP port and Handle port of one more worker, in this process."""
    update = {"http_port": free_port(), "handle_port": free_port(), **more}
    async with worker_here(node.settings.model_copy(update=update), 1):
        yield update["http_port"], update["handle_port"]


async def http_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return head, await asyncio.wait_for(reader.readexactly(int(length)), 10)


async def get(port: int, path: str) -> tuple[bytes, bytes]:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await http_answer(reader)
    writer.close()
    return answer


@pytest.mark.parametrize(("values", "asked"), [(SMALL, 4_000), (LARGE, 300)])
async def test_a_burst_of_gets_of_one_who_does_not_read_costs_little_and_is_answered_all_the_same(
    node: Node, values: int, asked: int
) -> None:
    path = "/api/handles/" + at(await registered(node, f"burst-{values}", values))
    async with worker(node) as (port, _):
        reader, writer = await asyncio.open_connection(HOST, port)
        plain = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for _ in range(3):
            writer.write(plain)
            head, body = await http_answer(reader)
        assert head.startswith(b"HTTP/1.1 200")
        assert len(body) > 7_000 * values
        tracemalloc.start()
        writer.write(plain * asked)
        for _ in range(3):
            await get(port, "/healthz")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 8 * MEBIBYTE < asked * len(body)
        for _ in range(asked):
            assert (await http_answer(reader))[1] == body
        writer.close()


@pytest.mark.parametrize(("values", "asked", "mebibytes"), [(SMALL, 5_000, 4), (LARGE, 300, 24)])
async def test_a_burst_of_handle_messages_likewise(node: Node, values: int, asked: int, mebibytes: int) -> None:
    message = resolving(await registered(node, f"wire-{values}", values)).encode()
    async with worker(node) as (port, handle_port):
        reader, writer = await asyncio.open_connection(HOST, handle_port)
        sizes = []
        rest = b""

        async def one() -> bytes:
            nonlocal rest
            while (end := next_end(rest, 0)) is None:
                rest += await asyncio.wait_for(reader.read(2**18), 10)
            whole, rest = in_one_piece(rest[:end]), rest[end:]
            return whole

        for _ in range(3):
            writer.write(message)
            sizes.append(len(await one()))
        tracemalloc.start()
        writer.write(message * asked)
        for _ in range(3):
            await get(port, "/healthz")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < mebibytes * MEBIBYTE < asked * sizes[-1]
        for _ in range(asked):
            assert len(await one()) == sizes[-1]
        writer.close()


async def test_who_does_not_read_is_gone_after_a_while_and_has_a_place_until_then(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP on both lanes, and Handle: connections of which something is left to be sent."""
    for module, name in ((fast_lane, "_SWEEP_SECONDS"), (framework, "_SWEEP_SECONDS"), (tcp, "_SWEEP_SECONDS")):
        monkeypatch.setattr(module, name, 0.05)
    for module, name in ((fast_lane, "IDLE_SECONDS"), (framework, "_UNREAD_SECONDS"), (tcp, "_UNREAD_SECONDS")):
        monkeypatch.setattr(module, name, 0.5)
    name = await registered(node, "unread", LARGE)
    plain = f"GET /api/handles/{at(name)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    async with worker(node, http_connections=3, handle_connections=1) as (port, handle_port):
        for asked, where in (
            (plain * 200, port),
            (plain.replace(b"\r\n\r\n", b"\r\nAccept: text/html\r\n\r\n") * 200, port),
            (resolving(name).encode() * 200, handle_port),
        ):
            reader, writer = await asyncio.open_connection(HOST, where, limit=1024)
            writer.write(asked)
            await asyncio.wait_for(reader.read(1), 10)
            reader._transport.pause_reading()  # type: ignore[attr-defined]

            async def let_in(where: int = where) -> bool:
                if where == handle_port:
                    return await answers_handle(where)
                return len(await counted(port)) == 3

            await until(let_in, 10)
            writer.transport.abort()


async def answers_handle(port: int) -> bool:
    async with HandleConnection(HOST, port) as another:
        try:
            return bool(await another.ask(resolving("0")))
        except ConnectionError:
            return False


async def counted(port: int) -> list[bytes]:
    """As many connections as can be open at once, all closed again."""
    opened, answers = [], []
    for _ in range(3):
        reader, writer = await asyncio.open_connection(HOST, port)
        opened.append(writer)
        try:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answers.append((await http_answer(reader))[0])
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
    for writer in opened:
        writer.close()
        await asyncio.wait({asyncio.ensure_future(writer.wait_closed())})
    return answers


async def test_half_a_handle_message_is_not_waited_for_as_an_idle_connection_is(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "_SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(tcp, "_HALF_SENT_SECONDS", 0.3)
    message = resolving("0").encode()
    async with worker(node) as (_, port), HandleConnection(HOST, port) as idle:
        await idle.ask(resolving("0"))
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(message + message[:-1])
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):  # behind the answer to the whole one
            await asyncio.wait_for(reader.readexactly(2**16), 10)
        writer.close()
        assert await idle.ask(resolving("0"))


@pytest.mark.parametrize("bound", ["http_connections", "http_connections_per_address"])
@pytest.mark.parametrize("first", ["GET /healthz", "GET /api/handles/0"], ids=["framework", "fast-lane"])
async def test_http_connections_are_so_many_and_no_more(node: Node, bound: str, first: str) -> None:
    async with worker(node, **{bound: 1}) as (port, _):
        reader, writer = await asyncio.open_connection(HOST, port)
        for _ in range(2):
            writer.write(f"{first} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await http_answer(reader)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await get(port, "/healthz")
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await http_answer(reader))[0].startswith(b"HTTP/1.1 200")
        writer.close()

        async def another() -> bool:
            try:
                return bool(await get(port, "/healthz"))
            except (ConnectionError, asyncio.IncompleteReadError):
                return False

        await until(another, 5)


async def test_a_body_that_stops_coming_is_answered_408_and_one_that_comes_slowly_line_by_line_is_not(
    node: Node,
) -> None:
    async with worker(node, http_body_seconds=1) as (port, _):
        lines_reader, lines = await asyncio.open_connection(HOST, port)
        lines.write(
            b"POST /api/v1/resolve HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"POST /api/v1/resolve HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n[")
        answer = asyncio.ensure_future(http_answer(reader))
        while not answer.done():
            lines.write(b"2\r\n0\n\r\n")
            await asyncio.wait({answer}, timeout=0.2)
        head, body = await answer
        assert head.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in head.lower()
        told = orjson.loads(body)
        assert (told["slug"], bool(told["zh"]["remedy"])) == ("body-overdue", True)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        lines.write(b"0\r\n\r\n")
        assert b'"summary"' in await asyncio.wait_for(lines_reader.readuntil(b"\r\n0\r\n\r\n"), 10)
        for open_one in (writer, lines):
            open_one.close()


async def test_a_list_to_resolve_is_read_up_to_2_mib(node: Node) -> None:
    padded = orjson.dumps([f"{node.prefix}/x"])
    for spaces, status in ((2 * MEBIBYTE - len(padded), 200), (2 * MEBIBYTE - len(padded) + 1, 413)):
        url = urlsplit(node.anybody.base_url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        sent = padded + b" " * spaces
        writer.write(b"POST /api/v1/resolve HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(sent) + sent)
        head, body = await http_answer(reader)
        assert head.startswith(b"HTTP/1.1 %d" % status), body
        assert status == 200 or orjson.loads(body)["slug"] == "body-too-large"
        writer.close()
