"""What the database says of the registry, for /metrics: every worker asks now and then, so that whichever is asked knows."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import asyncpg

from core.database import store_errors
from core.errors import StoreUnavailable
from core.telemetry import AUDIT_HEAD_SECONDS, AUDIT_UNSEALED, BULK_JOBS, BULK_ROWS
from registry.audit.sealer import BEGINNING
from registry.audit.sealer import SQL as AUDIT_SQL
from registry.bulk.jobs import ENDED, OPEN
from registry.bulk.jobs import SQL as BULK_SQL

log = logging.getLogger(__name__)
_EVERY_SECONDS = 5.0
_COUNTED = 100_000
_VERDICTS = ("created", "unchanged", "changed", "refused")


async def measure_registry(pool: Any) -> None:
    """For ever; a lost database is waited for."""
    while True:
        try:
            with store_errors():
                await measure_once(pool)
        except StoreUnavailable:
            pass  # the feed says so, once for all
        except asyncpg.PostgresError:
            log.exception("the registry could not be measured; trying again")
        await asyncio.sleep(_EVERY_SECONDS)


async def measure_once(pool: Any) -> None:
    head = await pool.fetchrow(AUDIT_SQL["newest_seal"])
    position = (head["last_xid"], head["last_id"]) if head else BEGINNING
    AUDIT_UNSEALED.set((await pool.fetchrow(AUDIT_SQL["unsealed"], *position, _COUNTED))["entries"])
    AUDIT_HEAD_SECONDS.set((datetime.now(UTC) - head["sealed_at"]).total_seconds() if head else 0)
    found = {row["state"]: row for row in await pool.fetch(BULK_SQL["totals"])}
    for state in (*OPEN, *ENDED):
        BULK_JOBS.labels(state).set(found[state]["jobs"] if state in found else 0)
    for verdict in _VERDICTS:
        BULK_ROWS.labels(verdict).set(sum(row[verdict] for row in found.values()))
