"""Seal what was audited, about every second, by whichever worker holds the lock.

A lock of the transaction, so that a worker that dies leaves nothing to take over. Only entries below the horizon of running
transactions are sealed: serial numbers are not in the order of commits, and nothing may come to lie among sealed entries.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import asyncpg

from core.database import store_errors
from core.errors import StoreUnavailable
from core.sqlfiles import load_sql
from core.telemetry import AUDIT_SEALS
from registry.audit.seals import GENESIS, MAX_ENTRIES, Seal, marks_of

log = logging.getLogger(__name__)
SQL = load_sql("registry", "audit.sql")
LOCK = 0x6269616F73656C73  # "biaosels"
_EVERY_SECONDS = 1.0
_LOG_SECONDS = 600.0
BEGINNING = ("0", 0)


class Sealer:
    """One for each worker; `key` is empty where seals are plain hashes."""

    def __init__(self, pool: Any, key: bytes) -> None:
        self._pool = pool
        self._key = key
        self._told_at = -_LOG_SECONDS

    async def run(self) -> None:
        """For ever; a lost database is waited for."""
        while True:
            try:
                with store_errors():
                    while await self.seal_once() == MAX_ENTRIES:
                        pass
            except StoreUnavailable:
                pass  # the feed says so, once for all
            except asyncpg.PostgresError:
                log.exception("the audit could not be sealed; trying again")
            await asyncio.sleep(_EVERY_SECONDS)

    async def seal_once(self) -> int:
        """How many entries were sealed; 0 also when another worker is at it."""
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                return 0
            head = await connection.fetchrow(SQL["newest_seal"])
            position = (head["last_xid"], head["last_id"]) if head else BEGINNING
            found = await connection.fetchrow(SQL["settled_entries"], *position, MAX_ENTRIES)
            if not found["entries"]:
                return 0
            seal = Seal(
                (head["number"] if head else 0) + 1, found["entries"], (found["first_xid"], found["first_id"]),
                (found["last_xid"], found["last_id"]), marks_of(found["digests"]), bool(self._key), datetime.now(UTC),
            )  # fmt: skip
            sealed = seal.hashed(head["hash"] if head else GENESIS, found["digests"], self._key)
            await connection.execute(
                SQL["write_seal"], seal.number, seal.entries, *seal.first, *seal.last, seal.marks, seal.keyed, sealed,
                seal.sealed_at,
            )  # fmt: skip
        AUDIT_SEALS.inc()
        self._tell(seal.number, sealed)
        return seal.entries

    def _tell(self, number: int, sealed: bytes) -> None:
        """Into the log now and then: a head that is kept elsewhere proves that the end of the chain was not cut."""
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= _LOG_SECONDS:
            self._told_at = now
            log.info("audit head: seal %d, %s", number, sealed.hex())
