"""Orders of the top level over signed HTTP: `/ntln/v1/takeover/orders`. Who has no pinned key is refused."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from core.database import store_errors
from core.errors import BodyNotJson, BodyTooLarge
from core.web import read_at_most
from sync.operations.envelope import error
from sync.operations.shapes import MEDIA_TYPE, MOST_DOCUMENT_BYTES
from sync.signing.keys import Signer, Verifier
from sync.signing.message import Message, SignatureMalformed, read_parameters
from sync.signing.request import NONCE_SECONDS, SignatureRefused, check_request, signed_reply
from sync.takeover.handing_back import HandingBack
from sync.takeover.order_book import SQL, Said
from sync.takeover.orders import Orders

PATH = "/ntln/v1/takeover/orders"


@dataclass(frozen=True, slots=True)
class OrderDesk:
    """Where orders and offers are answered, and what signs the answers."""

    orders: Orders
    handing_back: HandingBack
    signer: Signer


@dataclass(frozen=True, slots=True)
class TakeoverDoor:
    """`desk` None: this node peers with nobody, or no key is pinned."""

    pool: Any
    keys: Mapping[str, Verifier]
    desk: OrderDesk | None = None


TAKEOVER: web.AppKey[TakeoverDoor] = web.AppKey("takeover", TakeoverDoor)


def add_routes(app: web.Application) -> None:
    app.router.add_post(PATH, receive)
    app.router.add_get(PATH + "/{order}", status)
    app.router.add_post(PATH + "/{order}/handback", hand_back)


async def receive(request: web.Request) -> web.Response:
    """A signed order; the acceptance, or 202 while an operator has not decided. Errors: those of `idis-ops/1`,
    `StoreUnavailable`."""
    return await _served(request, lambda desk, body: desk.orders.receive(body))


async def status(request: web.Request) -> web.Response:
    """How an order stands. Errors: as `receive`."""
    order = request.match_info["order"]
    return await _served(request, lambda desk, _: desk.orders.status(order))


async def hand_back(request: web.Request) -> web.Response:
    """A signed offer; whether resolution is taken back. Errors: as `receive`."""
    order = request.match_info["order"]
    return await _served(request, lambda desk, body: desk.handing_back.hand_back(order, body))


async def _served(request: web.Request, answer: Callable[[OrderDesk, bytes], Awaitable[Said]]) -> web.Response:
    door = request.app[TAKEOVER]
    body = b""
    if request.method == "POST":
        if request.content_type != MEDIA_TYPE:
            return _plain("bad-message")
        try:
            body = await read_at_most(request, MOST_DOCUMENT_BYTES)
        except (BodyTooLarge, BodyNotJson):
            return _plain("bad-message")
    with store_errors():
        if door.desk is None or not await _is_signed(door, request, body):
            return _plain("bad-signature")
        said = await answer(door.desk, body)
    headers = signed_reply(
        door.desk.signer, said.status, said.body, MEDIA_TYPE, request_id=request.headers.get("Idis-Request-Id", ""),
        nonce=secrets.token_urlsafe(18), now=int(time.time()),
    )  # fmt: skip
    return web.Response(status=said.status, body=said.body, headers=headers)


async def _is_signed(door: TakeoverDoor, request: web.Request, body: bytes) -> bool:
    """By a pinned key, now, and for the first time."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    message = Message(headers, body, method=request.method, path=request.rel_url.raw_path)
    try:
        check_request(message, lambda _app, keyid: door.keys.get(keyid), time.time(), lambda _keyid, _nonce: True)
        parameters = read_parameters(headers.get("signature-input"))
    except (SignatureRefused, SignatureMalformed):
        return False
    await door.pool.execute(SQL["forget_nonces"], float(NONCE_SECONDS))
    told = await door.pool.execute(SQL["see_nonce"], parameters.keyid, parameters.nonce)
    return str(told).endswith(" 1")


def _plain(code: str) -> web.Response:
    status_, said = error(code)
    headers = {"WWW-Authenticate": "Signature"} if status_ == 401 else {}
    return web.Response(status=status_, body=orjson.dumps(said), content_type=MEDIA_TYPE, headers=headers)
