"""The HTTP door of bulk jobs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from aiohttp import BodyPartReader, web

from core.errors import BodyInvalid, BulkFilesAway, BulkJobUnknown, FieldProblem, ParameterInvalid
from core.web import json_answer, now, whole_number
from registry.bulk.files import BulkFiles
from registry.bulk.jobs import Job
from registry.bulk.receive import Asked, receive_file
from registry.bulk.steer import MAX_ID, find_job, list_jobs, steer
from registry.bulk.verdicts import others, refused_csv, refused_ndjson
from registry.bulk.view import job_view
from registry.doors import caller

MAX_PAGE, DEFAULT_PAGE = 200, 50
_EVENT_SECONDS = 0.5
_KEEP_ALIVE_SECONDS = 15.0
_READ_BYTES = 1 * 2**20
_DIGEST = re.compile("[0-9a-f]{64}")
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class BulkDoor:
    """What the calls work with beside the registry. `limit_bytes` of an upload."""

    files: BulkFiles
    limit_bytes: int


BULK: web.AppKey[BulkDoor] = web.AppKey("bulk", BulkDoor)


def add_routes(app: web.Application) -> None:
    app.router.add_post("/api/v1/bulk-jobs", post_job)
    app.router.add_get("/api/v1/bulk-jobs", get_jobs)
    app.router.add_get("/api/v1/bulk-jobs/{id}", get_job)
    for step in ("confirm", "cancel", "pause", "resume"):
        app.router.add_post(f"/api/v1/bulk-jobs/{{id}}/{step}", post_step)
    app.router.add_get("/api/v1/bulk-jobs/{id}/verdicts", get_verdicts)
    app.router.add_get("/api/v1/bulk-jobs/{id}/events", get_events)


async def post_job(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    door, query = request.app[BULK], request.query
    name, kind, chunks = await _body(request)
    asked = Asked(
        query.get("prefix"), query.get("template"), query.get("format"), query.get("auto") in ("1", "true"),
        query.get("mapping"), kind, query.get("file_name", name), request.content_length,
    )  # fmt: skip
    job, made = await receive_file(registry, door.files, principal, origin, asked, chunks, door.limit_bytes)
    return _answer(job, status=202 if made else 200, location=f"/api/v1/bulk-jobs/{job.id}")


async def get_jobs(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    before = whole_number(request, "before", default=MAX_ID, least=1, most=MAX_ID)
    digest = _digest(request.query.get("sha256"))
    jobs = await list_jobs(registry, principal, request.query.get("prefix"), before, limit, digest)
    items = [job_view(job, now()) for job in jobs]
    return json_answer({"items": items, "next": jobs[-1].id if len(jobs) == limit else None}, headers=_NO_STORE)


async def get_job(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    return _answer(await find_job(registry, principal, _job_id(request)))


async def post_step(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    step = request.path.rpartition("/")[2]
    return _answer(await steer(registry, principal, origin, _job_id(request), step))


async def get_verdicts(request: web.Request) -> web.StreamResponse:
    """CSV, or NDJSON where `Accept` asks for it."""
    registry, principal, _ = await caller(request)
    job = await find_job(registry, principal, _job_id(request))
    directory = request.app[BULK].files.job(job.id)
    if job.planned_at is not None and job.rows and not directory.is_dir():
        raise BulkFilesAway()
    as_json = "ndjson" in request.headers.get("Accept", "")
    pieces = [refused_ndjson(directory) if as_json else refused_csv(directory)]
    if request.query.get("all") in ("1", "true"):
        pieces.append(others(directory, as_json=as_json))
    kind = "application/x-ndjson" if as_json else "text/csv"
    ending = "ndjson" if as_json else "csv"
    response = web.StreamResponse(
        headers={
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="bulk-{job.id}-verdicts.{ending}"',
            **_NO_STORE,
        }
    )
    await response.prepare(request)
    for piece in pieces:
        while octets := await asyncio.to_thread(next, piece, b""):
            await response.write(octets)
    await response.write_eof()
    return response


async def get_events(request: web.Request) -> web.StreamResponse:
    """Server-sent events: the job whenever it has changed, until it ends."""
    registry, principal, _ = await caller(request)
    job = await find_job(registry, principal, _job_id(request))
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8", **_NO_STORE})
    await response.prepare(request)
    said, silent = b"", 0.0
    while True:
        view = orjson.dumps(job_view(job, now()) | {"seconds_left": None})
        if view != said:
            await response.write(b"event: job\ndata: " + orjson.dumps(job_view(job, now())) + b"\n\n")
            said, silent = view, 0.0
        elif silent >= _KEEP_ALIVE_SECONDS:
            await response.write(b": still there\n\n")
            silent = 0.0
        if job.ended:
            break
        await asyncio.sleep(_EVENT_SECONDS)
        silent += _EVENT_SECONDS
        job = await find_job(registry, principal, job.id)
    await response.write_eof()
    return response


async def _body(request: web.Request) -> tuple[str | None, str, AsyncIterator[bytes]]:
    """File name, media type, and the bytes of the file: the body itself, or the first file of a form."""
    if request.content_type != "multipart/form-data":
        return None, request.content_type, request.content.iter_chunked(_READ_BYTES)
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if isinstance(part, BodyPartReader) and part.filename:
            return unquote(part.filename), part.headers.get("Content-Type", "").partition(";")[0], _part(part)
    raise BodyInvalid(errors=(FieldProblem("", "file-missing", "the form has no file", "表单中没有文件"),))


async def _part(part: Any) -> AsyncIterator[bytes]:
    while octets := await part.read_chunk(_READ_BYTES):
        yield octets


def _job_id(request: web.Request) -> int:
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise BulkJobUnknown()
    return int(text)


def _digest(text: str | None) -> bytes | None:
    if text is None:
        return None
    if not _DIGEST.fullmatch(text):
        problem = FieldProblem("sha256", "digest-invalid", "must be 64 hexadecimal digits", "必须是 64 位十六进制数字")
        raise ParameterInvalid(errors=(problem,))
    return bytes.fromhex(text)


def _answer(job: Job, *, status: int = 200, location: str | None = None) -> web.Response:
    headers = _NO_STORE | ({"Location": location} if location else {})
    return json_answer(job_view(job, now()), status=status, headers=headers)
