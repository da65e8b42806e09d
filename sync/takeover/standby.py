"""A whole set of standby data, in pieces that keep their bounds.

A piece ends after a key whose digest says so, and what the top level has by its digest is not sent again. All of it is of one
moment, from which on changes are told (`sync.takeover.flow`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.sqlfiles import load_sql
from core.telemetry import is_alive
from sync.operations.canonical import canonical, digest, digest_of_bytes
from sync.operations.envelope import envelope, time_text
from sync.operations.shapes import MEDIA_TYPE, Malformed, ManifestReply, read
from sync.operations.signatures import ISSUER, signed
from sync.signing.keys import Signer
from sync.takeover.lines import ends_piece, identifier_line, prefix_line
from sync.takeover.packed import PACKED, PLAIN, pack, unpack

log = logging.getLogger(__name__)
SQL = load_sql("sync", "standby.sql")
MOST_CHUNK_BYTES = 16 * 1024 * 1024
_ENOUGH_BYTES = 12 * 1024 * 1024
_PAGE = 2_000
_NOT_THAT_TYPE = 415


@dataclass(frozen=True, slots=True)
class Chunk:
    n: int
    records: int
    bytes: int
    digest: str

    def as_json(self) -> dict[str, Any]:
        return {"n": self.n, "records": self.records, "bytes": self.bytes, "digest": self.digest}


# Sends one part (path below `/ops/v1/standby`, body, media type); gives HTTP status and body.
Put = Callable[[str, bytes, str], Awaitable[tuple[int, bytes]]]


class Refused(Exception):
    """The top level does not take it."""


class Standby:
    """`close` lets go of what `put` holds. `folder`: where pieces wait, packed, while they are sent."""

    def __init__(
        self, pool: Any, sln: str, signer: Signer, put: Put, close: Callable[[], Awaitable[None]], folder: Path,
        clock: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        self._pool, self._sln, self._signer, self._put, self.close = pool, sln, signer, put, close
        self._folder = folder
        self._clock = clock or (lambda: datetime.now(UTC))

    async def send(self, snapshot_id: str | None = None) -> dict[str, Any]:
        """A set of now, of which the top level is sent what it lacks; the manifest. Raises `Refused`, and as asyncpg and `put`
        do."""
        watermark = self._clock()
        number = snapshot_id or f"S{int(watermark.timestamp() * 1000):012x}"
        _tidy(self._folder)
        with TemporaryDirectory(prefix=f"{os.getpid()}-", dir=self._folder) as folder:
            async with self._pool.acquire() as connection:
                since = await connection.fetchval(SQL["oldest_moment"])
                moment, chunks = await _spooled(connection, Path(folder))
            manifest = signed(self._manifest(number, watermark, chunks, moment["prefixes"]), self._signer, ISSUER)
            await self._pool.execute(SQL["forget_snapshots"])
            await self._pool.execute(
                SQL["write_snapshot"], number, watermark, canonical(manifest), digest(manifest), manifest["records"],
                moment["seen"], moment["stream"], moment["number"], since,
            )  # fmt: skip
            await self._upload(number, manifest, Path(folder))
        await self._completed(number, moment, since)
        return manifest

    async def _completed(self, number: str, moment: Any, since: datetime) -> None:
        """Changes that it holds are told, and never again; where nobody follows them yet, they are followed from it on."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["snapshot_completed"], number)
            await connection.execute(SQL["take_position"], moment["seen"], since, moment["stream"])
            if await connection.fetchval(SQL["is_stream"], moment["stream"]):
                await connection.execute(SQL["forget_changes"], moment["number"])

    def _manifest(self, number: str, watermark: datetime, chunks: Iterable[Chunk], prefixes: int) -> dict[str, Any]:
        listed = [chunk.as_json() for chunk in chunks]
        return {
            **envelope("standby-manifest", self._sln, secrets.token_hex(16), self._clock()),
            "snapshotId": number, "base": "FULL", "watermark": time_text(watermark), "prefixes": [self._sln],
            "chunks": listed, "nodes": prefixes, "records": sum(one["records"] for one in listed),
        }  # fmt: skip

    async def _upload(self, number: str, manifest: dict[str, Any], folder: Path) -> None:
        body, offered = canonical(manifest), len(manifest["chunks"])
        for _ in range(2):  # what it lacks, and whether it lacks anything still
            missing = _missing(*await self._put(f"{self._sln}/{number}", body, MEDIA_TYPE), offered)
            if not missing:
                return
            for place in missing:
                status, answer = await self._put_piece(f"{self._sln}/{number}/chunks/{place}", folder, place)
                if status != 204:
                    raise Refused(f"piece {place} is not taken: HTTP {status} {answer[:200]!r}")
        if _missing(*await self._put(f"{self._sln}/{number}", body, MEDIA_TYPE), offered):
            raise Refused("pieces are missing still")

    async def _put_piece(self, path: str, folder: Path, place: int) -> tuple[int, bytes]:
        """Packed; as it is for who does not unpack."""
        packed = (folder / f"{place}.zst").read_bytes()
        status, answer = await self._put(path, packed, PACKED)
        if status != _NOT_THAT_TYPE:
            return status, answer
        return await self._put(path, unpack(packed, PACKED, MOST_CHUNK_BYTES), PLAIN)


