"""Escrow of the box over HTTP: uploads, reports, notifications, self checks, and questions about the copy that it holds."""

from __future__ import annotations

import asyncio
import base64
import os
from datetime import date
from typing import Any

from aiohttp import web

from core.errors import BodyInvalid, FieldProblem
from core.web import json_answer, read_json
from sync.escrow.documents import (
    DocumentInvalid,
    Finding,
    read_report,
    write_answer,
    write_notifications,
    write_reports,
)
from sync.escrow.names import read_file_name, read_utc
from sync.escrow.summary import write_summary
from sync.toplevel.accounts import logs_in
from sync.toplevel.escrow_agent import EscrowAgent
from sync.toplevel.escrow_codes import REPORT, finding, judge_report
from sync.toplevel.exam_doors import require_same_site
from sync.toplevel.faults import faulty
from sync.toplevel.signed_doors import DESK

AGENT: web.AppKey[EscrowAgent] = web.AppKey("agent", EscrowAgent)
_MOST_FILE_BYTES = 64 * 1024**3
_MOST_RANGES, _MOST_KEYS = 20_000, 200_000
_BLOCK = 1024 * 1024


def add_routes(app: web.Application) -> None:
    add = app.router.add_route
    add("GET", "/deposit/certificate", certificate)
    add("PUT", "/deposit/{sln}/{file}", faulty(upload))
    add("PUT", "/report/sln-escrow-report/{sln}/{id}", faulty(report))
    add("POST", "/report/escrow-agent-notification/{sln}", faulty(notification))
    add("GET", "/info/report/sln-escrow-repository/{sln}", faulty(repository))  # GET answers HEAD too
    add("HEAD", "/info/report/sln-escrow-repository/{sln}", faulty(repository))
    for method in ("GET", "HEAD"):
        add(method, "/info/report/sln-escrow-report/{sln}/{day}", faulty(reports))
        add(method, "/info/report/escrow-agent-notification/{sln}/{day}", faulty(notifications))
    add("POST", "/ops/v1/reconcile/{sln}", faulty(reconcile))
    add("POST", "/_exam/escrow", exam)


async def certificate(request: web.Request) -> web.Response:
    """Anybody's: what deposits are encrypted to."""
    return web.Response(text=await request.app[AGENT].certificate(), content_type="application/pgp-keys")


