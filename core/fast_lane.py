"""The fast lane: plain requests answered without the web framework, everything else handed to it.

A connection begins here. Requests that a door of the lane takes (`Doors`) are read with httptools and answered at once, in
order; at the first one that is anything else the connection, with all that was read of it, is given to aiohttp by
`transport.set_protocol` and stays there. What a door says on this lane is what it says on the other.

Bounds: a head of 16 KiB, a body of 64 KiB (more goes to aiohttp, which has its own), 128 KiB of unread requests (reading
pauses), 64 requests of a connection under way, about 1 MiB of answers before the client has to read, 75 s of idleness.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate

from core.connection_places import ConnectionPlaces
from core.fast_connection import Connection
from core.fast_doors import Doors, Ready
from core.fast_head import Head, read_head

SourceOf = Callable[[str | None, Mapping[str, str]], str | None]

IDLE_SECONDS = 75.0
_SWEEP_SECONDS = 5.0
_HEADS_HELD, _HEAD_HELD = 2_000, 2_048  # how many, and bytes of the largest


class FastLane:
    """What all connections of a worker share. `framework` makes the protocol that takes what is not for the lane, with a place
    of its own among `places`: that of the connection is free by then."""

    def __init__(
        self,
        doors: Doors,
        framework: Callable[[], asyncio.BaseProtocol],
        *,
        source_of: SourceOf = lambda peer, _: peer,
        places: ConnectionPlaces | None = None,
    ) -> None:
        self.doors = doors
        self.framework = framework
        self.source_of = source_of
        self.places = places or ConnectionPlaces()
        self.connections: set[Connection] = set()
        self._date, self._date_until = b"", 0.0
        self._heads: dict[bytes, Head] = {}
        self._in_turn = False
        self._closing: asyncio.Event | None = None

    def __call__(self) -> asyncio.Protocol:
        return Connection(self)

    def head(self, block: bytes) -> Head | None:
        """Header fields, read once for all requests that have the same; None where they are not for the lane."""
        held = self._heads.get(block)
        if held is None:
            held = read_head(block)
            if held is not None and len(block) <= _HEAD_HELD and "x-request-id" not in held.headers:
                if len(self._heads) >= _HEADS_HELD:
                    self._heads.clear()
                self._heads[block] = held
        return held

    def date(self, now: float) -> bytes:
        if now >= self._date_until:
            self._date = b"Date: " + formatdate(usegmt=True).encode() + b"\r\n"
            self._date_until = now + 1.0 - time.time() % 1.0
        return self._date

    def ready(self) -> Ready | None:
        """What lies ready, for the rest of this turn of the loop: checks, clock and counts are of a turn, not of a request."""
        ready = self.doors.ready
        if ready is not None and not self._in_turn:
            self._in_turn = True
            now = time.monotonic()
            ready.begin(now, b"\r\n" + self.date(now) + b"\r\n")
            asyncio.get_running_loop().call_soon(self._end_turn)
        return ready

    def _end_turn(self) -> None:
        self._in_turn = False
        if self.doors.ready is not None:
            self.doors.ready.end()

    def settled(self) -> None:
        """A connection has its answer."""
        if self._closing is not None:
            self._closing.set()

    async def sweep(self) -> None:
        """Close idle connections, for ever."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            before = time.monotonic() - IDLE_SECONDS
            for connection in [held for held in self.connections if held.quiet_since < before]:
                connection.end_if_idle()

    async def close(self, seconds: float) -> None:
        """Let what was asked be answered, for `seconds` at most, then close."""
        for connection in list(self.connections):
            connection.close_if_idle()
        self._closing = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(held.waiting for held in self.connections):
                    self._closing.clear()
                    await self._closing.wait()
        for connection in list(self.connections):
            connection.close()
