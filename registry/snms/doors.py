"""Identifiers at the SNMS door: one, and up to 2,000."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from core.access import Principal
from core.errors import BodyInvalid, BodyTooLarge, FieldProblem, IdentifierUnknown, ParameterInvalid
from core.web import read_json
from registry.room import Registry
from registry.snms.batches import MAX_BATCH, Verdict, change_many, create_many, remove_many
from registry.snms.edge import caller, failed, succeeded
from registry.snms.envelope import NOT_FOUND, SUCCESS, missing, sentence
from registry.snms.items import MAX_HANDLE, detail, handle_of, named_handle
from registry.snms.writing import change, create, find, named, remove
from registry.store import Origin

_Many = Callable[[Registry, Principal, Origin, list[Any]], Awaitable[list[Verdict]]]
_DATA = "/identityv2/data"


def add_routes(app: web.Application) -> None:
    app.router.add_get(f"{_DATA}/detail", get_detail)
    app.router.add_get("/api/identityv2/query/data", get_detail)
    app.router.add_post(_DATA, post_data)
    app.router.add_put(_DATA, put_data)
    app.router.add_delete(_DATA, delete_data)
    app.router.add_post(f"{_DATA}/batchCreate", batch_create)
    app.router.add_put(f"{_DATA}/batchUpdate", batch_update)
    app.router.add_delete(f"{_DATA}/batchDelete", batch_delete)


async def get_detail(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    handle = request.query.get("handle", "")
    if not handle:
        raise ParameterInvalid(errors=(missing("handle"),))
    if len(handle) > MAX_HANDLE:
        en, zh = f"must be at most {MAX_HANDLE} characters", f"最多 {MAX_HANDLE} 个字符"
        raise ParameterInvalid(errors=(FieldProblem("handle", "text-invalid", en, zh),))
    record = await find(registry, principal, named(handle))
    return succeeded(detail(record, await registry.directory.template_of(record)))


async def post_data(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    await create(registry, principal, origin, await read_json(request))
    return succeeded(True)


async def put_data(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    await change(registry, principal, origin, await read_json(request))
    return succeeded(True)


async def delete_data(request: web.Request) -> web.Response:
    """The handle stands in the body; some clients cannot send one with DELETE, and put it into the query."""
    registry, principal, origin = await caller(request)
    asked = request.query.get("handle")
    handle = asked or named_handle(await read_json(request))
    try:
        await remove(registry, principal, origin, handle)
    except IdentifierUnknown as unknown:
        return failed(unknown, NOT_FOUND)
    return succeeded(True)


async def batch_create(request: web.Request) -> web.Response:
    return await _batch(request, create_many, _verdict)


async def batch_update(request: web.Request) -> web.Response:
    return await _batch(request, change_many, _verdict)


async def batch_delete(request: web.Request) -> web.Response:
    return await _batch(request, remove_many, _deleted)


async def _batch(request: web.Request, work: _Many, shown: Callable[[Any, Verdict], dict[str, Any]]) -> web.Response:
    registry, principal, origin = await caller(request)
    items = await read_json(request)
    if not isinstance(items, list) or not items:
        en, zh = "must be a list that is not empty", "必须是数组且不为空"
        raise BodyInvalid(errors=(FieldProblem("", "list-invalid", en, zh),))
    if len(items) > MAX_BATCH:
        raise BodyTooLarge(
            f"{len(items)} items; at most {MAX_BATCH} in one request",
            f"共 {len(items)} 条，单次最多支持 {MAX_BATCH} 条",
            limit=MAX_BATCH,
        )
    verdicts = await work(registry, principal, origin, items)
    return succeeded([shown(item, verdict) for item, verdict in zip(items, verdicts, strict=True)])


def _verdict(item: Any, problem: Verdict) -> dict[str, Any]:
    shown: dict[str, Any] = {"handle": handle_of(item), "msg": sentence(problem) if problem else SUCCESS}
    return shown | ({"error": problem.slug} if problem else {})


def _deleted(handle: Any, problem: Verdict) -> dict[str, Any]:
    return {"code": problem.snms_status if problem else 1} | _verdict(handle, problem)
