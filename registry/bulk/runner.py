"""The one process that works on bulk jobs: plan what was received, merge what was confirmed, chunk by chunk.

Runners of several machines stand by for each other: an advisory lock of the database lets one work at a time, and each takes
only jobs whose file lies on its own disk. A runner may be killed at any moment; whoever comes next goes on with the first
chunk that is not finished.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from core.database import STORE_FAILURES, is_frozen
from core.quota_book import Defaults
from registry.bulk.files import BulkFiles
from registry.bulk.jobs import SQL, Job, all_chunks, move_job, read_job
from registry.bulk.merge import AlreadyMerged, merge_chunk, prepare_connection
from registry.bulk.pace import Pace
from registry.bulk.pieces import Pieces
from registry.bulk.plan import Planner
from registry.bulk.prepare import Stopped
from registry.bulk.quota import JobQuotas
from registry.bulk.reader import PieceReader

log = logging.getLogger(__name__)
LOCK = 0x6269616F62756C6B  # "biaobulk"
LANES = 2
_POLL_SECONDS = 0.25
_AGAIN_SECONDS = 1.0
_SWEEP_SECONDS = 3_600.0
_STATEMENT_SECONDS = 600.0
_ERRORS_BORNE = 5
Announce = Callable[[str, str, list[tuple[str, int]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Options:
    """`keep_days`: how long the refusals of an ended job stay."""

    database_url: str
    keep_days: int
    quota_defaults: Defaults = field(default_factory=Defaults)


class Runner:
    """`announce` is told (first key, last key, changed keys with versions) after each commit; `reached` hears of
    every step, for tests that end the process there."""

    def __init__(
        self, options: Options, files: BulkFiles, announce: Announce, reached: Callable[[str], None] = lambda _: None
    ) -> None:
        self._options = options
        self._files = files
        self._announce = announce
        self._reached = reached
        self._pace = Pace()
        self._quotas: JobQuotas | None = None
        self._swept_at = 0.0
        self._errors: Counter[int] = Counter()  # of PostgreSQL, by job

    async def run(self) -> None:
        """For ever; a lost database is waited for."""
        while True:
            try:
                await self._with_connections()
            except STORE_FAILURES as lost:
                log.warning("PostgreSQL cannot be reached, bulk jobs wait: %s", lost or type(lost).__name__)
            except asyncpg.PostgresError as wrong:
                if is_frozen(wrong):
                    log.info("registration is frozen, bulk jobs wait")
                else:
                    log.exception("a bulk job met an error of PostgreSQL; trying again")
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _with_connections(self) -> None:
        opened: list[Any] = []
        try:
            for _ in range(LANES + 1):
                connection = await asyncpg.connect(
                    self._options.database_url, timeout=10, command_timeout=_STATEMENT_SECONDS,
                    server_settings={"application_name": "biaojie-bulk", "timezone": "UTC"},
                )  # fmt: skip
                opened.append(connection)
                await prepare_connection(connection)
            *lanes, ledger = opened
            self._quotas = JobQuotas(ledger, self._options.quota_defaults)
            while True:
                if not await self._work_once(lanes):
                    await asyncio.sleep(_POLL_SECONDS)
        finally:
            for connection in opened:
                connection.terminate()

    async def _work_once(self, connections: list[Any]) -> bool:
        """Whether there was something to do."""
        control = connections[0]
        mine = await self._my_jobs(control)
        if not mine:
            await self._sweep(control)
            return False
        if not await control.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            return False
        try:
            job = await read_job(control, mine[0])
            if job is not None:
                await self._advance(connections, job)
        finally:
            if not control.is_closed():
                await control.fetchval("SELECT pg_advisory_unlock($1)", LOCK)
        return True

    async def _my_jobs(self, connection: Any) -> list[int]:
        """Open jobs whose file is here, oldest first."""
        found = []
        for row in await connection.fetch(SQL["open_jobs"]):
            job = await read_job(connection, row["id"])
            if job is not None and self._files.upload(job.digest).exists():
                found.append(job.id)
                break
        return found

    async def _advance(self, connections: list[Any], job: Job) -> None:
        try:
            if job.state == "received":
                self._reached("received")
                await Planner(connections[0], self._files, self._pace, self._quotas).plan(job)
                self._reached("planned")
            else:
                await self._merge(connections, job)
        except Stopped:
            log.info("bulk job %d was stopped", job.id)
        except STORE_FAILURES:
            raise
        except Exception as wrong:
            if is_frozen(wrong):
                raise
            self._errors[job.id] += 1
            if isinstance(wrong, asyncpg.PostgresError) and self._errors[job.id] < _ERRORS_BORNE:
                raise
            log.exception("bulk job %d failed", job.id)
            problem = {
                "slug": "internal-error",
                "en": "The job met an error of ours; the log of the node has it. What is merged stays.",
                "zh": "任务遇到内部错误，详情见节点日志；已合并的数据保留。",
            }
            await move_job(connections[0], job.id, ("received", "confirmed", "merging"), "failed", problem)

    async def _merge(self, connections: list[Any], job: Job) -> None:
        control = connections[0]
        await move_job(control, job.id, ("confirmed",), "merging")
        self._reached("merging")
        pieces = Pieces(self._files.job(job.id))
        if not pieces.whole:
            await Planner(control, self._files, self._pace).prepare_again(job, pieces)
        chunks = [chunk for chunk in await all_chunks(control, job.id) if not chunk.finished]
        reader = PieceReader(pieces, chunks)
        try:
            await self._run_lanes(connections, job, reader)
        finally:
            reader.close()
        left = [chunk for chunk in await all_chunks(control, job.id) if not chunk.finished]
        self._reached("merged")
        if not left and await move_job(control, job.id, ("merging",), "done"):
            pieces.drop()
            self._reached("done")

    async def _run_lanes(self, connections: list[Any], job: Job, reader: PieceReader) -> None:
        tasks = [
            asyncio.ensure_future(self._lane(number, connection, job, reader))
            for number, connection in enumerate(connections)
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _lane(self, number: int, connection: Any, job: Job, reader: PieceReader) -> None:
        """Chunk after chunk until there are none, or the job is no longer to be merged."""
        while True:
            await self._pace.look(connection)
            if number and self._pace.busy:  # others are waiting for PostgreSQL: one connection is enough
                await asyncio.sleep(_POLL_SECONDS)
                if reader.finished:
                    return
                continue
            if not await self._goes_on(connection, job):
                return
            taken = await reader.take()
            if taken is None:
                return
            chunk, frame = taken
            began = time.monotonic()
            spending = await self._quotas.spending(job) if self._quotas else None
            try:
                merged = await merge_chunk(
                    connection, job, chunk, frame, self._files.job(job.id), number, self._pace.pause_seconds, spending
                )
            except AlreadyMerged:
                continue
            self._reached("chunk")
            await self._announce(chunk.first, chunk.last, merged.changed)
            await self._pace.rest(time.monotonic() - began)

    async def _goes_on(self, connection: Any, job: Job) -> bool:
        row = await connection.fetchrow(SQL["job_state"], job.id)
        if row["suspended"] and row["state"] == "merging":
            problem = '{"slug":"prefix-suspended","en":"The prefix is suspended","zh":"该前缀已被暂停"}'
            await connection.fetchval(SQL["pause_job"], job.id, problem)
            return False
        return bool(row["state"] == "merging")

    async def _sweep(self, connection: Any) -> None:
        """Now and then, when idle: files that nobody needs any more."""
        if time.monotonic() - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = time.monotonic()
        held = self._files.held_jobs()
        kept = {row["id"] for row in await connection.fetch(SQL["kept_jobs"], held, self._options.keep_days)}
        for job_id in held:
            if job_id not in kept:
                await asyncio.to_thread(self._files.drop_job, job_id)
        wanted = {row[0] for row in await connection.fetch(SQL["digests_wanted"])}
        await asyncio.to_thread(self._files.drop_uploads, wanted, 86_400.0)
