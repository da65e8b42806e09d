"""The limit of plain aiohttp: a constant answer, workers sharing the port as ours do. `python -m benchmarks.hello PORT N`.

The constant, which the other limits answer as well, is what the node says of a real component, with as many bytes.
"""

from __future__ import annotations

import json
import os
import sys

import uvloop
from aiohttp import web

from benchmarks.own_node import real_part
from node.listening import listening_socket


def _answer() -> bytes:
    name, written = real_part()
    dated = {"ttl": 86_400, "timestamp": "2026-01-01T00:00:00Z"}
    values = [value | dated for value in json.loads(written.replace("%%", "%"))]
    answer = {"responseCode": 1, "handle": f"88.118.8/{name}-0000000000", "values": values}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


BODY = _answer()


async def hello(_: web.Request) -> web.Response:
    return web.Response(body=BODY, content_type="application/json")


async def serve(port: int) -> None:
    import asyncio

    app = web.Application()
    app.router.add_get("/hello", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening_socket("127.0.0.1", port), backlog=2048).start()
    await asyncio.Event().wait()


def main() -> None:
    port, workers = int(sys.argv[1]), int(sys.argv[2])
    for _ in range(workers - 1):
        if os.fork() == 0:
            break
    uvloop.run(serve(port))


if __name__ == "__main__":
    main()
