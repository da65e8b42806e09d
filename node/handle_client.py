"""A small Handle client, TCP and UDP: what `biaojie handle resolve` asks with, and what the tests ask with."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from core.handle.codes import Flag
from core.handle.datagrams import Reassembly, datagrams_of
from core.handle.envelope import ENVELOPE_BYTES, Envelope, decode_envelope
from core.handle.header import Header
from core.handle.malformed import Malformed
from core.handle.message import Message, read_message
from core.handle.reader import MAX_MESSAGE_BYTES

_LIFETIME_SECONDS = 12 * 3_600
_RESEND_SECONDS = 1.0


def request(op: int, body: bytes, *, flags: int = 0, session: int = 0, envelope: Envelope | None = None) -> Message:
    """As clients send one: a random request id, good for twelve hours."""
    made = replace(envelope or Envelope(), session=session, request_id=secrets.randbits(32))
    return Message(made, Header(op, flags=flags, expires=int(time.time()) + _LIFETIME_SECONDS), body)


class HandleConnection:
    """One TCP connection, in which one request after the other is asked (an async context manager). Raises OSError,
    TimeoutError, `Malformed`."""

    def __init__(self, host: str, port: int, seconds: float = 10.0) -> None:
        self._place = (host, port)
        self._seconds = seconds
        self._reader: Any = None
        self._writer: Any = None

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(self._seconds):
            self._reader, self._writer = await asyncio.open_connection(*self._place)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def ask(self, message: Message) -> list[Message]:
        """All messages of the answer: a list may have several."""
        async with asyncio.timeout(self._seconds):
            await self.send(message)
            answers = [await self.read()]
            while answers[-1].header.flags & Flag.CONT:
                answers.append(await self.read())
        for answer in answers:
            if answer.envelope.request_id != message.envelope.request_id:
                raise Malformed("the answer is to another request")
        return answers

    async def send(self, message: Message) -> None:
        await self.send_octets(message.encode())

    async def send_octets(self, octets: bytes) -> None:
        self._writer.write(octets)
        await self._writer.drain()

    async def read(self) -> Message:
        return read_message(await self.read_octets())

    async def read_octets(self) -> bytes:
        """The next message as it came, envelope and all."""
        try:
            head = await self._reader.readexactly(ENVELOPE_BYTES)
            length = decode_envelope(head).length
            if length > MAX_MESSAGE_BYTES:
                raise Malformed(f"the answer says that it has {length} bytes")
            return bytes(head + await self._reader.readexactly(length))
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("the connection was closed before the answer was whole") from None


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self.received.put_nowait(exc)


async def ask_over_udp(host: str, port: int, message: Message, seconds: float = 10.0) -> Message:
    """One request, sent again each second. Raises OSError, TimeoutError, `Malformed`."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        _Datagrams, remote_addr=(host, port)
    )
    reassembly, pieces = Reassembly(), datagrams_of(message.encode(), mark=True)
    try:
        async with asyncio.timeout(seconds):
            while True:
                for piece in pieces:
                    transport.sendto(piece)
                whole = await _whole(protocol, reassembly, message.envelope.request_id)
                if whole is not None:
                    return read_message(whole)
    finally:
        transport.close()


async def _whole(protocol: _Datagrams, reassembly: Reassembly, request_id: int) -> bytes | None:
    """The answer, None where it is time to ask again."""
    try:
        async with asyncio.timeout(_RESEND_SECONDS):
            while True:
                datagram = await protocol.received.get()
                if isinstance(datagram, Exception):
                    raise datagram
                if decode_envelope(datagram).request_id != request_id:
                    continue
                whole = reassembly.feed("server", datagram, time.monotonic())
                if whole is not None:
                    return whole
    except TimeoutError:
        return None


async def ask(host: str, port: int, message: Message, *, udp: bool = False, seconds: float = 10.0) -> Message:
    """One request, one answer. Raises OSError, TimeoutError, `Malformed`."""
    if udp:
        return await ask_over_udp(host, port, message, seconds)
    async with HandleConnection(host, port, seconds) as connection:
        return (await connection.ask(message))[0]
