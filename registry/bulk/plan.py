"""Plan a job: its rows on disk, what they will do to what is registered, how long that may take."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.access import ROLE_SCOPES, Prefix, Role, Scope
from core.sqlfiles import load_sql
from core.template import Template, template_from_row
from registry.bulk.files import BulkFiles
from registry.bulk.jobs import SQL, Job, PlannedChunk, move_job, plan_chunks, plan_job
from registry.bulk.layout import LayoutWrong, Target
from registry.bulk.merge import count_chunk, sample_chunk
from registry.bulk.pace import Pace
from registry.bulk.pieces import Pieces
from registry.bulk.prepare import SAMPLES, Prepared, Stopped, prepare
from registry.bulk.quota import JobQuotas

_DIRECTORY = load_sql("core", "directory.sql")
_TEMPLATES = load_sql("registry", "templates.sql")
_LOOK_SECONDS = 0.5
_NEW_PER_SECOND, _STANDING_PER_SECOND = (
    250_000,
    100_000,
)  # measured, see deploy/decisions/0006; replaced by the job's own rate


class Planner:
    """Works on one connection; the rows themselves are read in a thread."""

    def __init__(self, connection: Any, files: BulkFiles, pace: Pace, quotas: JobQuotas | None = None) -> None:
        self._quotas = quotas
        self._connection = connection
        self._files = files
        self._pace = pace

    async def plan(self, job: Job) -> None:
        """From `received` to `planned` (or `confirmed`, when the job confirms itself). Raises `Stopped`."""
        pieces = Pieces(self._files.job(job.id))
        try:
            prepared = await self._prepare(job, pieces)
        except LayoutWrong as wrong:
            problem = {"slug": wrong.slug, "en": wrong.en, "zh": wrong.zh}
            await move_job(self._connection, job.id, ("received",), "failed", problem)
            return
        chunks = [PlannedChunk(c.number, c.piece, c.start, c.rows, c.first, c.last, False) for c in prepared.chunks]
        plan = _plan(prepared) | await self._foresee(job, chunks, pieces)
        if plan["new"] and await self._connection.fetch(_TEMPLATES["retired_among"], [job.template_id]):
            plan |= {"refused": plan["refused"] + plan["new"], "new": 0}
        plan["beyond_quota"] = await self._beyond_quota(job, plan["new"])
        totals = (prepared.rows, prepared.refused, prepared.unchanged, len(chunks))
        async with self._connection.transaction():
            await self._connection.execute(SQL["forget_chunks"], job.id)
            if not await plan_job(self._connection, job.id, "confirmed" if job.auto else "planned", totals, plan):
                raise Stopped
            await plan_chunks(self._connection, job.id, prepared.chunks)

    async def prepare_again(self, job: Job, pieces: Pieces) -> None:
        """The same rows once more, for a job that was planned before the machine was restarted."""
        prepared = await self._prepare(job, pieces)
        planned = await self._connection.fetch(SQL["all_chunks"], job.id)
        known = [(row["number"], row["row_count"], row["first_key"], row["last_key"]) for row in planned]
        if known != [(c.number, c.rows, c.first, c.last) for c in prepared.chunks]:
            raise RuntimeError(f"bulk job {job.id}: the rows are not those of the plan")

    async def _prepare(self, job: Job, pieces: Pieces) -> Prepared:
        target = await self._target(job)
        progress = _Progress()
        work = asyncio.ensure_future(
            asyncio.to_thread(prepare, self._files.upload(job.digest), job.format, target, pieces, progress.heard)
        )
        try:
            while not work.done():
                await asyncio.wait((work,), timeout=_LOOK_SECONDS)
                await self._pace.look(self._connection)
                progress.rest_seconds = 0.2 if self._pace.busy else 0.0
                await self._connection.execute(SQL["read_progress"], job.id, progress.read)
                row = await self._connection.fetchrow(SQL["job_state"], job.id)
                if row["state"] != job.state:
                    progress.stopped.set()
            return work.result()
        finally:
            progress.stopped.set()
            await asyncio.gather(work, return_exceptions=True)

    async def _beyond_quota(self, job: Job, new: int | None) -> int | None:
        """How many of the new rows there would be no allowance for; None where it is not known how many are new."""
        room = await self._quotas.room(job) if self._quotas and new else None
        return max(new - room, 0) if room is not None and new else new and 0

    async def _target(self, job: Job) -> Target:
        row = await self._connection.fetchrow(_DIRECTORY["one_prefix"], job.prefix)
        prefix = _prefix(row)
        templates, drafts = [], []
        if job.format != "xlsx":  # each row may name a template of its own
            templates = [_in_use(one) for one in await self._connection.fetch(_DIRECTORY["all_templates"])]
            drafts = await self._connection.fetch(_TEMPLATES["drafts_of"], prefix.enterprise_id)
        template = None
        if job.template_id is not None:
            template = _in_use(await self._connection.fetchrow(_DIRECTORY["template_by_id"], job.template_id))
        by_key, draft_keys = {one.key: one for one in templates}, frozenset(one["key"] for one in drafts)
        return Target(prefix, template, job.mapping or {}, by_key, draft_keys, await self._may_withdraw(job))

    async def _may_withdraw(self, job: Job) -> bool:
        """Whether the key that sent the file has the scope for rows that come in withdrawn."""
        actor = await self._connection.fetchrow(SQL["actor_of_job"], job.id)
        scopes = ROLE_SCOPES[Role(actor["role"])]
        return Scope.WITHDRAW in scopes and (actor["scopes"] is None or Scope.WITHDRAW in actor["scopes"])

    async def _foresee(self, job: Job, chunks: Sequence[PlannedChunk], pieces: Pieces) -> dict[str, Any]:
        """How many rows are new, the same, changed; skipped (None) for a job that confirms itself: it is about to know."""
        rows = sum(chunk.rows for chunk in chunks)
        samples: dict[str, list[str]] = {"new": [], "same": [], "changed": []}
        if job.auto:
            return {
                "new": None,
                "same": None,
                "changed": None,
                "samples": samples,
                "estimated_seconds": _estimate(rows, 0),
            }
        new = same = withdrawn = 0
        held = -1
        for chunk in chunks:
            if held != chunk.piece:
                frame = await asyncio.to_thread(pieces.read, chunk.piece)
                held = chunk.piece
            part = frame.slice(chunk.start, chunk.rows)
            counted = await count_chunk(self._connection, chunk, part)
            new, same, withdrawn = new + counted[0], same + counted[1], withdrawn + counted[2]
            if min(map(len, samples.values())) < SAMPLES and chunk.number < 50:
                await sample_chunk(self._connection, part, samples, SAMPLES)
            state = await self._connection.fetchrow(SQL["job_state"], job.id)
            if state["state"] != job.state:
                raise Stopped
        return {
            "new": new,
            "same": same,
            "changed": rows - new - same - withdrawn,
            "withdrawn": withdrawn,
            "samples": samples,
            "estimated_seconds": _estimate(new, rows - new),
        }


class _Progress:
    """Between the thread that reads and the task that watches it."""

    def __init__(self) -> None:
        self.read = 0
        self.rest_seconds = 0.0
        self.stopped = threading.Event()

    def heard(self, read: int) -> None:
        """Called by the thread after each block. Raises `Stopped`."""
        self.read = max(self.read, read)
        if self.stopped.is_set():
            raise Stopped
        if self.rest_seconds:
            time.sleep(self.rest_seconds)


def _in_use(row: Any) -> Template:
    """A template as if it were not retired: what that costs which row is known when it is merged."""
    return replace(template_from_row(row), retired=False)


def _prefix(row: Any) -> Prefix:
    return Prefix(
        row["prefix"], row["shown"], row["enterprise_id"], row["enterprise_name"], row["suffix_case_sensitive"],
        row["suspended"],
    )  # fmt: skip


def _plan(prepared: Prepared) -> dict[str, Any]:
    return {
        "rows": prepared.rows,
        "refused": prepared.refused,
        "repeated": prepared.unchanged,
        "encoding": prepared.encoding,
        "columns": prepared.columns,
        "unknown_columns": list(prepared.unknown_columns)[:100],
        "refused_samples": [
            {
                "row": one.row,
                "identifier": one.identifier,
                "column": one.column,
                "slug": one.slug,
                "zh": one.zh,
                "en": one.en,
            }
            for one in prepared.refused_samples
        ],
        "seconds": {stage: round(seconds, 3) for stage, seconds in prepared.seconds.items()},
    }


def _estimate(new: int, standing: int) -> float:
    return round(new / _NEW_PER_SECOND + standing / _STANDING_PER_SECOND, 1)
