"""One connection of the fast lane: requests read as they come, answers sent in their order."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Awaitable
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from core.errors import InternalError, Problem
from core.exchange import Answer, Ask, Later, problem_of
from core.fast_answer import fixed_head, header_lines
from core.fast_doors import Door, Said
from core.fast_head import Head
from core.rate_limit import RATE_FIELDS
from core.telemetry import HTTP_REFUSED, observe_request

if TYPE_CHECKING:
    from core.fast_lane import FastLane

log = logging.getLogger(__name__)
_MOST_HEAD = 16 * 1024
_MOST_UNREAD = 128 * 1024
_MOST_WAITING = 64
_LOOKED_AT = 8 * 1024  # bytes of requests whose answers may be gathered before they are written
_MOST_GATHERED = 32  # pieces of answers that are not written yet
_LARGE = 32 * 1024  # bytes of an answer that is written at once
_MOST_KEPT = 1024 * 1024  # bytes of answers that were there at once, behind one that is still to come
_LINE = re.compile(rb"(GET|POST) (/[!\"$->@-~]*)(?:\?([!\"$-~]*))? HTTP/1\.1")  # no `#`, nothing but visible ASCII


class _Step(Enum):
    ANSWERED, WAIT, ELSEWHERE = range(3)


_ANSWERED, _WAIT, _ELSEWHERE = _Step


class _Slot:
    """The place of an answer that comes later among those of its connection."""

    __slots__ = ("answer",)

    def __init__(self, answer: bytes | None = None) -> None:
        self.answer = answer


class Connection(asyncio.Protocol):
    """One connection, for as long as it is on the lane. Of `_buffer`, what lies before `_begin` was answered or is being.

    Requests that follow each other without waiting are looked up together and answered in order, GETs alone (RFC 9112 §9.3.2):
    a POST begins when everything before it is answered, and what follows waits for it.
    """

    def __init__(self, lane: FastLane) -> None:
        self._lane = lane
        self._transport: Any = None
        self._peer: str | None = None
        self._place: str | None = None
        self._source: str | None = None  # where its requests come from, but for those that name somebody else
        self._buffer = b""
        self._begin = 0
        self._fields = b""  # the header fields that it sends again and again, where answers may lie ready for them
        self._writable = True
        self._reading = True
        self._probe = False
        self.waiting: deque[_Slot] = deque()
        self._kept = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._alone = False  # what is under way is no GET
        self.quiet_since = time.monotonic()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else None
        self._place = self._lane.places.take(self._peer)
        self._transport = transport
        if self._place is None:
            HTTP_REFUSED.inc()
            self._transport.abort()
            return
        self._source = self._lane.source_of(self._peer, {})
        if (ready := self._lane.doors.ready) is not None:
            self._probe = ready.is_probe(self._source)
        self._lane.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._leave()
        for task in self._tasks:
            task.cancel()

    def _leave(self) -> None:
        """It is not on the lane any more."""
        self._lane.connections.discard(self)
        if self._place is not None:
            self._lane.places.leave(self._place)
            self._place = None

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._go_on()

    def data_received(self, data: bytes) -> None:
        if self._fields and not self._buffer and not self.waiting and self._writable:
            data = self._answer_ready(data)
            if not data:
                return
        self._buffer = self._buffer + data if self._buffer else data
        self._go_on()
        if len(self._buffer) > _MOST_UNREAD and self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    # The work.

    def _answer_ready(self, data: bytes) -> bytes:
        """Answer what lies ready; what is left of `data`."""
        lying = self._lane.ready()
        if lying is None or self._transport is None:
            return data
        out: list[bytes] = []
        taken = lying.take(data[:_LOOKED_AT], self._fields, self._probe, out)
        if not taken:
            return data
        self._transport.write(b"".join(out))
        self.quiet_since = time.monotonic()
        if taken == len(data):
            return b""
        rest = data[taken:]
        return self._answer_ready(rest) if self._writable else rest

    def _go_on(self) -> None:
        """Answer, or begin to, what can be now."""
        if self._transport is None:
            return
        out: list[bytes] = []
        step, lying = _ANSWERED, self._lane.ready()
        while step is _ANSWERED and self._begin < len(self._buffer) and self._takes_more(out):
            step = self._one(out)
            rest = self._buffer[self._begin : self._begin + _LOOKED_AT]
            if lying is not None and self._fields and step is _ANSWERED and rest and self._takes_more(out):
                self._begin += lying.take(rest, self._fields, self._probe, out)
        self._say(out)
        self._buffer, self._begin = self._buffer[self._begin :], 0
        if step is _ELSEWHERE and not self.waiting:
            self._hand_over()
        elif not self._reading and len(self._buffer) <= _MOST_UNREAD:
            self._reading = True
            self._transport.resume_reading()

    def _takes_more(self, out: list[bytes]) -> bool:
        """Whether one more may begin; enough in `out` is sent first, which shows whether the client still reads."""
        if out and (len(out[-1]) > _LARGE or len(out) > _MOST_GATHERED):
            self._say(out)
        if not self._writable or self._alone or self._kept > _MOST_KEPT:
            return False
        return len(self.waiting) < _MOST_WAITING

    def _say(self, out: list[bytes]) -> None:
        """Send answers, behind those that are still to come."""
        if out and self.waiting:
            kept = _Slot(b"".join(out))
            self.waiting.append(kept)
            self._kept += len(kept.answer or b"")
        elif out:
            self.quiet_since = time.monotonic()
            self._transport.write(b"".join(out))
        out.clear()

    def _one(self, out: list[bytes]) -> _Step:
        """The next request of the buffer."""
        buffer, begin = self._buffer, self._begin
        end = buffer.find(b"\r\n\r\n", begin)
        if end < 0:
            fits = len(buffer) - begin <= _MOST_HEAD and buffer[begin : begin + 1] in (b"G", b"P")
            return _WAIT if fits else _ELSEWHERE
        if end - begin > _MOST_HEAD:
            return _ELSEWHERE
        began = time.monotonic()
        line_end = buffer.find(b"\r\n", begin)
        line, fields = _LINE.fullmatch(buffer, begin, line_end), buffer[line_end : end + 4]
        head = self._lane.head(fields)
        if line is None or head is None:
            return _ELSEWHERE
        path = line[2].decode("ascii")
        size = head.size
        if line[1] == b"POST":
            if size is None:
                return _ELSEWHERE
            if len(buffer) < end + 4 + size or self.waiting:
                return _WAIT
            return self._answer(
                out, "POST", path, line[3], head, buffer[end + 4 : end + 4 + size], end + 4 + size, began
            )
        if size is not None:
            return _ELSEWHERE
        if (lying := self._lane.doors.ready) is not None:
            self._fields = fields if lying.fits(head) else b""
        return self._answer(out, "GET", path, line[3], head, b"", end + 4, began)

    def _answer(
        self,
        out: list[bytes],
        method: str,
        path: str,
        query: bytes | None,
        head: Head,
        body: bytes,
        end: int,
        began: float,
    ) -> _Step:
        """Ask the door; `end` is where the next request begins."""
        found = self._lane.doors.find(method, path)
        if found is None:
            return _ELSEWHERE
        named = "x-forwarded-for" in head.headers
        source = self._lane.source_of(self._peer, head.headers) if named else self._source
        ask = Ask(path, (query or b"").decode("ascii"), head.headers, source, body, head.request_id(), method)
        route, door = found
        said = _said(door, ask)
        if said is None:
            return _ELSEWHERE
        self._begin = end
        if isinstance(said, Answer):
            out.append(self._rendered(ask.request_id, said, method, route, began))
            return _ANSWERED
        self._say(out)
        slot = _Slot()
        self.waiting.append(slot)
        self._alone = method != "GET"
        arrived = partial(self._arrived, slot, ask, route, began)
        if isinstance(said, Later):
            said.then(arrived)
        else:
            arrived(said)
        return _ANSWERED

    def _arrived(self, slot: _Slot, ask: Ask, route: str, began: float, said: Answer | Awaitable[Answer]) -> None:
        """What a `Later` came to: an answer, or that it takes a task after all."""
        if isinstance(said, Answer):
            self._fill(slot, self._rendered(ask.request_id, said, ask.method, route, began))
        else:
            task = asyncio.ensure_future(self._answer_later(slot, ask, said, route, began))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer_later(self, slot: _Slot, ask: Ask, promise: Awaitable[Answer], route: str, began: float) -> None:
        RATE_FIELDS.set(None)  # this task may have been begun by the one before it, and have its context
        try:
            answer = await promise
        except Problem as problem:
            answer = problem_of(ask, problem)
        except Exception:  # the edge, as in `_said`
            answer = _failed(ask)
        more = header_lines(fields).encode() if (fields := RATE_FIELDS.get()) else b""
        self._fill(slot, self._rendered(ask.request_id, answer, ask.method, route, began, more))

    def _fill(self, slot: _Slot, answer: bytes) -> None:
        """Send what can be sent now in order; once nothing is under way, what waited for that begins."""
        slot.answer = answer
        waiting, transport, out = self.waiting, self._transport, []
        while waiting and (there := waiting[0].answer) is not None:
            out.append(there)
            waiting.popleft()
        if transport is None or transport.is_closing():
            self._lane.settled()
        elif out:
            transport.write(b"".join(out))
            self.quiet_since = time.monotonic()
        if not waiting:
            self._alone, self._kept = False, 0
            self._lane.settled()
            if self._buffer:
                self._go_on()

    def _rendered(
        self, request_id: str, answer: Answer, method: str, route: str, began: float, more: bytes = b""
    ) -> bytes:
        """The answer as it is sent, `more` among its headers; it is counted here."""
        now = time.monotonic()
        observe_request(route, method, answer.status, now - began)
        head = answer.rendered or fixed_head(answer.status, len(answer.body), answer.headers)
        return b"".join((head, request_id.encode(), b"\r\n", more, self._lane.date(now), b"\r\n", answer.body))

    def _hand_over(self) -> None:
        """aiohttp takes the connection, from the first byte of the request that is not ours."""
        transport, unread = self._transport, self._buffer
        self._leave()
        self._transport, self._buffer = None, b""
        if not self._reading:
            transport.resume_reading()
        protocol: Any = self._lane.framework()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if not self._writable:
            protocol.pause_writing()
        protocol.data_received(unread)

    def end_if_idle(self) -> None:
        """Nothing was written for long: what is not read by now never will be, and closing would wait for it."""
        if self._transport is not None and not self.waiting:
            if self._transport.get_write_buffer_size():
                self._transport.abort()
            else:
                self._transport.close()

    def close_if_idle(self) -> None:
        if not self.waiting:
            self.close()

    def close(self) -> None:
        """It counts until all that was written is sent, or it is aborted."""
        if self._transport is not None:
            self._transport.close()


def _said(door: Door, ask: Ask) -> Said:
    try:
        return door(ask)
    except Problem as problem:
        return problem_of(ask, problem)
    except Exception:  # the edge: the caller gets a document, the log the trace, and the connection goes on
        return _failed(ask)


def _failed(ask: Ask) -> Answer:
    """The edge: whatever it is, the caller gets a document and the log the trace."""
    log.exception("request to %s failed (%s)", ask.raw_path[:200], ask.request_id)
    return problem_of(ask, InternalError())
