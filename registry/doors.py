"""The HTTP door of the registry: identifiers. Reads the request, calls one verb, renders what it says."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from aiohttp import web

from core.access import Principal
from core.errors import BodyInvalid, BodyTooLarge, Conflict, FieldProblem, Problem
from core.exchange import Answer, Ask, json_body, json_of
from core.fast_doors import Doors
from core.identifier import encode_path
from core.negotiation import etag_matches, wants
from core.problems import brief
from core.record import Record
from core.web import (
    REQUEST_ID,
    REST_OF_PATH,
    identifier_in_path,
    json_answer,
    now,
    read_json,
    read_object,
    source_of,
    web_answer,
    whole_ask,
)
from registry.room import Registry
from registry.store import Origin
from registry.verbs.read import read_one
from registry.verbs.register import Registered, register, register_batch
from registry.verbs.revise import revise
from registry.views import owner_view

REGISTRY: web.AppKey[Registry] = web.AppKey("registry", Registry)
MAX_BATCH = 10_000
IDENTIFIERS_PATH = "/api/v1/identifiers/"


def add_routes(app: web.Application) -> None:
    app.router.add_post("/api/v1/identifiers", _post_identifier)
    app.router.add_post("/api/v1/identifiers:batch", post_batch)
    app.router.add_get(f"{IDENTIFIERS_PATH}{{identifier:{REST_OF_PATH}}}", get_identifier)
    app.router.add_put(f"{IDENTIFIERS_PATH}{{identifier:{REST_OF_PATH}}}", put_identifier)


async def caller(request: web.Request) -> tuple[Registry, Principal, Origin]:
    """Who calls, checked. Raises `CredentialMissing`, `CredentialWrong`, `SourceNotAllowed`, `RateLimited`,
    `StoreUnavailable`."""
    registry, source = request.app[REGISTRY], source_of(request)
    principal = await registry.directory.principal(request.headers.get("Authorization"), now(), source)
    return registry, principal, Origin(principal.key, source, request[REQUEST_ID])


def add_fast_doors(doors: Doors, registry: Registry) -> None:
    doors.add_post("/api/v1/identifiers", lambda ask: _fast_post_identifier(registry, ask))


async def post_identifier(registry: Registry, ask: Ask) -> Answer:
    """`POST /api/v1/identifiers`: register one; 201 where it is new, 200 where it was so already."""
    principal = await registry.directory.principal(ask.headers.get("authorization"), now(), ask.source)
    origin = Origin(principal.key, ask.source, ask.request_id)
    done = await register(registry, principal, origin, json_body(ask.body))
    return await record_answer(registry, done.record, 201 if done.created else 200)


async def _post_identifier(request: web.Request) -> web.Response:
    return web_answer(await post_identifier(request.app[REGISTRY], await whole_ask(request)))


def _fast_post_identifier(registry: Registry, ask: Ask) -> Awaitable[Answer] | None:
    """Browsers are told what is wrong by a page: not on this lane."""
    return None if wants(ask.headers.get("accept", "")) == "html" else post_identifier(registry, ask)


async def post_batch(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, frozenset(("items",)))
    items = body.get("items")
    if not isinstance(items, list) or not items:
        raise BodyInvalid(
            errors=(FieldProblem("items", "list-invalid", "must be a list of items", "必须是数组且不为空"),)
        )
    if len(items) > MAX_BATCH:
        raise BodyTooLarge(
            f"{len(items)} items; at most {MAX_BATCH} in one request",
            f"共 {len(items)} 项，单次最多 {MAX_BATCH} 项",
            limit=MAX_BATCH,
        )
    results = await register_batch(registry, principal, origin, items)
    verdicts = [_verdict(item, result) for item, result in zip(items, results, strict=True)]
    counts = dict.fromkeys(("created", "unchanged", "conflict", "invalid"), 0)
    for verdict in verdicts:
        counts[verdict["verdict"]] += 1
    return json_answer({"counts": counts, "items": verdicts})


async def get_identifier(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    record = await read_one(registry, principal, identifier_in_path(request, IDENTIFIERS_PATH))
    if etag_matches(request.headers.get("If-None-Match", ""), record.etag, weakly=True):
        return web.Response(status=304, headers={"ETag": record.etag})
    return web_answer(await record_answer(registry, record, 200))


async def put_identifier(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    identifier = identifier_in_path(request, IDENTIFIERS_PATH)
    body = await read_json(request)
    record = await revise(registry, principal, origin, identifier, body, request.headers.get("If-Match"))
    return web_answer(await record_answer(registry, record, 200))


async def record_answer(registry: Registry, record: Record, status: int) -> Answer:
    headers = {"ETag": record.etag, "Cache-Control": "private, no-cache"}
    if status == 201:
        headers["Location"] = IDENTIFIERS_PATH + encode_path(record.identifier)
    return json_of(owner_view(record, await registry.directory.template_of(record)), status, headers)


def _verdict(item: Any, result: Registered | Problem) -> dict[str, Any]:
    if isinstance(result, Registered):
        word = "created" if result.created else "unchanged"
        return {"identifier": result.record.identifier, "verdict": word, "version": result.record.version}
    named = item.get("identifier") if isinstance(item, dict) else None
    word = "conflict" if isinstance(result, Conflict) else "invalid"
    return {"identifier": named if isinstance(named, str) else None, "verdict": word, "reason": brief(result)}
