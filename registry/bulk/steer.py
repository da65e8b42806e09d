"""Look after a job: read, list, confirm, cancel, pause, resume. Each call is for the owner of the prefix or an operator."""

from __future__ import annotations

from core.access import Principal, Scope, require_owner, require_scope, require_writer
from core.database import store_errors
from core.errors import BulkJobState, BulkJobUnknown
from core.identifier import fold_case
from registry.bulk.jobs import OPEN, SQL, Job, move_job, page_of_jobs, read_job
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.read import named_prefix

MAX_ID = 2**63 - 1
_STEPS = {
    # what is asked: states it is good in, state it leads to
    "confirm": (("planned",), "confirmed"),
    "cancel": (OPEN, "cancelled"),
}
_ALREADY = {
    "confirm": ("confirmed", "merging", "done"),
    "cancel": ("cancelled",),
    "pause": ("paused",),
    "resume": ("received", "planned", "confirmed", "merging", "done"),
}


async def find_job(registry: Registry, principal: Principal, job_id: int, scope: Scope = Scope.READ_PRIVATE) -> Job:
    """One job. Errors: `BulkJobUnknown`, `PrefixNotYours`, `ScopeNotEnough`, `StoreUnavailable`."""
    with store_errors():
        job = await read_job(registry.pool, job_id) if job_id <= MAX_ID else None
    if job is None:
        raise BulkJobUnknown(f"There is no bulk job {job_id}", f"不存在编号为 {job_id} 的批量任务")
    require_owner(principal, await registry.directory.fresh_prefix(job.prefix), job.prefix_shown, scope)
    return job


async def list_jobs(
    registry: Registry, principal: Principal, prefix_text: str | None, before: int, limit: int, digest: bytes | None
) -> list[Job]:
    """Newest first. Errors: `ParameterInvalid`, `PrefixNotYours`, `StoreUnavailable`."""
    named = named_prefix(prefix_text)
    prefix = require_owner(principal, await registry.directory.fresh_prefix(fold_case(named)), named)
    with store_errors():
        return await page_of_jobs(registry.pool, prefix.key, before, limit, digest)


async def steer(registry: Registry, principal: Principal, origin: Origin, job_id: int, step: str) -> Job:
    """`confirm`, `cancel`, `pause` or `resume`; asked again, the same answer. Takes effect at the next chunk.

    Errors: `BulkJobUnknown`, `PrefixNotYours`, `ScopeNotEnough` (as to make a job), `PrefixSuspended`, `BulkJobState`, `StoreUnavailable`.
    """
    job = await find_job(registry, principal, job_id, Scope.REGISTER)
    require_scope(principal, Scope.REVISE)
    if step in ("confirm", "resume"):
        require_writer(principal, await registry.directory.fresh_prefix(job.prefix), job.prefix_shown, Scope.REGISTER)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            if step == "pause":
                moved = await connection.fetchval(SQL["pause_job"], job_id, None) is not None
            elif step == "resume":
                moved = await connection.fetchval(SQL["resume_job"], job_id) is not None
            else:
                moved = await move_job(connection, job_id, *_STEPS[step])
            if moved:
                line = AuditLine(origin, f"bulk-{step}", f"{job.prefix_shown} job {job_id}", 0)
                await write_audit(connection, [line])
        found = await read_job(registry.pool, job_id)
    assert found is not None  # jobs are never deleted
    if not moved and found.state not in _ALREADY[step]:
        raise BulkJobState(
            f"The job is {found.state}; {step} is not possible now",
            f"任务当前状态为 {found.state}，无法执行 {step}",
            state=found.state,
        )
    return found
