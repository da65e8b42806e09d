"""EPP of the box over signed HTTP: `POST /epp`, and `GET /epp` for the greeting."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from aiohttp import web

from sync.epp.tree import MOST_BYTES
from sync.signing.keys import Ed25519Signer
from sync.signing.message import Message
from sync.signing.request import MEDIA_TYPE, NONCE_SECONDS, SignatureRefused, check_request, signed_reply
from sync.toplevel.accounts import key_of
from sync.toplevel.desk import Desk

DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)
SIGNER: web.AppKey[Ed25519Signer] = web.AppKey("signer", Ed25519Signer)
_MEDIA_TYPES = (MEDIA_TYPE, "text/xml", "application/xml")
_RETRY_SECONDS = "1"


def add_routes(app: web.Application) -> None:
    app.router.add_post("/epp", epp)
    app.router.add_get("/epp", greeting)


async def greeting(request: web.Request) -> web.StreamResponse:
    desk = request.app[DESK]
    if (refused := _refusal(request, b"")) is not None:
        return refused
    return _signed(request, desk.greeting().document, replayed=False)


async def epp(request: web.Request) -> web.StreamResponse:
    """One document, one reply; faults where they are dialled in."""
    desk = request.app[DESK]
    if request.content_type not in _MEDIA_TYPES:
        return web.Response(status=415, text="application/epp+xml")
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return web.Response(status=413, text=f"at most {MOST_BYTES} bytes")
    if desk.dials.slow_milliseconds:
        await asyncio.sleep(desk.dials.slow_milliseconds / 1000)
    if desk.take("vanish"):
        return _cut(request)
    if (refused := _refusal(request, body)) is not None:
        return refused
    account = desk.store.one("account", app_id=request.headers["Idis-App-Id"])
    turns = desk.dials.http_error
    if desk.take("http_error") and turns % 2:
        return web.Response(status=desk.dials.http_status, headers={"Retry-After": _RETRY_SECONDS})
    answer = desk.answer(account, body)
    if turns:
        return web.Response(status=desk.dials.http_status, headers={"Retry-After": _RETRY_SECONDS})
    if desk.take("lose_answer"):
        return _cut(request)
    if desk.take("garbage"):
        return web.Response(body=b"<html>502 Bad Gateway</html>", content_type="text/html")
    return _signed(request, answer.document, replayed=answer.replayed)


def _refusal(request: web.Request, body: bytes) -> web.Response | None:
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


def _signed(request: web.Request, document: bytes, *, replayed: bool) -> web.Response:
    desk, request_id = request.app[DESK], request.headers.get("Idis-Request-Id", "")
    headers = signed_reply(
        request.app[SIGNER], 200, document, MEDIA_TYPE,
        request_id=request_id, nonce=secrets.token_urlsafe(18), now=int(desk.seconds()),
    )  # fmt: skip
    if desk.take("bad_signature"):
        headers["Idis-Request-Id"] = f"{request_id[:32]}-another"
    if replayed:
        headers["Idis-Replayed"] = "true"
    return web.Response(body=document, headers=headers)


def _cut(request: web.Request) -> web.Response:
    """The connection is gone before a byte of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
