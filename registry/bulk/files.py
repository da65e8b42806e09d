"""Where the files of bulk jobs lie: `<data_dir>/bulk/uploads/<sha256>`, and `<data_dir>/bulk/<job id>/` for its rows and refusals."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.errors import BodyTooLarge, DiskFull

_WRITE_BYTES = 4 * 2**20
_LOOK_BYTES = 64 * 2**20
RESERVE_BYTES = 256 * 2**20  # never the last of the disk: PostgreSQL may live on it


@dataclass(frozen=True, slots=True)
class Upload:
    """A file received whole. `head` is its beginning, by which its format is recognised."""

    digest: bytes
    size: int
    head: bytes


class BulkFiles:
    """One for each process."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / "bulk"
        self._uploads = self._root / "uploads"

    def job(self, job_id: int) -> Path:
        return self._root / str(job_id)

    def upload(self, digest: bytes) -> Path:
        return self._uploads / digest.hex()

    async def receive(self, chunks: AsyncIterator[bytes], announced: int | None, limit: int) -> Upload:
        """Write a body to disk. Raises `BodyTooLarge`, `DiskFull`; nothing is left behind then."""
        if announced is not None and announced > limit:
            raise _too_large(limit)
        self._require_room(announced or 0)
        self._uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = self._uploads / f".{secrets.token_hex(8)}"
        try:
            return await self._write(unfinished, chunks, limit)
        except OSError as wrong:
            raise _disk_full() from wrong
        finally:
            unfinished.unlink(missing_ok=True)

    async def _write(self, unfinished: Path, chunks: AsyncIterator[bytes], limit: int) -> Upload:
        digest, size, head, looked = hashlib.sha256(), 0, b"", 0
        held = bytearray()
        with _private_file(unfinished) as file:

            def write(octets: bytes) -> None:
                digest.update(octets)
                file.write(octets)

            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                if len(head) < 65_536:
                    head += chunk[:65_536]
                held += chunk
                if len(held) >= _WRITE_BYTES:
                    await asyncio.to_thread(write, bytes(held))
                    held.clear()
                if size - looked >= _LOOK_BYTES:
                    looked = size
                    self._require_room(0)
            await asyncio.to_thread(write, bytes(held))
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        unfinished.rename(self.upload(digest.digest()))
        return Upload(digest.digest(), size, head)

    def _require_room(self, more: int) -> None:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(self._root).free < more + RESERVE_BYTES:
            raise _disk_full()

    def held_jobs(self) -> list[int]:
        """Jobs whose directory is here."""
        if not self._root.is_dir():
            return []
        return [int(entry.name) for entry in self._root.iterdir() if entry.name.isdigit()]

    def drop_job(self, job_id: int) -> None:
        shutil.rmtree(self.job(job_id), ignore_errors=True)

    def drop_uploads(self, wanted: set[str], older_than_seconds: float) -> None:
        """What no open job reads, once it is so old that nobody is about to make a job of it."""
        if not self._uploads.is_dir():
            return
        for path in self._uploads.iterdir():
            if path.name not in wanted and path.stat().st_mtime < time.time() - older_than_seconds:
                path.unlink(missing_ok=True)


def _private_file(path: Path) -> BinaryIO:
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The file has more than {limit} bytes", f"文件超过 {limit} 字节", limit=limit)


def _disk_full() -> DiskFull:
    return DiskFull("The disk of the node has no room for the file", "节点磁盘空间不足，无法接收该文件")
