"""Plain resolutions, told by a call, say byte for byte what every other request is answered with: messages over HTTP go that way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from core.handle.bodies import Resolve
from core.handle.codes import Code, Flag, Op
from core.handle.envelope import ENVELOPE_BYTES, Envelope
from core.handle.message import Message, read_message
from core.handle.stream import Splitter
from node.handle_client import HandleConnection, ask_over_udp, request
from resolver.handle.http import MESSAGE_TYPE
from tests.harness import Api, Node, free_port, text_value, until, worker_here

HOST = "127.0.0.1"
VERSIONS = ((1, 1), (3, 11), (6, 6), (10, 10), (11, 11))
FLAGS = (0, Flag.PUBL, Flag.PUBL | Flag.CONT | Flag.KPAL, Flag.RECU | Flag.CACR, Flag.AUTH, Flag.RRDG | Flag.PUBL)


@pytest.fixture
async def without_memory(node: Node) -> AsyncIterator[Node]:
    """A worker that has to look everything up."""
    settings = node.settings.model_copy(
        update={"http_port": free_port(), "handle_port": free_port(), "memory_cache_bytes": 0}
    )
    async with worker_here(settings, 1) as base_url:
        there = Api(base_url, node.owner.session)
        yield replace(node, settings=settings, anybody=there)


def asking(name: str, flags: int = 0, versions: tuple[int, int] = (11, 11), *kinds: str) -> Message:
    spoken = Envelope(minor=versions[0], suggested_minor=versions[1])
    return request(Op.RESOLVE, Resolve(name, (), kinds).encode(), flags=int(flags), envelope=spoken)


async def registered(node: Node, suffix: str, *values: dict[str, object]) -> str:
    made = await node.owner.post(
        "/api/v1/identifiers", {"identifier": f"{node.prefix}/{suffix}", "values": list(values)}
    )
    assert made.status == 201, made.body
    return f"{node.prefix}/{suffix}"


async def by_the_whole_way(node: Node, octets: bytes) -> bytes:
    answer = await node.anybody.call("POST", "/", raw=octets, headers={"Content-Type": MESSAGE_TYPE})
    assert answer.status == 200
    return bytes(answer.body)


async def test_the_same_bytes_as_by_the_whole_way(without_memory: Node) -> None:
    node = without_memory
    plain = await registered(
        node, "Plain-1", text_value(1, "URL", "https://example.org/"), text_value(2, "D.A", "汉字")
    )
    closed = await registered(node, "closed", text_value(1, "NOTE", "x", permissions="0100"))
    mixed = await registered(
        node, "mixed", text_value(1, "URL", "https://a.cn"), text_value(2, "N", "x", permissions="1100")
    )
    gone = await registered(node, "gone", text_value(1, "URL", "https://example.org/"))
    assert (await node.owner.post(f"/api/v1/identifiers/{gone}/withdraw", {"reason": "scrapped"})).status == 200
    unknown, strange, bad = f"{node.prefix}/none", "99.9999/x", f"{node.prefix}/\u0001"
    asked = [
        asking(name, flags, versions)
        for name in (plain, plain.upper(), closed, gone, unknown, strange, bad, "0", "a:b", "")
        for flags in FLAGS
        for versions in VERSIONS
    ]
    asked += [asking(mixed, Flag.PUBL), asking(plain, 0, (11, 11), "D."), asking(plain, Flag.PUBL, (1, 1), "NONE")]
    octets = [message.encode() for message in asked]
    shortened = asking(plain).encode()[:-4]  # some clients leave the empty credential out
    octets.append(shortened[:16] + (len(shortened) - ENVELOPE_BYTES).to_bytes(4) + shortened[20:])
    broken = bytearray(asking(plain).encode())
    broken[ENVELOPE_BYTES + 20 : ENVELOPE_BYTES + 24] = (9_999).to_bytes(4)  # the body has not so many bytes
    octets.append(bytes(broken))
    async with HandleConnection(HOST, node.settings.handle_port) as connection:
        for one in octets:
            await connection.send_octets(one)
            told = await connection.read_octets()
            assert told == await by_the_whole_way(node, one), read_message(told)
    for message in asked[:: len(FLAGS) * len(VERSIONS)]:
        assert (await ask_over_udp(HOST, node.settings.handle_port, message)).encode() == await by_the_whole_way(
            node, message.encode()
        )


async def test_a_challenge_is_still_given_and_each_answer_is_counted_once(without_memory: Node) -> None:
    node = without_memory
    name = await registered(
        node, "p", text_value(1, "URL", "https://a.cn"), text_value(2, "N", "x", permissions="1100")
    )
    asked = asking(name), asking(name, Flag.PUBL), asking(f"{node.prefix}/none"), asking("99.9999/x")
    async with HandleConnection(HOST, node.settings.handle_port) as connection:
        codes = [(await connection.ask(message))[0].header.code for message in asked for _ in range(2)]
    assert codes == [402, 402, 1, 1, 100, 100, 301, 301]
    assert (await ask_over_udp(HOST, node.settings.handle_port, asked[1])).header.code == Code.SUCCESS

    async def counted() -> bool:
        kinds = (await node.operator.get("/api/v1/usage?by=hour")).json["kinds"]
        said = {(one["door"], one["outcome"]): one["resolutions"] for one in kinds}
        return said == {("handle-tcp", "found"): 4, ("handle-tcp", "unknown"): 2, ("handle-udp", "found"): 1}

    await until(counted, 10)


async def test_a_client_that_has_said_all_reads_every_answer(without_memory: Node) -> None:
    """More than are looked up at once, some of which are not plain, from a client that reads only once it has closed its half."""
    node = without_memory
    name = await registered(node, "many", text_value(1, "URL", "https://a.cn/" + "x" * 2_000))
    asked = [asking(name, Flag.RRDG if number % 7 == 0 else 0) for number in range(400)]
    asked[200] = request(Op.SITE_INFO, b"")
    reader, writer = await asyncio.open_connection(HOST, node.settings.handle_port)
    writer.writelines(message.encode() for message in asked)
    writer.write_eof()
    answers = [read_message(one) for one in Splitter().feed(await asyncio.wait_for(reader.read(), 20))]
    writer.close()
    assert {one.header.code for one in answers} == {Code.SUCCESS}
    ids = [one.envelope.request_id for one in answers]
    assert sorted(ids) == sorted(message.envelope.request_id for message in asked)
    assert ids.index(asked[200].envelope.request_id) == 200, "what is no resolution is answered in its place"
