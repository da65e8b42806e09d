"""A small Handle server, TCP and UDP, for resolution alone: who listens gives the answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from core.handle.bodies import Resolve, decode_request
from core.handle.codes import Code, Flag, Op
from core.handle.datagrams import Reassembly, datagrams_of
from core.handle.digest import digest_of, prefixed
from core.handle.envelope import decode_envelope
from core.handle.header import Header
from core.handle.malformed import Malformed
from core.handle.message import Message, read_message
from core.handle.reader import text
from core.handle.stream import Splitter

_IDLE_SECONDS, _PIECE, _MOST_CONNECTIONS = 60.0, 64 * 1024, 256
_LIFETIME_SECONDS = 12 * 3_600
# (request, flags) -> (code, body)
Answer = Callable[[Resolve, int], tuple[Code, bytes]]


class HandleDoor:
    """`open` gives its port, the same over TCP and UDP."""

    def __init__(self, answer: Answer) -> None:
        self._answer, self._open = answer, 0
        self._server: asyncio.Server | None = None
        self._datagrams: asyncio.DatagramTransport | None = None

    async def open(self, host: str, port: int) -> int:
        """Raises OSError where the port is taken."""
        self._server = await asyncio.start_server(self._serve, host, port)
        found = int(self._server.sockets[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        self._datagrams, _ = await loop.create_datagram_endpoint(lambda: _Udp(self.answered), local_addr=(host, found))
        return found

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._datagrams is not None:
            self._datagrams.close()

    def answered(self, data: bytes) -> bytes:
        """A whole message, and its answer. Raises `Malformed` for what cannot be answered."""
        message = read_message(data)
        code, body = self._said(message)
        flags = message.header.flags & Flag.KPAL
        if message.header.flags & Flag.RRDG:
            flags |= Flag.RRDG
            body = prefixed(digest_of(message.content, message.envelope.spoken[1]), body)
        header = Header(message.header.op, int(code), int(flags), expires=int(time.time()) + _LIFETIME_SECONDS)
        return Message(message.envelope.answer(), header, body).encode()

    def _said(self, message: Message) -> tuple[Code, bytes]:
        if message.header.op != Op.RESOLVE:
            return Code.UNSUPPORTED, text("resolution only / 仅提供解析")
        try:
            request = decode_request(message.header.op, message.body)
        except Malformed as wrong:
            return Code(wrong.code), text(wrong.reason)
        return self._answer(request, message.header.flags) if isinstance(request, Resolve) else (Code.ERROR, b"")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        splitter = Splitter()
        try:
            while self._open <= _MOST_CONNECTIONS:
                async with asyncio.timeout(_IDLE_SECONDS):
                    await writer.drain()
                    piece = await reader.read(_PIECE)
                if not piece:
                    return
                for message in splitter.feed(piece):
                    writer.write(self.answered(message))
        except (OSError, TimeoutError, Malformed):
            pass  # gone, silent, or not speaking the protocol: closed without a word
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, answered: Callable[[bytes], bytes]) -> None:
        self._answered, self._reassembly = answered, Reassembly()
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        try:
            whole = self._reassembly.feed(addr, data, time.monotonic())
            if whole is None:
                return
            decode_envelope(whole)
            for piece in datagrams_of(self._answered(whole)):
                self._transport.sendto(piece, addr)
        except Malformed:
            pass  # nobody to be told
