"""Exports of a worker: a process each, two at a time, never waiting without an end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

import orjson

from core.errors import ExportsBusy, StoreUnavailable
from core.telemetry import EXPORTS
from registry.export.formats import Order
from registry.export.process import DATABASE_VARIABLE

MOST_AT_ONCE = 2
CHUNK_SECONDS = 60.0  # for the next piece, of the database or to the reader; an export as a whole may take hours
_CHUNK_BYTES = 256 * 1024


class BrokenOff(Exception):
    """The rest of the file will not come."""


class Exports:
    """One for each worker."""

    def __init__(self, database_url: str) -> None:
        self._environment = {**os.environ, DATABASE_VARIABLE: database_url}
        self._running = 0

    @asynccontextmanager
    async def run(self, order: Order) -> AsyncIterator[AsyncIterator[bytes]]:
        """The file in pieces; they end only when it is whole. Raises `ExportsBusy`; the pieces raise `BrokenOff`."""
        if self._running >= MOST_AT_ONCE:
            raise ExportsBusy()
        self._running += 1
        EXPORTS.set(self._running)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "registry.export.process", env=self._environment,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2 * _CHUNK_BYTES,
            )  # fmt: skip
            try:
                yield _pieces(process, order)
            finally:
                if process.returncode is None:
                    process.kill()
                await process.communicate()  # what is left in the pipe keeps it open
        finally:
            self._running -= 1
            EXPORTS.set(self._running)


async def first_piece(pieces: AsyncIterator[bytes]) -> bytes:
    """What comes first, so that an export that cannot begin is an error and no answer. Raises `StoreUnavailable`."""
    try:
        return await anext(pieces, b"")
    except BrokenOff:
        raise StoreUnavailable() from None


async def _pieces(process: asyncio.subprocess.Process, order: Order) -> AsyncIterator[bytes]:
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(orjson.dumps(asdict(order)))
        process.stdin.close()
        while octets := await asyncio.wait_for(process.stdout.read(_CHUNK_BYTES), CHUNK_SECONDS):
            yield octets
        if await asyncio.wait_for(process.wait(), CHUNK_SECONDS):
            raise BrokenOff
    except (TimeoutError, OSError) as lost:
        raise BrokenOff from lost
