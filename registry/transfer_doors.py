"""The HTTP door of the registry: transfers between enterprises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from core.errors import TransferUnknown
from core.web import json_answer, now, read_object, whole_number
from registry.doors import caller
from registry.transfers.states import Move
from registry.transfers.wishes import TRANSFER_MEMBERS
from registry.verbs.move_transfer import move_transfer
from registry.verbs.offer_transfer import offer_transfer
from registry.verbs.read import DEFAULT_PAGE, MAX_PAGE
from registry.verbs.read_transfers import MAX_ID, find_transfer, list_transfers

TRANSFERS_PATH = "/api/v1/transfers"


def add_routes(app: web.Application) -> None:
    app.router.add_post(TRANSFERS_PATH, post_transfer)
    app.router.add_get(TRANSFERS_PATH, get_transfers)
    app.router.add_get(TRANSFERS_PATH + "/{id}", get_transfer)
    for move in (Move.CONFIRM, Move.ACCEPT, Move.DECLINE, Move.CANCEL):
        app.router.add_post(f"{TRANSFERS_PATH}/{{id}}:{move}", _mover(move))


async def post_transfer(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, TRANSFER_MEMBERS)
    made = await offer_transfer(registry, principal, origin, body, now())
    return json_answer(made.view, status=201, headers={"Location": f"{TRANSFERS_PATH}/{made.id}"})


async def get_transfers(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    before = whole_number(request, "before", default=0, least=0, most=MAX_ID)
    found = await list_transfers(registry, principal, request.query, before, limit)
    return json_answer({"items": [one.view for one in found], "next": found[-1].id if len(found) == limit else None})


async def get_transfer(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    return json_answer((await find_transfer(registry, principal, _id(request))).view)


def _mover(move: Move) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def post_move(request: web.Request) -> web.Response:
        registry, principal, origin = await caller(request)
        return json_answer((await move_transfer(registry, principal, origin, _id(request), move)).view)

    return post_move


def _id(request: web.Request) -> int:
    text = request.match_info["id"]
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    raise TransferUnknown()
