"""The public HTTP doors: Handle JSON, the negotiated address of an identifier, and batch resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from core.directory import Directory
from core.errors import (
    BodyInvalid,
    FieldProblem,
    IdentifierGone,
    IdentifierMalformed,
    IdentifierUnknown,
    NotResponsible,
    ParameterInvalid,
    Problem,
    StoreUnavailable,
)
from core.identifier import Identifier, parse_identifier
from core.negotiation import etag_matches, wants
from core.page import html_response
from core.problems import brief
from core.record import Record
from core.values import HandleValue
from core.visibility import ANYBODY, Viewer, visible
from core.web import REST_OF_PATH, identifier_in_path, json_answer, json_bytes, now, preferred_language, read_json
from resolver.answers import (
    chosen,
    handle_answer,
    handle_body,
    public_values,
    redirect_target,
    withdrawn_answer,
)
from resolver.lookup import Lookup
from resolver.memory import Entry
from resolver.pages import record_page, withdrawn_page

MAX_BATCH = 1_000
_OPEN = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache", "Vary": "Accept, Accept-Language"}

_PRIVATE = {"Cache-Control": "private, no-store", "Vary": "Authorization, Accept, Accept-Language"}


@dataclass(frozen=True, slots=True)
class Resolver:
    """What the doors need. `node_prefix` has ASCII letters in upper case."""

    lookup: Lookup
    directory: Directory
    node_prefix: str
    node_name: str

    def key(self, identifier: Identifier) -> str:
        """The canonical key by the rule of the identifier's prefix. Raises `NotResponsible` for foreign prefixes."""
        prefix = self.directory.prefix(identifier.prefix_key)
        if prefix is not None:
            return identifier.key(prefix.suffix_case_sensitive)
        if (identifier.prefix_key + ".").startswith(self.node_prefix + "."):
            return identifier.key()
        raise NotResponsible(
            f"The prefix {identifier.prefix} is not served by this node, which has {self.node_prefix}",
            f"本节点（{self.node_prefix}）不提供前缀 {identifier.prefix} 的解析",
            handle=str(identifier),
            responseCode=NotResponsible.handle_code,
        )

    async def viewer(self, request: web.Request) -> Viewer:
        """Who is reading. Without a key anybody; a wrong key is refused, not taken for none."""
        sent = request.headers.get("Authorization")
        if sent is None:
            return ANYBODY
        return await self.directory.viewer(await self.directory.principal(sent, now()))

    def values(self, record: Record, viewer: Viewer) -> list[HandleValue]:
        """What this viewer may see of the record."""
        prefix = self.directory.prefix(record.key.partition("/")[0])
        return visible(record, viewer, prefix.enterprise_id if prefix else None, now())

    async def entry(self, identifier: Identifier) -> Entry:
        """The record, withdrawn or not. Raises `IdentifierUnknown`, `NotResponsible`, `StoreUnavailable`."""
        found = await self.lookup.find(self.key(identifier))
        if found is None:
            raise IdentifierUnknown(
                f"{identifier} is not registered here",
                f"{identifier} 未在本节点注册",
                handle=str(identifier),
                responseCode=IdentifierUnknown.handle_code,
            )
        return found


RESOLVER: web.AppKey[Resolver] = web.AppKey("resolver", Resolver)


def add_routes(app: web.Application) -> None:
    """The catch-all comes last: whatever no other door takes is read as an identifier, but for mistakes under /api/."""
    app.router.add_get(f"/api/handles/{{identifier:{REST_OF_PATH}}}", handle_json)
    app.router.add_post("/api/v1/resolve", resolve_many)
    app.router.add_get(f"/{{identifier:(?!api/){REST_OF_PATH}}}", negotiated)


async def handle_json(request: web.Request) -> web.Response:
    """`GET /api/handles/{identifier}?type=&index=`: the Handle.Net JSON form; a key shows what its holder may see."""
    resolver = request.app[RESOLVER]
    viewer = await resolver.viewer(request)
    entry = await resolver.entry(_identifier(request, "/api/handles/"))
    types, indexes = request.query.getall("type", []), _indexes(request)
    return _record_json(request, resolver, viewer, entry, types, indexes)


async def negotiated(request: web.Request) -> web.Response:
    """`GET /{identifier}`: JSON for a program, a redirect where there is a URL value, else a page."""
    resolver = request.app[RESOLVER]
    identifier = _identifier(request, "/")
    kind = wants(request.headers.get("Accept", ""))
    viewer = await resolver.viewer(request)
    entry = await resolver.entry(identifier)
    record = entry.record
    if kind != "json" and not record.withdrawn and "noredirect" not in request.query:
        target = redirect_target(public_values(record))
        if target is not None:
            return web.Response(status=302, headers={"Location": target, **_headers(resolver, record)})
    if kind == "html":
        return _page(request, resolver, record)
    return _record_json(request, resolver, viewer, entry, [], set())


