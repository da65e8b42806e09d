"""Handle over TCP: a connection stays open after an answer, requests may come back to back and in pieces, answers bear the
request's id.

Resolutions that have to be looked up run beside each other, so that they share a trip to the store, and what one trip brings is
written at once; anything else waits for what came before it and holds up what comes after.

Bounds: a message of 256 KiB (a longer one is answered, and the connection closed), as much again unread before reading pauses, 64 requests under way, no reading while the client
does not read; idle connections are closed, those that stop in the middle of a message or do not read what they asked for are
aborted sooner, and so many are open at most, in all and of one network.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from typing import Any

from core.handle.codes import Op
from core.handle.envelope import ENVELOPE_BYTES, decode_envelope
from core.handle.malformed import Malformed
from core.handle.reader import MAX_MESSAGE_BYTES
from core.handle.stream import in_one_piece, next_end
from core.telemetry import HANDLE_REFUSED
from resolver.handle.batches import network_of_peer
from resolver.handle.dispatch import respond
from resolver.handle.lane import AT_ONCE_BYTES, Lane
from resolver.handle.plain import PlainResolutions
from resolver.handle.rendering import unread
from resolver.handle.room import Caller, HandleRoom
from resolver.usage.tally import Door

_MOST_UNREAD = MAX_MESSAGE_BYTES + 64 * 1024
_MOST_WORKING = 64
_MOST_OUT = 64 * 1024  # bytes of answers that are to be written before more is begun
_SWEEP_SECONDS = 1.0
_HALF_SENT_SECONDS = 30.0  # without a byte more of a message that was begun
_UNREAD_SECONDS = 60.0  # with more to be sent than is held for a client, or with an end that it does not come to read


class TcpDoor:
    """What all connections of a worker share. `plain_address` undoes what a socket for both families does to IPv4."""

    def __init__(
        self,
        room: HandleRoom,
        plain_address: Callable[[str | None], str | None],
        *,
        idle_seconds: float,
        most_connections: int,
        most_of_one: int,
    ) -> None:
        self.room = room
        self.lane = Lane(room, Door.HANDLE_TCP)
        self.plain = PlainResolutions(room, Door.HANDLE_TCP)
        self.plain_address = plain_address
        self.idle_seconds = idle_seconds
        self.most_connections = most_connections
        self.most_of_one = most_of_one
        self.of_one: dict[bytes, int] = {}  # connections by network
        self.connections: set[_Connection] = set()
        self._settled: asyncio.Event | None = None  # while it closes: set at each answer

    def __call__(self) -> asyncio.Protocol:
        return _Connection(self)

    async def sweep(self) -> None:
        """Close idle connections, for ever."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.close_idle(time.monotonic())

    def close_idle(self, now: float) -> None:
        """`now`: monotonic seconds."""
        before = now - self.idle_seconds
        for connection in [held for held in self.connections if held.patience_ends < now]:
            connection.abort()
        for connection in [held for held in self.connections if held.quiet_since < before]:
            connection.end_if_idle()

    async def close(self, seconds: float) -> None:
        """Let what was asked be answered, for `seconds` at most, then close."""
        self._settled = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(held.busy for held in self.connections):
                    self._settled.clear()
                    await self._settled.wait()
        for connection in list(self.connections):
            connection.close()

    def settled(self) -> None:
        """A connection has an answer, or is no more."""
        if self._settled is not None:
            self._settled.set()


