"""Logging in at the SNMS door, and the application identities that may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from core.errors import BodyInvalid, FieldProblem
from core.web import json_answer, now, read_json, read_object, source_of
from registry.doors import caller as key_holder
from registry.snms.edge import LOGIN, succeeded
from registry.snms.envelope import missing
from registry.snms.login import MAX_PASSWORD, MAX_USERNAME
from registry.verbs.app_identity import IDENTITY_MEMBERS, issue_identity, revoke_identity

_LogIn = Callable[[str, str, str, datetime], Awaitable[str]]


def add_routes(app: web.Application) -> None:
    app.router.add_post("/identity/token", post_token)
    app.router.add_post("/identity/token/v1", post_token_v1)
    app.router.add_post("/api/v1/app-identities", post_identity)
    app.router.add_delete("/api/v1/app-identities/{key_id}", delete_identity)


async def post_token(request: web.Request) -> web.Response:
    return await _token(request, request.app[LOGIN].with_secret)


async def post_token_v1(request: web.Request) -> web.Response:
    return await _token(request, request.app[LOGIN].with_hash)


async def post_identity(request: web.Request) -> web.Response:
    registry, principal, origin = await key_holder(request)
    content, made = await issue_identity(registry, principal, origin, await read_object(request, IDENTITY_MEMBERS))
    return json_answer(content, status=201 if made else 200, headers={"Cache-Control": "no-store"})


async def delete_identity(request: web.Request) -> web.Response:
    registry, principal, origin = await key_holder(request)
    return json_answer(await revoke_identity(registry, principal, origin, request.match_info["key_id"]))


async def _token(request: web.Request, log_in: _LogIn) -> web.Response:
    body = await read_json(request)
    problems: list[FieldProblem] = []
    username = _credential(body, "username", MAX_USERNAME, problems)
    password = _credential(body, "password", MAX_PASSWORD, problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return succeeded({"token": await log_in(username, password, source_of(request) or "", now())})


def _credential(body: Any, name: str, most: int, problems: list[FieldProblem]) -> str:
    text = body.get(name) if isinstance(body, dict) else None
    if text is None or text == "":
        problems.append(missing(name))
    elif not isinstance(text, str) or len(text) > most:
        en, zh = f"must be text of at most {most} characters", f"必须是最多 {most} 个字符的文本"
        problems.append(FieldProblem(name, "text-invalid", en, zh))
    else:
        return text
    return ""
