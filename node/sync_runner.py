"""The process that exchanges with the top level: `python -m node.sync_runner`, settings from the environment.

Beside the workers: a top level that is slow, away or wrong costs none of them anything. Several may run; one leads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine
from typing import Any

from core.database import STORE_FAILURES, StorePool, open_pool
from core.settings import Settings, load_settings
from core.telemetry import start_logging
from node.console import Refused
from node.escrow import escrow_of
from node.operations import keeper_of, monitor_of
from node.peering import peer_of
from sync.access.peer import Peer

log = logging.getLogger(__name__)
_CONNECTIONS = 8
_AGAIN_SECONDS = 5.0


async def work(settings: Settings) -> int:
    """Until SIGTERM or SIGINT; the exit status is 1 when it ended by itself."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    task = asyncio.create_task(exchange(settings))
    await asyncio.wait((task, asyncio.ensure_future(stop.wait())), return_when=asyncio.FIRST_COMPLETED)
    failed = task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return int(failed)


async def exchange(settings: Settings) -> None:
    """For ever. What is missing is told and waited for: a node without its key serves all the same."""
    pool = await _reached(settings)
    try:
        while True:
            try:
                peer = peer_of(settings, pool)
                beside = [
                    one
                    for one in (monitor_of(settings, pool), keeper_of(settings, pool), escrow_of(settings, pool))
                    if one is not None
                ]
            except Refused as wrong:
                log.error("%s", wrong.message_en)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                await _together(peer, [peer.run(), *(one.run() for one in beside)])
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pool.close(), settings.database_timeout_seconds)


async def _together(peer: Peer, work: list[Coroutine[Any, Any, None]]) -> None:
    """Each for ever; what fails ends all of it, and the process is started anew."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    finally:
        await peer.close()


async def _reached(settings: Settings) -> StorePool:
    while True:
        try:
            url, timeout_seconds = settings.database_url.get_secret_value(), settings.database_timeout_seconds
            return await open_pool(url, connections=_CONNECTIONS, timeout_seconds=timeout_seconds)
        except STORE_FAILURES as lost:
            log.warning("PostgreSQL cannot be reached yet: %s", lost or type(lost).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)


def main() -> int:
    settings = load_settings()
    start_logging(settings.log_level, "sync")
    return asyncio.run(work(settings))


if __name__ == "__main__":
    raise SystemExit(main())
