"""Doors through which the benchmark of freshness reads: each keeps a connection, so it asks one worker, and gives the version it is
told. The record says its own version as text, for doors that tell values alone.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from core.handle.bodies import Resolve, decode_valued
from core.handle.codes import Code, Flag, Op
from core.handle.message import Message, read_message
from core.identifier import encode_path
from node.handle_client import HandleConnection, request

_ALL_AT_ONCE = 1_000_000  # an answer of one short value fits into a datagram many times over
_UDP_SECONDS = 1.0
_TAG = re.compile(r'(?:W/)?"([0-9]+)')
Version = Callable[[], Awaitable[int]]


def value_of(version: int) -> dict[str, Any]:
    return {"index": 1, "type": "STATE", "data": {"format": "string", "value": str(version)}}


def alias_of(identifier: str) -> dict[str, Any]:
    return {"index": 1, "type": "HS_ALIAS", "data": {"format": "string", "value": identifier}}


class Doors:
    """Where a node answers. `alias` is an identifier that stands for `identifier`."""

    def __init__(self, base_url: str, handle_port: int, identifier: str, alias: str) -> None:
        self._base_url, self._handle_port = base_url, handle_port
        self._identifier = identifier
        self.openings: dict[str, Callable[[], AbstractAsyncContextManager[Version]]] = {
            "Handle JSON": lambda: self._http(f"/api/handles/{encode_path(identifier)}"),
            "JSON at its address": lambda: self._http(f"/{encode_path(identifier)}", "application/json"),
            "page": lambda: self._http(f"/{encode_path(identifier)}?noredirect", "text/html"),
            "alias": lambda: self._http(f"/api/handles/{encode_path(alias)}"),
            "batch": self._batch,
            "Handle over TCP": self._tcp,
            "Handle over UDP": self._udp,
        }

    @asynccontextmanager
    async def open(self, door: str, count: int) -> AsyncIterator[list[Version]]:
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self.openings[door]()) for _ in range(count)]

    @asynccontextmanager
    async def _http(self, path: str, accept: str = "*/*") -> AsyncIterator[Version]:
        url = URL(self._base_url + path, encoded=True)
        async with _one_connection() as session:

            async def version() -> int:
                async with session.get(url, headers={"Accept": accept}) as answer:
                    await answer.read()
                    return int(_TAG.match(answer.headers["ETag"])[1])  # type: ignore[index]  # each has one: else it fails here

            yield version

    @asynccontextmanager
    async def _batch(self) -> AsyncIterator[Version]:
        async with _one_connection() as session:

            async def version() -> int:
                asked = {"identifiers": [self._identifier]}
                async with session.post(f"{self._base_url}/api/v1/resolve", json=asked) as answer:
                    [told] = (await answer.json())["items"]
                    return int(told["values"][0]["data"]["value"])

            yield version

    @asynccontextmanager
    async def _tcp(self) -> AsyncIterator[Version]:
        async with HandleConnection("127.0.0.1", self._handle_port) as connection:

            async def version() -> int:
                return _version_in((await connection.ask(self._asked()))[0])

            yield version

    @asynccontextmanager
    async def _udp(self) -> AsyncIterator[Version]:
        """One socket, so that the kernel gives its datagrams to one worker. What is lost is asked again."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.setblocking(False)
            own.connect(("127.0.0.1", self._handle_port))

            async def version() -> int:
                while True:
                    asked = self._asked()
                    await loop.sock_sendall(own, asked.encode())
                    try:
                        async with asyncio.timeout(_UDP_SECONDS):
                            while True:
                                told = read_message(await loop.sock_recv(own, _ALL_AT_ONCE))
                                if told.envelope.request_id == asked.envelope.request_id:
                                    return _version_in(told)
                    except TimeoutError:
                        continue

            yield version

    def _asked(self) -> Message:
        return request(Op.RESOLVE, Resolve(self._identifier).encode(), flags=int(Flag.PUBL))


def _version_in(told: Message) -> int:
    assert told.header.code == Code.SUCCESS, told.header
    [value] = decode_valued(told.body).values
    return int(value.data)


@asynccontextmanager
async def _one_connection() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        yield session
