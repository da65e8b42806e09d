"""A million resolutions while workers, Redis and PostgreSQL are killed: never over, under by no more than is reported."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass

import aiohttp
import orjson

from tests.faults.own_node import OwnNode, own_node
from tests.faults.own_servers import own_directory
from tests.faults.test_kill_everything import enterprise_on, killed_and_back
from tests.harness import at, item, until

RESOLUTIONS = 1_000_000
CONNECTIONS, DEPTH = 8, 50
VICTIMS = ("worker-0", "redis", "worker-1", "postgres")
_ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) .*?\r\ncontent-length: (\d+)\r\n.*?\r\n\r\n", re.DOTALL | re.IGNORECASE)
_DEFINITE = (b"200", b"404")  # 503: nobody could be asked


@dataclass
class Partner:
    """A program that resolves without a pause and counts what it was told."""

    node: OwnNode
    paths: list[str]
    sent: int = 0
    answered: int = 0
    over: bool = False

    async def run(self, lane: int) -> None:
        one = "".join(f"GET /api/handles/{path} HTTP/1.1\r\nHost: node\r\n\r\n" for path in self.paths[lane % 2 :: 2])
        while not self.over:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._talk(one.encode(), one.count("GET "))
            await asyncio.sleep(0.02)

    async def _talk(self, questions: bytes, count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.node.port)
        try:
            while not self.over:
                self.sent += count
                writer.write(questions)
                await self._hear(reader, count)
        finally:
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader, count: int) -> None:
        held = b""
        while count:
            octets = await asyncio.wait_for(reader.read(2**18), 30)
            if not octets:
                raise asyncio.IncompleteReadError(held, count)
            held, position = held + octets, 0
            while (found := _ANSWER.match(held, position)) and found.end() + int(found[2]) <= len(held):
                self.answered += found[1] in _DEFINITE
                count -= 1
                position = found.end() + int(found[2])
            held = held[position:]


async def test_a_million_resolutions_are_never_counted_twice(session: aiohttp.ClientSession) -> None:
    with own_directory() as directory, own_node(directory / "data", "up", "--workers", "2") as node:
        await node.ready(session)
        owner = await enterprise_on(node, session)
        names = [f"{owner.prefix}/p-{number}" for number in range(2 * DEPTH)]
        registered = [item(name) for name in names[::3]]  # two of three are unknown
        assert (await owner.api.post("/api/v1/identifiers:batch", {"items": registered})).status == 200
        partner = Partner(node, [at(name) for name in names])
        lanes = [asyncio.create_task(partner.run(lane)) for lane in range(CONNECTIONS)]
        killed: list[str] = []
        began = time.monotonic()
        while partner.answered < RESOLUTIONS:
            if partner.answered > len(killed) * RESOLUTIONS // 6:
                killed.append(VICTIMS[len(killed) % len(VICTIMS)])
                await killed_and_back(node, session, killed[-1])
            await asyncio.sleep(0.05)
        a_second = partner.answered / (time.monotonic() - began)
        partner.over = True
        await asyncio.gather(*lanes)
        said = await settled(node, partner)
        lost = said["lost"]["resolutions"]
        assert said["lost"]["runs_of_unknown_loss"] == 0
        assert said["resolutions"] + lost <= partner.sent, "a resolution was counted that nobody asked for"
        assert said["resolutions"] + lost >= partner.answered, "a loss was not reported"
        workers = [name for name in killed if name.startswith("worker")]
        assert set(killed) == set(VICTIMS)
        assert lost <= 4 * a_second * len(workers), "more was lost than a worker answers between two ticks"
        kinds = {(kind["door"], kind["outcome"]) for kind in said["kinds"]}
        assert kinds == {("handle-json", "found"), ("handle-json", "unknown")}


async def settled(node: OwnNode, partner: Partner) -> dict[str, int]:
    """The totals, once everything that was answered is counted or told as lost."""
    said: dict[str, int] = {}

    async def whole() -> bool:
        nonlocal said
        told = await asyncio.to_thread(node.biaojie, "usage", "--json")
        said = orjson.loads(told.stdout)
        return said["resolutions"] + said["lost"]["resolutions"] >= partner.answered  # type: ignore[index]

    with contextlib.suppress(TimeoutError, AssertionError):
        await until(whole, 45)
    return said
