"""A store, the top-level node in a box, and monitoring between them whose clock the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from core.database import open_pool
from core.settings import Settings
from node.operations import monitor_of
from sync.monitoring.monitor import Monitor
from sync.monitoring.statistics import SQL
from sync.toplevel.collector import totals
from tests.top_level_box import Box, box_here

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 1, 0, 15, tzinfo=UTC)
KINDS = (("handle-json", "found"), ("handle-tcp", "unknown"), ("handle-udp", "withdrawn"), ("gs1", "referred"))


@dataclass(slots=True)
class Stage:
    """`expected`: what was counted, by the names of the figures."""

    box: Box
    pool: Any
    settings: Settings
    monitor: Monitor
    now: list[datetime]
    expected: dict[str, int] = field(default_factory=dict)

    @property
    def app_id(self) -> str:
        return str(self.box.desk.store.one("account_of_client", client="sln-demo")["app_id"])

    async def count(self, at: datetime, prefix: str, registered: int, answered: dict[tuple[str, str], int]) -> None:
        """What workers would have stored."""
        await self.pool.execute(
            "INSERT INTO enterprise_count AS c (enterprise_id, prefix, hour, slot, registered) VALUES (1, $1, $2, 0, $3) "
            "ON CONFLICT (enterprise_id, hour, prefix, slot) DO UPDATE SET registered = c.registered + excluded.registered",
            prefix, at.replace(minute=0, second=0), registered,
        )  # fmt: skip
        for (door, outcome), number in answered.items():
            await self.pool.execute(
                "INSERT INTO usage_minute AS m VALUES ($1, $2, $3, $4, false, 0, $5) ON CONFLICT (minute, prefix, door, "
                "outcome, probe, slot) DO UPDATE SET resolutions = m.resolutions + excluded.resolutions",
                at.replace(second=0), prefix, door, outcome, number,
            )  # fmt: skip
            name = {"found": "resolved", "referred": "referred"}.get(outcome, "notFound")
            self.expected[name] = self.expected.get(name, 0) + number
        self.expected["registered"] = self.expected.get("registered", 0) + registered

    async def restart(self, **changed: Any) -> None:
        """Monitoring as a new process has it."""
        await self.monitor.close()
        self.monitor = made(self.settings.model_copy(update=changed), self.pool, self.now)

    async def tick(self) -> None:
        """As if the pauses between attempts were over."""
        await self.pool.execute("UPDATE monitoring_state SET changed_at = clock_timestamp()")
        await self.monitor.tick()

    def told(self) -> dict[str, int]:
        return totals(self.box.desk, self.app_id)

    async def until_there(self) -> None:
        for _ in range(30):
            await self.tick()
            if not await self.pool.fetch(SQL["unsent"], 1):
                return
        raise AssertionError(dict(await self.pool.fetchrow(SQL["read_state"])))

    async def require_exact(self) -> None:
        told = self.told()
        assert {name: told[name] for name in self.expected} == self.expected
        rows = await self.pool.fetch("SELECT seq, content FROM statistics_document ORDER BY seq")
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        held = self.box.desk.store._database.execute(
            "SELECT DISTINCT hour FROM statistics WHERE app_id = ?", (self.app_id,)
        )
        assert len(held.fetchall()) == told["hours"]
        assert (await self.pool.fetchval("SELECT count(DISTINCT hour) FROM statistics_document")) == told["hours"]


def made(settings: Settings, pool: Any, now: list[datetime]) -> Monitor:
    monitor = monitor_of(settings, pool, lambda: now[0])
    assert monitor is not None
    return monitor


@asynccontextmanager
async def monitoring_here(database: str, directory: Path, session: aiohttp.ClientSession) -> AsyncIterator[Stage]:
    async with box_here(directory, session) as box:
        pool = await open_pool(database, connections=4, timeout_seconds=5)
        await pool.execute("INSERT INTO enterprise (name) VALUES ('甲')")
        settings = box.settings.model_copy(update={"http_port": 1, "heartbeat_seconds": 3_600.0})
        now = [START]
        stage = Stage(box, pool, settings, made(settings, pool, now), now)
        yield stage
        await stage.monitor.close()
        await pool.close()