class _Connection(asyncio.Protocol):
    """One connection. `_buffer` is what was not taken yet."""

    __slots__ = (
        "_alone",
        "_away",
        "_buffer",
        "_caller",
        "_door",
        "_ended",
        "_network",
        "_out",
        "_out_bytes",
        "_reading",
        "_transport",
        "_writable",
        "patience_ends",
        "quiet_since",
        "working",
    )

    def __init__(self, door: TcpDoor) -> None:
        self._door = door
        self._transport: Any = None
        self._caller: Caller | None = None
        self._buffer = b""
        self._reading = True
        self._network: bytes | None = None  # whose it is, where it was taken
        self._ended = False  # the client has closed its half
        self._alone = False  # what is under way lets nothing else begin
        self._writable: asyncio.Event | None = None  # set where the client does not read
        self._away = 0  # plain resolutions that are looked up
        self._out_bytes = 0
        self._out: list[bytes] = []  # their answers, to be written in this turn or when the client reads
        self.working: set[asyncio.Task[None]] = set()
        self.quiet_since = time.monotonic()
        self.patience_ends = math.inf  # unless the client does before what it has to: send the rest, read

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        door = self._door
        self._transport = transport
        peer = transport.get_extra_info("peername")
        network = network_of_peer(peer) if isinstance(peer, tuple) else b""
        full = len(door.connections) >= door.most_connections
        if full or door.of_one.get(network, 0) >= door.most_of_one:
            HANDLE_REFUSED.labels("connections" if full else "connections-of-one").inc()
            self._transport.abort()
            return
        door.connections.add(self)
        door.of_one[network] = door.of_one.get(network, 0) + 1
        self._network = network
        source = door.plain_address(str(peer[0]) if isinstance(peer, tuple) else None)
        self._caller = Caller(Door.HANDLE_TCP, source, door.room.resolver.probes.mark(source, {}))

    def connection_lost(self, _: Exception | None) -> None:
        self._door.connections.discard(self)
        self._leave()
        self.resume_writing()
        for task in self.working:
            task.cancel()
        self._out.clear()
        self._door.settled()

    def _leave(self) -> None:
        """Its network has one connection less."""
        if self._network is not None:
            left = self._door.of_one.pop(self._network) - 1
            if left:
                self._door.of_one[self._network] = left

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()
        self.patience_ends = time.monotonic() + _UNREAD_SECONDS
        if self._reading:
            self._reading = False
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set()
            self._writable = None
            if not self._transport.is_closing():
                self.patience_ends = math.inf
                self._write_told()

    def eof_received(self) -> bool:
        """The client says nothing more, and may still be listening: what is under way is answered first."""
        self._ended = True
        self._close_if_done()
        return True

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        self._go_on()

    # The work.

    def _go_on(self) -> None:
        """Answer what lies ready, begin what does not, keep what is not whole."""
        lane, out, data, at = self._door.lane, list[bytes](), self._buffer, 0
        caller = self._caller
        if caller is None or self._transport.is_closing():
            return
        lane.begin()
        broken = False
        try:
            while not self._alone and self._writable is None and self._has_room:
                begun, at = at, lane.take(data, at, out)
                if at - begun >= AT_ONCE_BYTES:
                    self._transport.write(b"".join(out))
                    out.clear()
                    continue
                end = next_end(data, at)
                if end is None or not self._begun(in_one_piece(data[at:end]), caller):
                    break
                at = end
        except Malformed as wrong:  # nothing after it can be found
            broken = True
            out.append(unread(self._door.room, decode_envelope(data, at), wrong))
        lane.end(caller.probe)
        if out:
            self.quiet_since = time.monotonic()
            self._transport.write(b"".join(out))
        self._buffer = data[at:]
        if self._writable is None:
            half = self._buffer and not self.busy
            self.patience_ends = time.monotonic() + _HALF_SENT_SECONDS if half else math.inf
        if broken:
            self.close()
        elif self._reading and len(self._buffer) > _MOST_UNREAD:
            self._reading = False
            self._transport.pause_reading()
        elif not self._reading and self._writable is None and len(self._buffer) <= _MOST_UNREAD:
            self._reading = True
            self._transport.resume_reading()

    @property
    def _has_room(self) -> bool:
        return len(self.working) + self._away < _MOST_WORKING and self._out_bytes < _MOST_OUT

    @property
    def busy(self) -> bool:
        """Whether something is under way, or its answer not written yet."""
        return bool(self.working or self._away or self._out)

    def _begun(self, message: bytes, caller: Caller) -> bool:
        """Whether the request is under way now; False where it has to wait."""
        alone = message[ENVELOPE_BYTES : ENVELOPE_BYTES + 4] != _RESOLVE
        if alone and (self.working or self._away):
            return False
        self.quiet_since = time.monotonic()
        self._away += 1
        if alone or not self._door.plain.tell(
            message, caller.probe, lambda answer: self._told(message, caller, answer)
        ):
            self._away -= 1
            self._alone = alone
            self._work(message, caller)
        return True

    def _told(self, message: bytes, caller: Caller, answer: bytes | None) -> bool:
        """The answer to a plain resolution; None: it is none after all."""
        self._away -= 1
        if self._transport.is_closing():
            return False
        if answer is None:
            self._work(message, caller)
            return False
        if not self._out and self._writable is None:
            asyncio.get_running_loop().call_soon(self._write_told)
        self._out.append(answer)
        self._out_bytes += len(answer)
        return True

    def _write_told(self) -> None:
        """In one go, and what waited for it begins; later, if the client does not read."""
        if self._writable is not None or self._transport.is_closing():
            return
        if self._out:
            self.quiet_since = time.monotonic()
            out, self._out, self._out_bytes = self._out, [], 0
            self._transport.write(b"".join(out))
        self._go_on()
        self._settle()

    def _work(self, message: bytes, caller: Caller) -> None:
        task = asyncio.ensure_future(self._answer(message, caller))
        self.working.add(task)
        task.add_done_callback(self._answered)

    async def _answer(self, message: bytes, caller: Caller) -> None:
        async for answer in respond(self._door.room, caller, decode_envelope(message), message[ENVELOPE_BYTES:]):
            while self._writable is not None:
                await self._writable.wait()
            if self._transport.is_closing():
                return
            self._transport.write(answer)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self.working.discard(task)
        self._alone = False
        self.quiet_since = time.monotonic()
        if not task.cancelled():
            task.result()
            self._go_on()
            self._settle()

    def _settle(self) -> None:
        self._door.settled()
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._ended and not self.busy and not self._transport.is_closing():
            self.close()

    def end_if_idle(self) -> None:
        if not self.busy and not self._transport.is_closing():
            self.close()

    def close(self) -> None:
        """It counts until the client has read what was written, for which it has some time."""
        self.patience_ends = min(self.patience_ends, time.monotonic() + _UNREAD_SECONDS)
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()


_RESOLVE = int(Op.RESOLVE).to_bytes(4)
