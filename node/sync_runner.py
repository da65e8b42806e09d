"""The process that exchanges with the top level: `python -m node.sync_runner`, settings from the environment.

Beside the workers: a top level that is slow, away or wrong costs none of them anything. Several may run; one leads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from typing import Protocol

from core.database import STORE_FAILURES, StorePool, open_pool
from core.settings import Settings, load_settings
from core.telemetry import start_logging
from node.console import Refused
from node.escrow import escrow_of
from node.operations import keeper_of, monitor_of
from node.peering import peer_of
from node.peering_key_watch import KeyWatch

log = logging.getLogger(__name__)
_CONNECTIONS = 8
_AGAIN_SECONDS = 5.0


class Part(Protocol):
    """What this process does beside other things; `run` ends only by failing, and lets go of what the part holds."""

    async def run(self) -> None: ...


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
    makers: dict[str, Callable[[], Part | None]] = {
        "provisioning": lambda: peer_of(settings, pool),
        "monitoring": lambda: monitor_of(settings, pool),
        "takeover": lambda: keeper_of(settings, pool),
        "escrow": lambda: escrow_of(settings, pool),
        "keys": lambda: KeyWatch(settings, pool),
    }
    try:
        async with asyncio.TaskGroup() as group:
            for name, make in makers.items():
                group.create_task(keep(name, make))
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pool.close(), settings.database_timeout_seconds)


async def keep(name: str, make: Callable[[], Part | None], again_seconds: float = _AGAIN_SECONDS) -> None:
    """One part, for ever, or not at all where it is not configured. What fails in a way that nobody foresaw is told with its
    trace, and made anew: none of the others has to do with it."""
    told = ""
    while True:
        try:
            if (part := make()) is None:
                return
            told = ""
            await part.run()
        except Refused as wrong:
            if wrong.message_en != told:  # once, not at every look
                log.error("%s: %s", name, wrong.message_en)
            told = wrong.message_en
        except Exception:  # the edge of a part
            log.exception("%s failed and is begun anew", name)
        await asyncio.sleep(again_seconds)


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
