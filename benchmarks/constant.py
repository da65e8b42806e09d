"""The limit of this machine's Python: a bare uvloop protocol that answers every GET with the same bytes.

python -m benchmarks.constant PORT
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import httptools
import uvloop

from benchmarks.hello import BODY

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Constant(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._ready: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)
        self._transport.write(b"".join(self._ready))
        self._ready.clear()

    def on_message_complete(self) -> None:
        self._ready.append(ANSWER)


async def serve(port: int) -> None:
    await asyncio.get_running_loop().create_server(Constant, "127.0.0.1", port, backlog=2048)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
