"""What a worker does beside answering."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Tasks that run as long as the worker does. One that ends by itself ends the worker: it is started anew, whole."""

    def __init__(self, work: list[Coroutine[Any, Any, None]]) -> None:
        self._work = work
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.create_task(work) for work in self._work]
        for task in self._tasks:
            task.add_done_callback(_must_not_end)

    async def __aexit__(self, *_error: object) -> None:
        running = set(self._tasks)
        while running:  # asked again: `wait_for` of Python 3.11, which redis-py uses, can swallow a cancellation
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=0.1)


def _must_not_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.get_loop().call_exception_handler(
            {"message": "a background task of the worker ended", "exception": task.exception(), "fatal": True}
        )
