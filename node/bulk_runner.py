"""The process that works on bulk jobs: `python -m node.bulk_runner --ready-file PATH`, settings from the environment.

Beside the workers, so that reading millions of rows keeps none of them from answering; of lower priority, so that it takes
the processor only where they leave it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg

from core.database import STORE_FAILURES
from core.directory import read_node_id
from core.settings import Settings, load_settings
from core.shared_cache import SharedCache
from core.telemetry import start_logging

_NICE = 10
_AGAIN_SECONDS = 1.0
log = logging.getLogger(__name__)


async def work(settings: Settings, ready_file: Path | None, reached: Callable[[str], None]) -> int:
    """Until SIGTERM or SIGINT. What is half done then is gone on with at the next start."""
    from registry.bulk.files import BulkFiles  # after the environment of Polars is set
    from registry.bulk.runner import Options, Runner

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    url = settings.database_url.get_secret_value()
    reading = asyncio.create_task(_node_id(url))
    await asyncio.wait((reading, asyncio.ensure_future(stop.wait())), return_when=asyncio.FIRST_COMPLETED)
    if not reading.done():
        reading.cancel()
        return 0
    node_id = reading.result()
    cache = SharedCache(
        settings.redis_url.get_secret_value(), node_id,
        ttl_seconds=settings.shared_cache_ttl_seconds, timeout_seconds=settings.redis_timeout_seconds,
    )  # fmt: skip

    async def announce(first: str, last: str, changed: list[tuple[str, int]]) -> None:
        await cache.announce_range(first, last)
        if changed:
            await cache.drop_older(changed)
            await cache.announce(changed)

    runner = Runner(
        Options(url, settings.bulk_keep_days, settings.quota_defaults),
        BulkFiles(settings.data_dir.resolve()),
        announce,
        reached,
    )
    task = asyncio.create_task(runner.run())
    if ready_file is not None:
        ready_file.touch()
    await asyncio.wait((task, asyncio.ensure_future(stop.wait())), return_when=asyncio.FIRST_COMPLETED)
    failed = task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await cache.close()
    return int(failed)


async def _node_id(url: str) -> str:
    """The id of the database, once it answers."""
    while True:
        try:
            async with asyncpg.create_pool(url, min_size=0, max_size=1, timeout=10) as pool:
                return await read_node_id(pool)
        except STORE_FAILURES as lost:
            log.warning("PostgreSQL cannot be reached yet: %s", lost or type(lost).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)


def main(reached: Callable[[str], None] = lambda _: None) -> int:
    parser = argparse.ArgumentParser(prog="node.bulk_runner")
    parser.add_argument("--ready-file", type=Path)
    arguments = parser.parse_args()
    settings = load_settings()
    start_logging(settings.log_level, "bulk")
    os.nice(_NICE)
    status = asyncio.run(work(settings, arguments.ready_file, reached))
    # A thread may be in the middle of a block of rows that nobody waits for any more.
    logging.shutdown()
    os._exit(status)


if __name__ == "__main__":
    raise SystemExit(main())