def _missing(status: int, answer: bytes, offered: int) -> list[int]:
    """The places of the pieces that it lacks. Raises `Refused`, also for what is no answer to a manifest of `offered` pieces."""
    if status != 200:
        raise Refused(f"the manifest is not taken: HTTP {status} {answer[:200]!r}")
    try:
        _, reply = read(ManifestReply, answer)
    except Malformed as wrong:
        raise Refused(f"the answer to the manifest cannot be read: {wrong}"[:400]) from None
    if strange := [place for place in reply.missing_chunks if place > offered]:
        raise Refused(f"pieces are asked for that were never offered: {strange[:5]}")
    return reply.missing_chunks


def _tidy(folder: Path) -> None:
    """What a process left that was killed; another one may be at work by command."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.iterdir():
        pid = left.name.partition("-")[0]
        if not (pid.isdigit() and is_alive(int(pid))):
            shutil.rmtree(left)


async def _spooled(connection: Any, folder: Path) -> tuple[Any, list[Chunk]]:
    """Every piece as a file, all of one moment, which is told as PostgreSQL does."""
    chunks: list[Chunk] = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        moment = await connection.fetchrow(SQL["standby_moment"])
        async for records, content in _pieces(connection):
            chunk = Chunk(len(chunks) + 1, records, len(content), digest_of_bytes(content))
            (folder / f"{chunk.n}.zst").write_bytes(await asyncio.to_thread(pack, content))
            chunks.append(chunk)
    return moment, chunks


async def _pieces(connection: Any) -> AsyncIterator[tuple[int, bytes]]:
    """(lines, content); one at least, perhaps empty."""
    lines: list[bytes] = []
    size, given = 0, False
    async for key, line in _lines(connection):
        if size + len(line) > MOST_CHUNK_BYTES - 1:
            yield len(lines), b"".join(lines)
            lines, size, given = [], 0, True
        lines.append(line + b"\n")
        size += len(line) + 1
        if size >= _ENOUGH_BYTES or ends_piece(key):
            yield len(lines), b"".join(lines)
            lines, size, given = [], 0, True
    if lines or not given:
        yield len(lines), b"".join(lines)


async def _lines(connection: Any) -> AsyncIterator[tuple[str, bytes]]:
    async for row in pages(connection, "standby_prefixes", "prefix"):
        yield row["prefix"], prefix_line(row)
    async for row in pages(connection, "standby_identifiers", "key"):
        yield row["key"], identifier_line(row)


async def pages(connection: Any, statement: str, column: str) -> AsyncIterator[Any]:
    after = ""
    while rows := await connection.fetch(SQL[statement], after, _PAGE):
        for row in rows:
            yield row
        after = rows[-1][column]
