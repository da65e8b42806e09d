"""One worker process: `python -m node.worker --number N --ready-file PATH`, settings from the environment.

Workers share the port by SO_REUSEPORT; the kernel spreads connections over them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from core.addresses import source_finder
from core.connection_places import ConnectionPlaces
from core.fast_lane import IDLE_SECONDS, FastLane
from core.settings import Settings, load_settings
from core.telemetry import start_logging
from node.compose import FAST_DOORS, make_app
from node.framework import Frameworks
from node.handle_listening import handle_doors
from node.https import https_doors
from node.listening import listening_socket
from resolver.handle.http import HANDLE

log = logging.getLogger(__name__)
_STOP_SECONDS = 5.0
_BACKLOG = 2_048


async def work(settings: Settings, number: int, ready_file: Path | None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status is 1 when a part of the worker failed for good."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def end(status: int) -> None:
        if not stop.done():
            stop.set_result(status)

    def on_exception(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        log.error("%s", context.get("message"), exc_info=context.get("exception"))
        if context.get("fatal"):
            end(1)

    loop.set_exception_handler(on_exception)
    for number_of_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number_of_signal, end, 0)
    async with serving(settings, number):
        if ready_file is not None:
            ready_file.touch()
        _calm_collector()
        log.info("serving on port %d", settings.http_port)
        return await stop


@asynccontextmanager
async def serving(settings: Settings, number: int, stop_seconds: float = _STOP_SECONDS) -> AsyncIterator[None]:
    """A worker on both lanes. Leaving it, what was asked is answered before the connections close."""
    loop = asyncio.get_running_loop()
    app = make_app(settings, number)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=IDLE_SECONDS, shutdown_timeout=stop_seconds)
    try:
        await runner.setup()
        assert runner.server is not None  # set by setup()
        places = ConnectionPlaces(settings.http_connections, settings.http_connections_per_address)
        handed_over = Frameworks(runner.server, IDLE_SECONDS, places)
        source_of = source_finder(settings.proxy_networks)
        lane = FastLane(app[FAST_DOORS], handed_over, source_of=source_of, places=places)
        listener = listening_socket(settings.http_host, settings.http_port)
        server = await loop.create_server(lane, sock=listener, backlog=_BACKLOG)
        sweeping = [asyncio.create_task(part.sweep()) for part in (lane, handed_over)]
        try:
            async with handle_doors(settings, app.get(HANDLE), stop_seconds), https_doors(settings, handed_over):
                yield
        finally:
            server.close()
            for task in sweeping:
                task.cancel()
            await lane.close(stop_seconds)
    finally:
        await runner.cleanup()


def _calm_collector() -> None:
    """What stands now stays, and need not be walked again; requests leave next to no cycles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def main() -> int:
    parser = argparse.ArgumentParser(prog="node.worker")
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--ready-file", type=Path)
    arguments = parser.parse_args()
    settings = load_settings()
    start_logging(settings.log_level, f"worker-{arguments.number}")
    return uvloop.run(work(settings, arguments.number, arguments.ready_file))


if __name__ == "__main__":
    raise SystemExit(main())