async def resolve_many(request: web.Request) -> web.Response:
    """`POST /api/v1/resolve` with `{"identifiers": […]}`: one answer each, in order."""
    resolver = request.app[RESOLVER]
    viewer = await resolver.viewer(request)
    asked = _asked(await read_json(request))
    answers: list[dict[str, Any]] = [{} for _ in asked]
    keys: dict[int, str] = {}
    for position, text in enumerate(asked):
        try:
            keys[position] = resolver.key(parse_identifier(text))
        except (IdentifierMalformed, NotResponsible) as problem:
            answers[position] = _refused(text, problem)
    entries = await resolver.lookup.find_many(list(keys.values()))
    for position, entry in zip(keys, entries, strict=True):
        answers[position] = _batch_answer(resolver, viewer, asked[position], entry)
    return json_answer({"items": answers}, headers=_stale_header(resolver) | _openness(viewer))


def _identifier(request: web.Request, before: str) -> Identifier:
    try:
        return identifier_in_path(request, before)
    except IdentifierMalformed as wrong:
        wrong.extra["responseCode"] = wrong.handle_code
        raise


def _record_json(
    request: web.Request, resolver: Resolver, viewer: Viewer, entry: Entry, types: list[str], indexes: set[int]
) -> web.Response:
    record = entry.record
    if record.withdrawn:
        raise IdentifierGone(
            f"{record.identifier} was withdrawn: {record.reason}",
            f"{record.identifier} 已注销：{record.reason}",
            headers=_headers(resolver, record),
            **withdrawn_answer(record),
        )
    headers = _headers(resolver, record, viewer)
    if etag_matches(request.headers.get("If-None-Match", ""), record.etag, weakly=True):
        return web.Response(status=304, headers=headers)
    if types or indexes or viewer is not ANYBODY:
        values = chosen(resolver.values(record, viewer), types, indexes)
        return json_answer(handle_answer(record, values), headers=headers)
    if entry.body is None:
        resolver.lookup.keep_body(entry, handle_body(record))
    assert entry.body is not None
    return json_bytes(entry.body, headers=headers)


def _batch_answer(
    resolver: Resolver, viewer: Viewer, asked: str, entry: Entry | StoreUnavailable | None
) -> dict[str, Any]:
    if entry is None:
        return _refused(asked, IdentifierUnknown())
    if isinstance(entry, StoreUnavailable):
        return _refused(asked, entry)
    record = entry.record
    if record.withdrawn:
        return {"identifier": asked, "status": "withdrawn", **withdrawn_answer(record)}
    return {"identifier": asked, "status": "found", **handle_answer(record, resolver.values(record, viewer))}


def _refused(asked: str, problem: Problem) -> dict[str, Any]:
    words = {IdentifierUnknown: "unknown", IdentifierMalformed: "malformed", NotResponsible: "not-responsible"}
    status = words.get(type(problem), "unavailable")
    problem.extra.clear()
    return {"identifier": asked, "status": status, "responseCode": problem.handle_code, "problem": brief(problem)}


def _asked(body: Any) -> list[str]:
    """The identifiers of a batch: a bare list, or the member `identifiers`. Raises `BodyInvalid`."""
    asked = body.get("identifiers") if isinstance(body, dict) else body
    if not isinstance(asked, list) or not asked or len(asked) > MAX_BATCH:
        raise BodyInvalid(
            errors=(
                FieldProblem(
                    "identifiers",
                    "list-invalid",
                    f"must be a list of 1 to {MAX_BATCH} identifiers",
                    f"必须是 1 到 {MAX_BATCH} 个标识的数组",
                ),
            )
        )
    problems = tuple(
        FieldProblem(f"identifiers[{position}]", "not-text", "must be text", "必须是文本")
        for position, text in enumerate(asked)
        if not isinstance(text, str)
    )
    if problems:
        raise BodyInvalid(errors=problems)
    return asked


def _indexes(request: web.Request) -> set[int]:
    texts = request.query.getall("index", [])
    wrong = [
        text for text in texts if not (text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) < 2**32)
    ]
    if wrong:
        raise ParameterInvalid(
            errors=tuple(
                FieldProblem(
                    "index", "index-invalid", f"'{text[:20]}' is not a value index", f"“{text[:20]}”不是有效的值索引"
                )
                for text in wrong
            ),
            responseCode=ParameterInvalid.handle_code,
        )
    return {int(text) for text in texts}


def _headers(resolver: Resolver, record: Record, viewer: Viewer = ANYBODY) -> dict[str, str]:
    return {"ETag": record.etag, **_openness(viewer), **_stale_header(resolver)}


def _openness(viewer: Viewer) -> dict[str, str]:
    """What one reader was shown, no cache may give to another."""
    return _OPEN if viewer is ANYBODY else _OPEN | _PRIVATE


def _stale_header(resolver: Resolver) -> dict[str, str]:
    """RFC 9111 §5.5 retired `Warning`, but it is what clients of this field know; the second one is plain."""
    stale = resolver.lookup.stale_seconds
    if not stale:
        return {}
    return {"Warning": '110 biaojie "Response is Stale"', "Biaojie-Stale-Seconds": f"{stale:.0f}"}


def _page(request: web.Request, resolver: Resolver, record: Record) -> web.Response:
    """For people. Without an ETag: the tag names the JSON answer, and a page has two languages."""
    language, query = preferred_language(request), request.rel_url.raw_query_string
    headers = {**_OPEN, **_stale_header(resolver)}
    if record.withdrawn:
        page = withdrawn_page(resolver.directory, record, resolver.node_name, language, query)
        return html_response(page, 410, headers)
    stale = resolver.lookup.stale_seconds
    return html_response(
        record_page(resolver.directory, record, resolver.node_name, language, stale, query), 200, headers
    )
