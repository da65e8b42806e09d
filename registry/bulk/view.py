"""A bulk job as its owner sees it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.timestamps import rfc3339
from registry.bulk.jobs import Job


def job_view(job: Job, now: datetime) -> dict[str, Any]:
    """Counts are of what is merged, and of rows that the file alone decides; `plan` says what a confirmed job will do."""
    return {
        "id": job.id,
        "prefix": job.prefix_shown,
        "template": job.template,
        "format": job.format,
        "file": {"name": job.file_name, "bytes": job.size_bytes, "sha256": job.digest.hex()},
        "auto": job.auto,
        "state": job.state,
        "rows": job.rows,
        "created": job.created,
        "unchanged": job.unchanged,
        "changed": job.changed,
        "refused": job.refused,
        "progress": round(_progress(job), 4),
        "seconds_left": _seconds_left(job, now),
        "created_at": rfc3339(job.created_at),
        "planned_at": rfc3339(job.planned_at),
        "merging_at": rfc3339(job.merging_at),
        "finished_at": rfc3339(job.finished_at),
        "plan": job.plan,
        "problem": job.problem,
    }


def _progress(job: Job) -> float:
    """Of the work at hand, 0 to 1: reading the file until the plan, then merging."""
    if job.state == "done":
        return 1.0
    if job.planned_at is None:
        return min(1.0, job.bytes_read / job.size_bytes) if job.size_bytes else 0.0
    return job.chunks_done / job.chunks if job.chunks else 0.0


def _seconds_left(job: Job, now: datetime) -> float | None:
    """By the rate so far; before the first chunk by the estimate of the plan. None while it is not known."""
    if job.ended or job.plan is None or job.state == "paused":
        return None
    if job.merging_at is not None and job.chunks_done:
        spent = (now - job.merging_at).total_seconds()
        return round(spent / job.chunks_done * (job.chunks - job.chunks_done), 1)
    estimate: float | None = job.plan.get("estimated_seconds")
    return estimate
