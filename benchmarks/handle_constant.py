"""The limit of this machine's Python for Handle over TCP: a bare uvloop protocol that splits requests and answers each with the
same bytes under the request's id.

python -m benchmarks.handle_constant PORT ANSWER_BYTES
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop

from core.handle.codes import Code, Flag, Op
from core.handle.envelope import Envelope
from core.handle.header import Header
from core.handle.message import Message

ANSWER_BYTES = int(sys.argv[2]) if len(sys.argv) > 2 else 400


class Constant(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        body = bytes(ANSWER_BYTES - 48)
        answer = Message(Envelope(), Header(Op.RESOLVE, Code.SUCCESS, int(Flag.AUTH)), body).encode()
        self._before, self._after = answer[:8], answer[12:]
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        data = self._held + data if self._held else data
        at, end, out = 0, len(data), list[bytes]()
        while end - at >= 20:
            stop = at + 20 + int.from_bytes(data[at + 16 : at + 20])
            if stop > end:
                break
            out += (self._before, data[at + 8 : at + 12], self._after)
            at = stop
        self._held = data[at:]
        self._transport.write(b"".join(out))


async def serve(port: int) -> None:
    await asyncio.get_running_loop().create_server(Constant, "127.0.0.1", port, backlog=2048)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