async def upload(request: web.Request) -> web.Response:
    """One file; the same again replaces it."""
    if (refused := _refusal(request)) is not None:
        return refused
    try:
        name = read_file_name(request.match_info["file"])
    except ValueError as wrong:
        return web.Response(status=400, text=str(wrong))
    if name.sln != request.match_info["sln"]:
        return web.Response(status=403, text="the file is another node's")
    agent, size = request.app[AGENT], 0
    path = agent.place(name)
    partial = path.with_name(f"{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        async for block in request.content.iter_chunked(_BLOCK):
            size += len(block)
            if size > _MOST_FILE_BYTES:
                return web.Response(status=413)
            await asyncio.to_thread(file.write, block)
    partial.replace(path)
    if name.form == "rep":
        agent.begin(name)
    return web.Response(status=201)


async def report(request: web.Request) -> web.Response:
    """2001 to 2204 with 400, 1000 with 200; the server closes the connection after its answer."""
    if (refused := _refusal(request)) is not None:
        return refused
    agent, sln, document = request.app[AGENT], request.match_info["sln"], await request.read()
    try:
        said = read_report(document)
    except DocumentInvalid as wrong:
        return _result(finding(2001, REPORT, str(wrong)))
    found = judge_report(said, request.match_info["id"], agent.known(sln))
    if found.code == 1000:
        with agent.documents.transaction():
            agent.documents.put_report(sln, said.id, said.watermark.date(), request.app[DESK].now(), document)
    return _result(found)


async def notification(request: web.Request) -> web.Response:
    """Of an agent; the box has one of its own, so this is for trying out."""
    if (refused := _refusal(request)) is not None:
        return refused
    return _result(request.app[AGENT].receive(request.match_info["sln"], await request.read()))


async def repository(request: web.Request) -> web.Response:
    if (refused := _refusal(request)) is not None:
        return refused
    agent, sln = request.app[AGENT], request.match_info["sln"]
    verdicts = agent.documents.rows("verdicts", sln)
    if not verdicts:
        return web.Response(status=404)
    known = agent.known(sln)
    return _xml(write_summary(sln, known.created, agent.copies.last_full(sln), verdicts, known.now))


async def reports(request: web.Request) -> web.Response:
    return _listed(request, "reports_of_day", write_reports)


async def notifications(request: web.Request) -> web.Response:
    return _listed(request, "notifications_of_day", write_notifications)


async def reconcile(request: web.Request) -> web.Response:
    """`ranges` [[first, end]…] → rows and sums; `between` [first, end] → keys and digests; `keys` → rows. Sums are texts: they
    have more digits than JSON readers keep."""
    if (refused := _refusal(request)) is not None:
        return refused
    copies, sln, body = request.app[AGENT].copies, request.match_info["sln"], await read_json(request)
    match body:
        case {"ranges": list(ranges)} if len(ranges) <= _MOST_RANGES and all(map(_is_range, ranges)):
            found = await asyncio.to_thread(lambda: [copies.range(sln, first, end) for first, end in ranges])
            return json_answer(
                {"base": copies.value("base", sln), "ranges": [[rows, str(total)] for rows, total in found]}
            )
        case {"between": [str(first), end]} if end is None or isinstance(end, str):
            return json_answer({"digests": copies.digests(sln, first, end, _MOST_KEYS)})
        case {"keys": list(keys)} if len(keys) <= 1_000 and all(isinstance(key, str) for key in keys):
            return json_answer({"rows": copies.content(sln, keys)})
    raise BodyInvalid(
        errors=(FieldProblem("", "exam-invalid", "must be ranges, between or keys", "应为 ranges、between 或 keys"),)
    )


async def exam(request: web.Request) -> web.Response:
    """`sln`, and what an examiner does to it: `enabled`, `created`, `certificate`, `former` ones, `sftp_key`, `forget` or `spoil` keys of the copy,
    `close_day`. Errors: `BodyInvalid`, `BodyNotJson`."""
    require_same_site(request)
    body = await read_json(request)
    said: dict[str, Any] = body if isinstance(body, dict) else {}
    sln, agent = said.get("sln"), request.app[AGENT]
    if not isinstance(sln, str) or not sln:
        raise BodyInvalid(errors=(FieldProblem("sln", "exam-invalid", "is missing", "缺少"),))
    if isinstance(said.get("certificate"), str):
        agent.introduce(sln, said["certificate"], request.app[DESK].now().date())
    with agent.documents.transaction():
        for name in ("enabled", "created", "former", "sftp_key"):
            if name in said:
                agent.documents.put_fact(sln, name, said[name])
    with agent.copies.transaction():
        for key in said.get("forget", ()):
            agent.copies.run("drop_copy", sln, key)
            agent.copies.run("drop_content", sln, key)
        for key in said.get("spoil", ()):
            agent.copies.run("put_copy", sln, key, 1)
    closed = agent.close_day(sln, date.fromisoformat(said["close_day"])) if "close_day" in said else None
    return json_answer({"sln": sln, "closed": closed.code if closed is not None else None})


def _is_range(one: Any) -> bool:
    return (
        isinstance(one, list)
        and len(one) == 2
        and isinstance(one[0], str)
        and (one[1] is None or isinstance(one[1], str))
    )


def _listed(request: web.Request, statement: str, write: Any) -> web.Response:
    if (refused := _refusal(request)) is not None:
        return refused
    found = request.app[AGENT].documents.rows(statement, request.match_info["sln"], request.match_info["day"])
    if not found:
        return web.Response(status=404)
    return _xml(write([(read_utc(at), bytes(document)) for at, document in found]))


def _refusal(request: web.Request) -> web.Response | None:
    """401 without credentials, 403 for a prefix of somebody else."""
    scheme, _, said = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(said, validate=True).decode().partition(":")
    except ValueError:
        user = password = ""
    account = logs_in(request.app[DESK].store, user, password) if scheme.lower() == "basic" else None
    if account is None:
        return web.Response(status=401, text="no credentials", headers={"WWW-Authenticate": 'Basic realm="escrow"'})
    if account["prefix"] != request.match_info["sln"]:
        return web.Response(status=403, text="another node's prefix")
    return None


def _result(found: Finding) -> web.Response:
    answer = _xml(write_answer(found), 200 if found.code == 1000 else 400)
    answer.force_close()
    return answer


def _xml(document: bytes, status: int = 200) -> web.Response:
    return web.Response(status=status, body=document, content_type="text/xml", charset="utf-8")
