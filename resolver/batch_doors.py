"""Batch resolution: `POST /api/v1/resolve`. A list in one body, or lines in and lines out without end (NDJSON)."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any, cast

import orjson
from aiohttp import web

from core.errors import (
    AliasLoop,
    BodyInvalid,
    FieldProblem,
    IdentifierMalformed,
    IdentifierUnknown,
    NotResponsible,
    PrefixNotAnswering,
    Problem,
    StoreUnavailable,
    VersionNotReached,
)
from core.exchange import Ask, json_body, json_bytes_of
from core.identifier import Identifier, parse_identifier
from core.problems import brief
from core.visibility import ANYBODY, Viewer
from core.web import BODY_LIMIT, REQUEST_ID, ask_of, read_at_most, web_answer
from resolver.answers import handle_answer, withdrawn_answer
from resolver.doors import RESOLVER
from resolver.foreign_items import Foreign, ask_onwards
from resolver.memory import Entry
from resolver.preflight import preflight
from resolver.ready_items import ReadyItems, found_item
from resolver.recursion import filtered
from resolver.referral import Referred, referral_answer
from resolver.referring import count_referral
from resolver.representations import headers_for, ready_answer, shown
from resolver.room import Resolver, require_version
from resolver.usage.tally import Door
from resolver.wishes import Wishes, wishes_of

MAX_BATCH = 1_000
LINES = "application/x-ndjson"
_ONE_REFUSED = (
    AliasLoop,
    IdentifierMalformed,
    IdentifierUnknown,
    NotResponsible,
    PrefixNotAnswering,
    StoreUnavailable,
    VersionNotReached,
)
_PATH = "/api/v1/resolve"
_MOST_LIST_BYTES = 2 * 1024 * 1024  # nearly all of the longest list, with an escape for each byte, is below it
_AT_ONCE = 500  # lines
_MAX_LINE = 2_048  # bytes: an identifier of 255, were each byte an escape, and its quotes


def add_routes(app: web.Application) -> None:
    app.router.add_post(_PATH, resolve_many)
    app.router.add_route("OPTIONS", _PATH, preflight)


async def resolve_many(request: web.Request) -> web.StreamResponse:
    """`{"identifiers": […]}` or a bare list: one answer each, in order. With `application/x-ndjson`: see `_stream`.

    Raises `BodyTooLarge`, `BodyNotJson`, `BodyInvalid`."""
    resolver = request.app[RESOLVER]
    if request.content_type == LINES:
        return await _stream(request, resolver)
    ask = ask_of(request, await read_at_most(request, min(_MOST_LIST_BYTES, request.app[BODY_LIMIT])))
    viewer = await resolver.viewer(ask)
    answers = await _answers(resolver, ask, viewer, _asked(json_body(ask.body)), wishes_of(ask))
    body = b'{"items":[' + b",".join(answers) + b"]}"
    return web_answer(json_bytes_of(body, headers=headers_for(resolver, viewer)))


async def _answers(resolver: Resolver, ask: Ask, viewer: Viewer, asked: list[str], wishes: Wishes) -> list[bytes]:
    """The JSON of one answer for each, in order. What lies ready for anybody is taken as it is; the rest is looked up."""
    answers: list[bytes | None] = [None] * len(asked)
    if viewer is ANYBODY and wishes.plain:
        answers = ReadyItems(resolver, ask).take(asked)
    away = [position for position, answer in enumerate(answers) if answer is None]
    rest = await _looked_up(resolver, ask, viewer, [asked[position] for position in away], wishes)
    for position, told in zip(away, rest, strict=True):
        answers[position] = told if isinstance(told, bytes) else orjson.dumps(told)
    return cast("list[bytes]", answers)


async def _looked_up(
    resolver: Resolver, ask: Ask, viewer: Viewer, asked: list[str], wishes: Wishes
) -> list[dict[str, Any] | bytes]:
    answers: list[dict[str, Any] | bytes] = [b""] * len(asked)
    keys: dict[int, str] = {}
    foreign: dict[int, Identifier] = {}
    for position, text in enumerate(asked):
        try:
            keys[position] = resolver.key(parse_identifier(text))
        except (*_ONE_REFUSED, Referred) as elsewhere:
            answers[position] = _elsewhere(resolver, ask, text, elsewhere, position, foreign)
    entries = await resolver.find_many(list(keys.values()), wishes)
    for (position, key), entry in zip(keys.items(), entries, strict=True):
        text = asked[position]
        if isinstance(entry, Exception):
            answers[position] = _refused(text, _of_store(entry))
            continue
        resolver.count(ask, Door.BATCH, key, entry)
        try:
            answers[position] = await _batch_answer(resolver, viewer, text, entry, wishes)
        except (*_ONE_REFUSED, Referred) as elsewhere:
            answers[position] = _elsewhere(resolver, ask, text, elsewhere, position, foreign)
    if resolver.recursion is not None and foreign:
        for position, said in (await ask_onwards(resolver.recursion, foreign)).items():
            answers[position] = _foreign(asked[position], said, wishes)
    return answers


def _elsewhere(
    resolver: Resolver, ask: Ask, text: str, why: Exception, position: int, foreign: dict[int, Identifier]
) -> dict[str, Any]:
    """The item of what is not answered here, itself or where its aliases lead. What is foreign joins `foreign`, by position."""
    if isinstance(why, Referred):
        count_referral(resolver, ask, Door.BATCH, why)
        return _referred(text, why)
    assert isinstance(why, Problem)
    if isinstance(why, NotResponsible) and resolver.recursion is not None:
        foreign[position] = parse_identifier(str(why.extra["handle"]))
    return _refused(text, why)


def _of_store(wrong: Exception) -> StoreUnavailable:
    """What is no error of the store is one of ours, and no answer to one identifier."""
    if not isinstance(wrong, StoreUnavailable):
        raise wrong
    return wrong


async def _stream(request: web.Request, resolver: Resolver) -> web.StreamResponse:
    """Lines, an identifier each, bare or as JSON text; a line of answer for each, in order.

    Only the lines of one turn are held, so their number has no limit, and a reader that does not read slows the sender
    down. A line that cannot be read is answered in its place. The last line is `{"summary": {"lines": n}}`: without it the
    answer was broken off. Where answers may be stale the header says so, and the summary, which knows of what came later:
    `"stale"` is the most seconds that any of them was.
    """
    ask = ask_of(request)
    viewer = await resolver.viewer(ask)
    wishes, stale = wishes_of(ask), resolver.lookup.stale_seconds
    headers = {"Content-Type": LINES, "X-Request-Id": request[REQUEST_ID], **headers_for(resolver, viewer)}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    count = 0
    async for lines in _turns(request.content.iter_any()):
        answers = await _answers(resolver, ask, viewer, [_identifier_of(line) for line in lines], wishes)
        stale = max(stale, resolver.lookup.stale_seconds)
        await response.write(b"\n".join((*answers, b"")))
        count += len(lines)
    summary = {"lines": count} | ({"stale": math.ceil(stale)} if stale else {})
    await response.write(orjson.dumps({"summary": summary}) + b"\n")
    await response.write_eof()
    return response


async def _turns(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Lines in bounded lists, each as soon as it is there: who waits for an answer before the next line gets it. Empty ones are
    passed over, and one that is too long ends where it is cut."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        rest = rest[: _MAX_LINE + 1]
        waiting = [line for line in (line.strip() for line in whole) if line]
        for begin in range(0, len(waiting), _AT_ONCE):
            yield waiting[begin : begin + _AT_ONCE]
    if rest.strip():
        yield [rest.strip()]


def _identifier_of(line: bytes) -> str:
    """The text of a line; what is neither JSON text nor UTF-8 comes out as something that no identifier is."""
    if len(line) > _MAX_LINE:
        return line[:80].decode(errors="replace") + "…"
    if line.startswith(b'"'):
        try:
            return str(orjson.loads(line))
        except orjson.JSONDecodeError:
            pass
    return line.decode(errors="replace")


async def _batch_answer(
    resolver: Resolver, viewer: Viewer, asked: str, entry: Entry | None, wishes: Wishes
) -> dict[str, Any] | bytes:
    if entry is None:
        return _refused(asked, IdentifierUnknown())
    require_version(entry.record, wishes)
    if entry.aliased:
        entry, _ = await resolver.follow(entry, wishes)
    record = entry.record
    if record.withdrawn:
        return {"identifier": asked, "status": "withdrawn", **withdrawn_answer(record)}
    if viewer is ANYBODY and not (wishes.types or wishes.indexes):
        return found_item(asked, ready_answer(resolver, entry))
    return {"identifier": asked, "status": "found", **handle_answer(record, shown(resolver, viewer, record, wishes))}


def _foreign(asked: str, said: Foreign, wishes: Wishes) -> dict[str, Any]:
    """What another node said; no resolution of this one."""
    if isinstance(said, Problem):
        return _refused(asked, said)
    return {
        "identifier": asked,
        "status": "found",
        **filtered(said, wishes.types, wishes.indexes),
        "answered_by": "recursion",
    }


def _referred(asked: str, referred: Referred) -> dict[str, Any]:
    return {"identifier": asked, "status": "referred", **referral_answer(referred)}


def _refused(asked: str, problem: Problem) -> dict[str, Any]:
    words = {IdentifierUnknown: "unknown", IdentifierMalformed: "malformed", NotResponsible: "not-responsible"}
    words |= {PrefixNotAnswering: "suspended", AliasLoop: "alias-loop", VersionNotReached: "version-not-reached"}
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
