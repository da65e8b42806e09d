"""Chunks of a job for the lanes that merge them: read a piece ahead, in a thread, one piece in memory and one coming."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import polars as pl

from registry.bulk.jobs import PlannedChunk
from registry.bulk.pieces import Pieces


class PieceReader:
    """One for a merge. `take` may be called from several tasks; chunks come in order of key."""

    def __init__(self, pieces: Pieces, chunks: Sequence[PlannedChunk]) -> None:
        self._pieces = pieces
        self._chunks = deque(chunks)
        self._lock = asyncio.Lock()
        self._current: tuple[int, pl.DataFrame] | None = None
        self._coming: tuple[int, asyncio.Future[pl.DataFrame]] | None = None

    @property
    def finished(self) -> bool:
        return not self._chunks

    async def take(self) -> tuple[PlannedChunk, pl.DataFrame] | None:
        """The next chunk with its rows; None when all are taken."""
        async with self._lock:
            if not self._chunks:
                return None
            chunk = self._chunks[0]
            frame = await self._piece(chunk.piece)
            self._chunks.popleft()
        return chunk, frame.slice(chunk.start, chunk.rows)

    async def _piece(self, number: int) -> pl.DataFrame:
        if self._current is None or self._current[0] != number:
            self._current = None
            if self._coming is not None and self._coming[0] == number:
                frame = await self._coming[1]
            else:
                frame = await asyncio.to_thread(self._pieces.read, number)
            self._current, self._coming = (number, frame), None
            following = next((chunk.piece for chunk in self._chunks if chunk.piece != number), None)
            if following is not None:
                self._coming = following, asyncio.ensure_future(asyncio.to_thread(self._pieces.read, following))
        return self._current[1]

    def close(self) -> None:
        if self._coming is not None:
            self._coming[1].cancel()
