"""The HTTP door of the registry: applications. Applicants come without a key, and go on with the token they were given."""

from __future__ import annotations

import math
import time

from aiohttp import web

from core.arrivals import Arrivals
from core.errors import ApplicationsTooMany, ApplicationUnknown
from core.web import REQUEST_ID, json_answer, read_at_most, read_object, source_of, whole_number
from registry.applications.access import Caller, applicant_of
from registry.applications.form import MEMBERS
from registry.applications.images import ENDINGS, MAX_IMAGE_BYTES
from registry.applications.states import Move
from registry.applications.token import BEGINNING, read_token
from registry.doors import REGISTRY
from registry.doors import caller as key_holder
from registry.room import Registry
from registry.store import Keyless, Origin
from registry.verbs.apply import apply
from registry.verbs.approve_application import APPROVE_MEMBERS, approve_application
from registry.verbs.change_enterprise import CHANGE_MEMBERS, change_enterprise
from registry.verbs.edit_application import edit_application, put_application_image
from registry.verbs.fetch_first_key import fetch_first_key
from registry.verbs.move_application import REASON_MEMBERS, move_application
from registry.verbs.read_application import list_applications, read_application
from registry.verbs.view_personal_data import view_image, view_personal_data

ARRIVALS: web.AppKey[Arrivals] = web.AppKey("arrivals", Arrivals)
MAX_PAGE, DEFAULT_PAGE = 500, 50
MAX_BODY_BYTES = 256 * 1024  # of what anybody may send
_NO_STORE = {"Cache-Control": "no-store"}
_ALL, _ONE = "/api/v1/applications", "/api/v1/applications/{id}"
_MOVES = (Move.SUBMIT, Move.REVIEW, Move.RETURN, Move.REJECT, Move.WITHDRAW, Move.RETRY)


def add_routes(app: web.Application) -> None:
    app.router.add_post(_ALL, post_application)
    app.router.add_get(_ALL, get_applications)
    for move in _MOVES:
        app.router.add_post(f"{_ONE}:{move}", post_move)
    app.router.add_post(f"{_ONE}:approve", post_approve)
    app.router.add_post(f"{_ONE}:change", post_change)
    app.router.add_post(f"{_ONE}:first-key", post_first_key)
    app.router.add_get(_ONE, get_application)
    app.router.add_patch(_ONE, patch_application)
    app.router.add_get(f"{_ONE}/personal-data", get_personal_data)
    app.router.add_put(f"{_ONE}/images/{{kind}}", put_image)
    app.router.add_get(f"{_ONE}/images/{{kind}}", get_image)


def limit_arrivals(request: web.Request) -> None:
    """Raises `ApplicationsTooMany`."""
    wait = request.app[ARRIVALS].take(source_of(request), time.monotonic())
    if wait > 0:
        raise ApplicationsTooMany(
            "Too many applications came from your address",
            "来自您地址的申请过多",
            headers={"Retry-After": str(math.ceil(wait))},
        )


async def post_application(request: web.Request) -> web.Response:
    limit_arrivals(request)
    body = await read_object(request, MEMBERS, MAX_BODY_BYTES)
    made = await apply(request.app[REGISTRY], _keyless(request), body)
    return json_answer(made, status=201, headers=_NO_STORE | {"Location": f"{_ALL}/{made['id']}"})


async def get_applications(request: web.Request) -> web.Response:
    registry, principal, _ = await key_holder(request)
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    before = whole_number(request, "before", default=2**39, least=1, most=2**39)
    page = await list_applications(registry, principal, request.query.get("state"), before, limit)
    return json_answer(page, headers=_NO_STORE)


async def get_application(request: web.Request) -> web.Response:
    registry, caller, _ = await _caller(request)
    return json_answer(await read_application(registry, caller, _number(request)), headers=_NO_STORE)


async def patch_application(request: web.Request) -> web.Response:
    registry, caller, origin = await _caller(request)
    body = await read_object(request, MEMBERS - {"state"}, MAX_BODY_BYTES)
    return json_answer(await edit_application(registry, caller, origin, _number(request), body), headers=_NO_STORE)


async def post_move(request: web.Request) -> web.Response:
    registry, caller, origin = await _caller(request)
    move = Move(request.match_info.route.resource.canonical.rpartition(":")[2])  # type: ignore[union-attr]
    body = await read_object(request, REASON_MEMBERS) if request.can_read_body else {}
    return json_answer(
        await move_application(registry, caller, origin, _number(request), move, body), headers=_NO_STORE
    )


async def post_change(request: web.Request) -> web.Response:
    registry, principal, origin = await key_holder(request)
    body = await read_object(request, CHANGE_MEMBERS, MAX_BODY_BYTES)
    return json_answer(await change_enterprise(registry, principal, origin, _number(request), body), headers=_NO_STORE)


async def post_approve(request: web.Request) -> web.Response:
    registry, caller, origin = await _caller(request)
    body = await read_object(request, APPROVE_MEMBERS) if request.can_read_body else {}
    return json_answer(await approve_application(registry, caller, origin, _number(request), body), headers=_NO_STORE)


async def post_first_key(request: web.Request) -> web.Response:
    registry, caller, origin = await _caller(request)
    made = await fetch_first_key(registry, caller, origin, _number(request))
    return json_answer(made, status=201, headers=_NO_STORE)


async def get_personal_data(request: web.Request) -> web.Response:
    registry, caller, origin = await _caller(request)
    fields = request.query.get("fields")
    return json_answer(await view_personal_data(registry, caller, origin, _number(request), fields), headers=_NO_STORE)


async def put_image(request: web.Request) -> web.Response:
    registry, caller, origin = await _caller(request)
    content = await read_at_most(request, MAX_IMAGE_BYTES)
    kind = request.match_info["kind"]
    return json_answer(await put_application_image(registry, caller, origin, _number(request), kind, content))


async def get_image(request: web.Request) -> web.Response:
    """Never shown by the browser as a page of this node: a file to be saved, of the type that its content has."""
    registry, caller, origin = await _caller(request)
    number, kind = _number(request), request.match_info["kind"]
    media_type, content = await view_image(registry, caller, origin, number, kind)
    name = f"application-{number}-{kind}.{ENDINGS[media_type]}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"}
    return web.Response(body=content, headers={"Content-Type": media_type} | headers | _NO_STORE)


async def _caller(request: web.Request) -> tuple[Registry, Caller, Origin | Keyless]:
    """By the token of an application, or by a key. Raises as `registry.doors.caller` does."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and text.strip().startswith(BEGINNING):
        registry = request.app[REGISTRY]
        return registry, await applicant_of(registry, read_token(text.strip())), _keyless(request)
    return await key_holder(request)


def _keyless(request: web.Request) -> Keyless:
    return Keyless(source_of(request), request[REQUEST_ID])


def _number(request: web.Request) -> int:
    text = request.match_info["id"]
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    raise ApplicationUnknown()
