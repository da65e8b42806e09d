"""Every signed door of the box: who asks is proved, then the subject answers, and faults happen where they are dialled in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from sync.epp.tree import MOST_BYTES
from sync.signing.keys import Ed25519Signer
from sync.signing.message import Message
from sync.signing.request import NONCE_SECONDS, SignatureRefused, check_request, signed_reply
from sync.toplevel.accounts import key_of
from sync.toplevel.desk import Desk

DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)
SIGNER: web.AppKey[Ed25519Signer] = web.AppKey("signer", Ed25519Signer)
_RETRY_SECONDS = "1"


@dataclass(frozen=True, slots=True)
class Told:
    """What a subject answers."""

    status: int
    body: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


def json_told(status: int, said: Any) -> Told:
    return Told(status, orjson.dumps(said), "application/json")


async def serve(
    request: web.Request,
    media_types: tuple[str, ...],
    answer: Callable[[Any, bytes], Told | Awaitable[Told]],
    most_bytes: int = MOST_BYTES,
) -> web.StreamResponse:
    """`answer(account, body)` does the thing, in a transaction of its own; what takes long may be awaited."""
    desk = request.app[DESK]
    if request.content_type not in media_types:
        return web.Response(status=415, text=media_types[0])
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return web.Response(status=413, text="too large")
    if len(body) > most_bytes:
        return web.Response(status=413, text=f"at most {most_bytes} bytes")
    if desk.dials.slow_milliseconds:
        await asyncio.sleep(desk.dials.slow_milliseconds / 1000)
    if desk.take("vanish"):
        return cut(request)
    if (refused := refusal(request, body)) is not None:
        return refused
    account = desk.store.one("account", app_id=request.headers["Idis-App-Id"])
    turns = desk.dials.http_error
    if desk.take("http_error") and turns % 2:
        return web.Response(status=desk.dials.http_status, headers={"Retry-After": _RETRY_SECONDS})
    told = answer(account, body)
    if not isinstance(told, Told):
        told = await told
    if turns:
        return web.Response(status=desk.dials.http_status, headers={"Retry-After": _RETRY_SECONDS})
    if desk.take("lose_answer"):
        return cut(request)
    if desk.take("garbage"):
        return web.Response(body=b"<html>502 Bad Gateway</html>", content_type="text/html")
    return signed(request, told)


def refusal(request: web.Request, body: bytes) -> web.Response | None:
    """401 for a signature that is not as it must be, 403 for an account that is closed; nothing is executed then."""
    desk = request.app[DESK]
    headers = {name.lower(): value for name, value in request.headers.items()}
    message = Message(headers, body, method=request.method, path=request.rel_url.raw_path)
    try:
        check_request(message, lambda app_id, keyid: key_of(desk.store, app_id, keyid), desk.seconds(), _unseen(desk))
    except SignatureRefused as wrong:
        return web.Response(status=401, text=wrong.reason, headers={"WWW-Authenticate": "Signature"})
    account: Any = desk.store.one("account", app_id=headers["idis-app-id"])
    return None if account["enabled"] else web.Response(status=403, text="the interface of this application is closed")


def _unseen(desk: Desk) -> Any:
    def unseen(keyid: str, nonce: str) -> bool:
        now = desk.seconds()
        with desk.store.transaction():
            desk.store.run("forget_nonces", before=now - NONCE_SECONDS)
            return desk.store.run("see_nonce", keyid=keyid, nonce=nonce, now=now) == 1

    return unseen


def signed(request: web.Request, told: Told) -> web.Response:
    desk, request_id = request.app[DESK], request.headers.get("Idis-Request-Id", "")
    headers = signed_reply(
        request.app[SIGNER], told.status, told.body, told.media_type,
        request_id=request_id, nonce=secrets.token_urlsafe(18), now=int(desk.seconds()),
    )  # fmt: skip
    if desk.take("bad_signature"):
        headers["Idis-Request-Id"] = f"{request_id[:32]}-another"
    return web.Response(status=told.status, body=told.body, headers={**headers, **told.headers})


def cut(request: web.Request) -> web.Response:
    """The connection is gone before a byte of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
