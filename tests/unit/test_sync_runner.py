"""The process of the exchange: one part that fails is begun anew alone, and told of once where something is missing."""

from __future__ import annotations

import asyncio
import logging

import pytest

from node.console import Refused
from node.sync_runner import keep


class _Part:
    def __init__(self, wrong: Exception | None, running: asyncio.Event) -> None:
        self._wrong, self._running = wrong, running

    async def run(self) -> None:
        if self._wrong is not None:
            raise self._wrong
        self._running.set()
        await asyncio.Event().wait()


async def test_a_part_that_fails_is_begun_anew_and_takes_nothing_down(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    running, other = asyncio.Event(), asyncio.Event()
    wrongs: list[Exception | None] = [AttributeError("'list' object has no attribute 'get'"), None]

    def make() -> _Part:
        return _Part(wrongs.pop(0), running)

    tasks = [
        asyncio.create_task(keep("takeover", make, 0.0)),
        asyncio.create_task(keep("monitoring", lambda: _Part(None, other), 0.0)),
        asyncio.create_task(keep("escrow", lambda: None)),
    ]
    async with asyncio.timeout(5):
        await running.wait()
        await other.wait()
        await tasks[2]  # what is not configured is not run
    assert not tasks[0].done() and not tasks[1].done()
    (told,) = caplog.records
    assert told.exc_info is not None and "takeover" in told.getMessage()
    for task in tasks[:2]:
        task.cancel()


async def test_what_is_missing_is_told_once_and_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    running = asyncio.Event()
    looks = 0

    def make() -> _Part:
        nonlocal looks
        looks += 1
        if looks < 4:
            raise Refused("there is no key", "没有密钥")
        return _Part(None, running)

    task = asyncio.create_task(keep("provisioning", make, 0.0))
    async with asyncio.timeout(5):
        await running.wait()
    assert looks == 4 and len(caplog.records) == 1
    task.cancel()
