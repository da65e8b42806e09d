"""Handle over UDP: datagrams of 512 bytes, longer messages in several of them; read and written in turns of many.

A datagram too broken to have a request id is passed over, and so is an answer: by one in its name two nodes could be made to
answer each other for ever. Bounds: 4 MiB of unfinished messages for 5 seconds, 1,000 requests under way, and what
`core.handle.amplification` lets go to one network in a second; beyond that datagrams are dropped, as the network does.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any, TypeGuard, cast

from core.handle.amplification import FACTOR, AmplifiedBytes
from core.handle.datagrams import DATAGRAM_BYTES, Reassembly, datagrams_of
from core.handle.envelope import ENVELOPE_BYTES, decode_envelope
from core.handle.header import is_answer
from core.handle.malformed import Malformed
from core.telemetry import HANDLE_REFUSED
from resolver.handle.batches import AT_ONCE, batches_of, network_of_peer
from resolver.handle.dispatch import respond
from resolver.handle.lane import Lane
from resolver.handle.plain import PlainResolutions
from resolver.handle.room import Caller, HandleRoom
from resolver.usage.tally import Door

_MOST_WORKING = 1_000
_IN_TURN = 256  # datagrams; then it is the others' turn
_CLOSING_SECONDS = 0.01  # between two looks at what is under way


def _all_small(answers: list[bytes | None], datagrams: list[bytes]) -> TypeGuard[list[bytes]]:
    """Whether all lie ready and none is much larger than any question, so that none need be looked at by itself."""
    if None in answers:
        return False
    largest = max(map(len, cast("list[bytes]", answers)))
    return largest <= DATAGRAM_BYTES and largest <= FACTOR * min(map(len, datagrams))


class UdpDoor:
    """One for each socket, which it owns from `open` to `close`."""

    def __init__(
        self,
        room: HandleRoom,
        listener: socket.socket,
        plain_address: Callable[[str | None], str | None],
        *,
        amplified_bytes: int,
    ) -> None:
        self._room = room
        listener.setblocking(False)
        self._socket = listener
        self._batches = batches_of(listener)
        self._plain_address = plain_address
        self.lane = Lane(room, Door.HANDLE_UDP)
        self._reassembly = Reassembly()
        self._plain = PlainResolutions(room, Door.HANDLE_UDP)
        self._working: set[asyncio.Task[None]] = set()
        self._away = 0  # plain ones that are looked up
        self._out: list[tuple[Any, bytes]] = []
        self._amplified = AmplifiedBytes(amplified_bytes)
        self._by_network = room.resolver.probes.by_network

    def open(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._turn)

    async def close(self, seconds: float) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        until = time.monotonic() + seconds
        while (self._working or self._away or self._out) and time.monotonic() < until:
            await asyncio.sleep(_CLOSING_SECONDS)
        for task in self._working:
            task.cancel()
        self._socket.close()

    def _turn(self) -> None:
        """What has arrived, up to a bound."""
        taken = 0
        self.lane.begin()
        self._amplified.begin(self.lane.second)
        while taken < _IN_TURN and (count := self._batches.receive()):
            taken += count
            self._answer_batch(self._batches.datagrams())
            self._batches.flush()
        self.lane.end(False)

    def _answer_batch(self, datagrams: list[bytes]) -> None:
        if self._by_network:
            for number, datagram in enumerate(datagrams):
                self._answer_ready(number, datagram, self.lane.many((datagram,))[0])
                self.lane.end(self._caller(self._batches.sender(number)).probe)
            return
        answers = self.lane.many(datagrams)
        if _all_small(answers, datagrams):
            self._batches.answer_all(answers)
            return
        for number, answer in enumerate(answers):
            self._answer_ready(number, datagrams[number], answer)

    def _answer_ready(self, number: int, datagram: bytes, answer: bytes | None) -> None:
        """With the answer that lies ready for it, unless that is too much for who may not have asked."""
        if answer is None:
            self._look_at(datagram, self._batches.sender(number))
            return
        size = len(answer)
        if size > FACTOR * len(datagram) and not self._may_be_large(size, number):
            self.lane.unsaid(datagram)
            HANDLE_REFUSED.labels("amplification").inc()
        elif size > DATAGRAM_BYTES:
            self._send(answer, self._batches.sender(number))
        else:
            self._batches.answer(number, answer)

    def _may_be_large(self, size: int, number: int) -> bool:
        amplified = self._amplified
        return amplified.unwatched(size) or amplified.allows(size, self._batches.network(number))

    def _look_at(self, datagram: bytes, sender: Any) -> None:
        """One that does not lie ready, or a piece of one."""
        try:
            message = self._reassembly.feed(sender, datagram, time.monotonic())
        except Malformed:
            return
        if message is None or is_answer(message) or len(self._working) + self._away >= _MOST_WORKING:
            return
        probe = self._by_network and self._caller(sender).probe
        self._away += 1
        if not self._plain.tell(message, probe, lambda answer: self._told(message, sender, answer)):
            self._away -= 1
            self._begin(message, sender)

    def _told(self, message: bytes, sender: Any, answer: bytes | None) -> bool:
        self._away -= 1
        if answer is None:
            self._begin(message, sender)
            return False
        if not self._may_send(len(answer), len(message), sender):
            return False
        self._send(answer, sender)
        return True

    def _begin(self, message: bytes, sender: Any) -> None:
        task = asyncio.ensure_future(self._answer(message, sender))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _answer(self, message: bytes, sender: Any) -> None:
        caller = self._caller(sender)
        async for answer in respond(self._room, caller, decode_envelope(message), message[ENVELOPE_BYTES:]):
            if self._may_send(len(answer), len(message), sender):
                self._send(answer, sender)

    def _may_send(self, size: int, asked: int, sender: Any) -> bool:
        if size <= FACTOR * asked:
            return True
        amplified = self._amplified
        amplified.begin(int(time.monotonic()))
        if amplified.unwatched(size) or amplified.allows(size, network_of_peer(self._batches.peer(sender))):
            return True
        HANDLE_REFUSED.labels("amplification").inc()
        return False

    def _caller(self, sender: Any) -> Caller:
        source = self._plain_address(str(self._batches.peer(sender)[0]))
        return Caller(Door.HANDLE_UDP, source, self._room.resolver.probes.mark(source, {}))

    def _send(self, answer: bytes, sender: Any) -> None:
        """With what else is told in this turn of the loop."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out += [(sender, piece) for piece in datagrams_of(answer)]

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._socket.fileno() < 0:  # closed meanwhile
            return
        for begin in range(0, len(out), AT_ONCE):
            for sender, piece in out[begin : begin + AT_ONCE]:
                self._batches.reply(sender, piece)
            self._batches.flush()
