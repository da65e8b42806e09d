"""The limit of plain aiohttp: a constant answer, workers sharing the port as ours do. `python -m benchmarks.hello PORT N`."""

from __future__ import annotations

import os
import sys

import uvloop
from aiohttp import web

from node.listening import listening_socket

BODY = b'{"responseCode":1,"handle":"88.118.8/JXDY2106023","values":[]}'


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
