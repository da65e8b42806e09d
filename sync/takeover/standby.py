"""Standby data: what the top level needs to answer in this node's place, in pieces that keep their bounds.

Each line is a prefix and where it is resolved, or an identifier with the values that anybody may read; nothing else, so no
personal data of an application is ever in it. A piece ends after a key whose digest says so, not after a number of lines: a
change touches one piece, and what the top level has by its digest is not sent again.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from core.record import record_from_row
from core.timestamps import rfc3339
from core.values import render
from core.visibility import ANYBODY, visible
from sync.operations.canonical import canonical, digest, digest_of_bytes
from sync.operations.envelope import envelope, time_text
from sync.operations.signatures import ISSUER, signed
from sync.signing.keys import Signer
from sync.takeover.orders import SQL

log = logging.getLogger(__name__)
CHUNKS = "application/x-ndjson"
MOST_CHUNK_BYTES = 16 * 1024 * 1024
_ENOUGH_BYTES = 12 * 1024 * 1024
_ONE_IN = 20_000  # lines of a piece, on average
_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Chunk:
    n: int
    records: int
    bytes: int
    digest: str

    def as_json(self) -> dict[str, Any]:
        return {"n": self.n, "records": self.records, "bytes": self.bytes, "digest": self.digest}


# Sends one part (path below `/ops/v1/standby`, body); gives HTTP status and body.
Put = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]


class Refused(Exception):
    """The top level does not take it."""


class Standby:
    """`close` lets go of what `put` holds."""

    def __init__(
        self, pool: Any, sln: str, signer: Signer, put: Put, close: Callable[[], Awaitable[None]],
        clock: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        self._pool, self._sln, self._signer, self._put, self.close = pool, sln, signer, put, close
        self._clock = clock or (lambda: datetime.now(UTC))

    async def send(self, snapshot_id: str | None = None) -> dict[str, Any]:
        """A snapshot of now, of which the top level is sent what it lacks; the manifest. Raises `Refused`, and as asyncpg
        and `put` do."""
        watermark = self._clock()
        number = snapshot_id or f"S{int(watermark.timestamp() * 1000):012x}"
        with TemporaryDirectory(prefix="biaojie-standby-") as folder:
            async with self._pool.acquire() as connection:
                chunks, prefixes = await _spooled(connection, Path(folder))
            manifest = signed(self._manifest(number, watermark, chunks, prefixes), self._signer, ISSUER)
            records = sum(chunk.records for chunk in chunks)
            await self._pool.execute(
                SQL["write_snapshot"], number, watermark, canonical(manifest), digest(manifest), records
            )
            await self._upload(number, manifest, Path(folder))
        await self._pool.execute(SQL["snapshot_completed"], number)
        return manifest

    def _manifest(
        self, number: str, watermark: datetime, chunks: Iterable[Chunk], prefixes: list[str]
    ) -> dict[str, Any]:
        listed = [chunk.as_json() for chunk in chunks]
        return {
            **envelope("standby-manifest", self._sln, secrets.token_hex(16), self._clock()),
            "snapshotId": number, "base": "FULL", "watermark": time_text(watermark), "prefixes": [self._sln],
            "chunks": listed, "nodes": len(prefixes), "records": sum(one["records"] for one in listed),
        }  # fmt: skip

    async def _upload(self, number: str, manifest: dict[str, Any], folder: Path) -> None:
        body = canonical(manifest)
        for _ in range(2):  # what it lacks, and whether it lacks anything still
            status, answer = await self._put(f"{self._sln}/{number}", body)
            said = orjson.loads(answer) if status == 200 else {}
            if said.get("result") != "accepted":
                raise Refused(f"the manifest is not taken: HTTP {status} {answer[:200]!r}")
            missing = said.get("missingChunks", [])
            if not missing:
                return
            for place in missing:
                content = (folder / f"{int(place)}.jsonl").read_bytes()
                status, answer = await self._put(f"{self._sln}/{number}/chunks/{int(place)}", content)
                if status != 204:
                    raise Refused(f"piece {place} is not taken: HTTP {status} {answer[:200]!r}")
        status, answer = await self._put(f"{self._sln}/{number}", body)
        if status != 200 or orjson.loads(answer).get("missingChunks"):
            raise Refused("pieces are missing still")


async def compare(connection: Any) -> tuple[int, int]:
    """(pieces of the last snapshot that the top level has whole, those that are not in what is held now)."""
    row = await connection.fetchrow(SQL["last_snapshot"])
    if row is None:
        return 0, 0
    given = {one["digest"] for one in orjson.loads(row["manifest"])["chunks"]}
    held: set[str] = set()
    async for _, content in _pieces(connection):
        held.add(digest_of_bytes(content))
    return len(given), len(given ^ held)


async def _spooled(connection: Any, folder: Path) -> tuple[list[Chunk], list[str]]:
    """Every piece as a file, all of one moment."""
    chunks: list[Chunk] = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        async for records, content in _pieces(connection):
            chunk = Chunk(len(chunks) + 1, records, len(content), digest_of_bytes(content))
            (folder / f"{chunk.n}.jsonl").write_bytes(content)
            chunks.append(chunk)
        prefixes = [row["prefix"] async for row in _pages(connection, "standby_prefixes", "prefix")]
    return chunks, prefixes


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
        if size >= _ENOUGH_BYTES or _ends_here(key):
            yield len(lines), b"".join(lines)
            lines, size, given = [], 0, True
    if lines or not given:
        yield len(lines), b"".join(lines)


def _ends_here(key: str) -> bool:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest()) % _ONE_IN == 0


async def _lines(connection: Any) -> AsyncIterator[tuple[str, bytes]]:
    async for row in _pages(connection, "standby_prefixes", "prefix"):
        site = orjson.loads(row["site"]) if row["site"] else None
        said = {"prefix": row["shown"], "caseSensitive": row["suffix_case_sensitive"]}
        yield row["prefix"], orjson.dumps(said | ({"site": site} if site else {}), option=orjson.OPT_SORT_KEYS)
    async for row in _pages(connection, "standby_identifiers", "key"):
        yield row["key"], _identifier(row)


def _identifier(row: Any) -> bytes:
    """What anybody is answered. Values that are not public stay here."""
    record = record_from_row(row)
    seconds = int(record.created_at.timestamp())
    said: dict[str, Any] = {"identifier": record.identifier, "key": record.key, "version": record.version}
    if record.withdrawn:
        said |= {"withdrawn": True, "reason": record.reason or "", "successor": record.successor or ""}
    else:
        values = visible(record, ANYBODY, None, record.changed_at)
        said["values"] = [render(value, seconds) for value in values]
    said["changedAt"] = rfc3339(record.changed_at)
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


async def _pages(connection: Any, statement: str, column: str) -> AsyncIterator[Any]:
    after = ""
    while rows := await connection.fetch(SQL[statement], after, _PAGE):
        for row in rows:
            yield row
        after = rows[-1][column]


def read_lines(content: bytes) -> Iterator[dict[str, Any]]:
    """Of a piece. Raises ValueError."""
    for line in content.splitlines():
        yield orjson.loads(line)
