"""Group commit: the single registrations of a worker that come together are committed together.

Each caller is answered after the commit that carries its row. Measured limits and the reasons: HOUSE choice 3,
deploy/decisions/0003.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg

from core.batcher import Batcher
from core.database import STORE_FAILURES, is_frozen, store_errors
from core.record import Record
from core.telemetry import COMMITS, REGISTERED
from registry.store import (
    AuditLine,
    Inserted,
    NewIdentifier,
    Origin,
    PrefixMoved,
    insert_group,
    insert_new,
    write_audit,
)

log = logging.getLogger(__name__)
_FLIGHTS = 2
SLOTS_PER_WORKER = _FLIGHTS + 1  # one more for batches


Announce = Callable[[Sequence[Record]], None]


class Committer:
    """One for each worker; `worker` numbers its own rows among the counters. The two callables hear of what was committed."""

    def __init__(
        self, pool: asyncpg.Pool[Any], on_committed: Announce, on_batch: Announce, *, worker: int, most_rows: int
    ) -> None:
        self._pool = pool
        self._on_committed = on_committed
        self._on_batch = on_batch
        self._slots = [worker * SLOTS_PER_WORKER + flight for flight in range(_FLIGHTS)]
        self._batch_slot = worker * SLOTS_PER_WORKER + _FLIGHTS
        self._singles: Batcher[tuple[NewIdentifier, Origin], Inserted] = Batcher(
            self._commit_singles, max_batch=most_rows, max_flights=_FLIGHTS
        )

    async def one(self, new: NewIdentifier, origin: Origin) -> Inserted:
        """Register one, in company of whoever else is registering. Raises `PrefixMoved`, `StoreUnavailable`."""
        return await self._singles.submit((new, origin))

    async def batch(
        self, new: Sequence[NewIdentifier], origin: Origin, first: Callable[[Any], Awaitable[None]] | None = None
    ) -> list[Inserted]:
        """Register many of one request in one transaction of their own, which `first` begins. Raises `PrefixMoved`,
        `StoreUnavailable`."""
        with store_errors():
            async with self._pool.acquire() as connection, connection.transaction():
                if first is not None:
                    await first(connection)
                inserted = await insert_new(connection, new, self._batch_slot)
                created = [result.record for result in inserted if result.created]
                if created:
                    await write_audit(connection, [_batch_line(created, origin)])
        if created:
            REGISTERED.inc(len(created))
            self._on_batch(created)
        return inserted

    async def _commit_singles(self, asked: list[tuple[NewIdentifier, Origin]]) -> Sequence[Inserted | Exception]:
        slot = self._slots.pop()
        try:
            return await self._commit(asked, slot)
        except STORE_FAILURES:
            with store_errors():
                raise
        except asyncpg.PostgresError as wrong:
            if is_frozen(wrong):
                with store_errors():
                    raise
            # One row that PostgreSQL will not take must not cost the others theirs.
            if len(asked) == 1:
                raise
            log.exception("a group of %d registrations failed; committing them one by one", len(asked))
            return [await self._alone(single, slot) for single in asked]
        finally:
            self._slots.append(slot)

    async def _alone(self, single: tuple[NewIdentifier, Origin], slot: int) -> Inserted | Exception:
        try:
            with store_errors():
                return (await self._commit([single], slot))[0]
        except Exception as wrong:
            return wrong

    async def _commit(self, asked: list[tuple[NewIdentifier, Origin]], slot: int) -> list[Inserted | PrefixMoved]:
        inserted = await insert_group(self._pool, asked, slot)
        COMMITS.inc()
        created = [result.record for result in inserted if isinstance(result, Inserted) and result.created]
        if created:
            REGISTERED.inc(len(created))
            self._on_committed(created)
        return inserted


def _batch_line(created: list[Record], origin: Origin) -> AuditLine:
    keys = sorted(record.identifier for record in created)
    about = keys[0] if len(keys) == 1 else f"{keys[0]} … {keys[-1]}"
    return AuditLine(origin, "register-batch", about, len(created))
