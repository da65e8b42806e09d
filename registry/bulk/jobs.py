"""The rows of `bulk_job` and `bulk_chunk`. Knows SQL, no HTTP and no rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from core.sqlfiles import load_sql

SQL = load_sql("registry", "bulk.sql")
OPEN = ("received", "planned", "confirmed", "merging", "paused")
ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Job:
    """One row of `bulk_job`. `prefix` is the key; `mapping` None: by the names of the template."""

    id: int
    digest: bytes
    size_bytes: int
    file_name: str | None
    prefix: str
    prefix_shown: str
    template_id: int | None
    template: str | None
    format: str
    mapping: dict[str, str] | None
    auto: bool
    actor: int
    source: str | None
    request_id: str | None
    state: str
    paused_from: str | None
    created_at: datetime
    planned_at: datetime | None
    merging_at: datetime | None
    finished_at: datetime | None
    bytes_read: int
    rows: int
    chunks: int
    chunks_done: int
    created: int
    unchanged: int
    changed: int
    refused: int
    plan: dict[str, Any] | None
    problem: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Wish:
    """A job to be."""

    identity: bytes
    digest: bytes
    size_bytes: int
    file_name: str | None
    prefix: str
    template_id: int | None
    format: str
    mapping: dict[str, str] | None
    auto: bool


@dataclass(frozen=True, slots=True)
class PlannedChunk:
    """One row of `bulk_chunk`."""

    number: int
    piece: int
    start: int
    rows: int
    first: str
    last: str
    finished: bool


async def create_job(connection: Any, wish: Wish, actor: int, source: str | None, request_id: str) -> int | None:
    """The id of the new job; None when there is one like it."""
    made: int | None = await connection.fetchval(
        SQL["create_job"], wish.identity, wish.digest, wish.size_bytes, wish.file_name, wish.prefix, wish.template_id,
        wish.format, _json(wish.mapping), wish.auto, actor, source, request_id,
    )  # fmt: skip
    return made


async def same_job(pool: Any, identity: bytes) -> int | None:
    found: int | None = await pool.fetchval(SQL["same_job"], identity)
    return found


async def read_job(pool: Any, job_id: int) -> Job | None:
    row = await pool.fetchrow(SQL["read_job"], job_id)
    return _job(row) if row else None


async def page_of_jobs(pool: Any, prefix: str, before: int, limit: int, digest: bytes | None) -> list[Job]:
    return [_job(row) for row in await pool.fetch(SQL["page_of_jobs"], prefix, before, limit, digest)]


async def move_job(
    connection: Any, job_id: int, states: Sequence[str], state: str, problem: dict[str, Any] | None = None
) -> bool:
    """Whether the job was in one of `states` and is in `state` now."""
    moved = await connection.fetchval(SQL["move_job"], job_id, list(states), state, _json(problem))
    return moved is not None


async def plan_job(connection: Any, job_id: int, state: str, totals: tuple[int, int, int, int], plan: Any) -> bool:
    """`totals` are rows, refused, unchanged, chunks. False when the job is no longer `received`."""
    return await connection.fetchval(SQL["plan_job"], job_id, state, *totals, _json(plan)) is not None


async def plan_chunks(connection: Any, job_id: int, chunks: Sequence[Any]) -> None:
    columns = [(c.number, c.piece, c.start, c.rows, c.first, c.last) for c in chunks]
    if columns:
        await connection.execute(SQL["plan_chunks"], job_id, *map(list, zip(*columns, strict=True)))


async def all_chunks(connection: Any, job_id: int) -> list[PlannedChunk]:
    return [PlannedChunk(*row) for row in await connection.fetch(SQL["all_chunks"], job_id)]


def _job(row: Any) -> Job:
    plain = {name: row[name] for name in Job.__dataclass_fields__ if name not in ("mapping", "plan", "problem")}
    loaded = {name: _loaded(row[f"{name}_text"]) for name in ("mapping", "plan", "problem")}
    return Job(**plain, **loaded)


def _loaded(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def _json(data: Any) -> str | None:
    return None if data is None else orjson.dumps(data).decode()
