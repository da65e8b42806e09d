"""The HTTP JSON interface of Handle clients, where it changes things: `PUT` and `DELETE /api/handles/{handle}`, lists, sessions.

Administrators come by Basic, a session or a certificate (`registry.handle.http_login`); a key of the node is taken as well.
`GET /api/handles/{handle}` is a door of the resolver.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from core.errors import FieldProblem, NotResponsible, PageUnknown, ParameterInvalid, Problem
from core.exchange import ANY_ORIGIN, json_body
from core.handle.administration import PREFIX_RECORDS, Acting, Administrator
from core.identifier import MAX_BYTES, decode_path, fold_case
from core.problems import MEDIA_TYPE, document
from core.tls import client_certificate, is_confidential
from core.web import (
    REQUEST_ID,
    REST_OF_PATH,
    TRUSTED_PROXIES,
    identifier_in_path,
    json_answer,
    now,
    preferred_language,
    read_at_most,
    read_json,
    source_of,
    whole_number,
)
from registry.handle.acting import KeyHolder
from registry.handle.administration import HandleAdministration
from registry.handle.authorization import MAX_HEADER, body_parameters, scheme_of
from registry.handle.http_login import HttpCall, HttpLogin, octets_of_base64
from registry.handle.listing import COUNTED, MAX_PAGE, READ_AT_MOST
from registry.handle.sessions import Session
from registry.handle.wishes import indexes_of, read_values, writing_of
from registry.room import Registry
from registry.verbs.read import named_prefix

HANDLES = "/api/handles/"
ROOT = f"{PREFIX_RECORDS}/"
_PRIVATE = {"Cache-Control": "private, no-store", **ANY_ORIGIN}
_SUCCESS = 1


@dataclass(frozen=True, slots=True)
class HandleDoor:
    """One for each worker. `certificate_header` is where a trusted proxy puts the certificate of a client, empty: nowhere;
    `site` gives the HS_SITE of this node in JSON form, `sign` a signature by the key that stands in it (RSA, SHA-256), None where
    none does."""

    registry: Registry
    administration: HandleAdministration
    login: HttpLogin
    certificate_header: str
    site: Callable[[], dict[str, Any]]
    sign: Callable[[bytes], Awaitable[bytes | None]]


HANDLE: web.AppKey[HandleDoor] = web.AppKey("handle", HandleDoor)
_Handler = Callable[[web.Request], Awaitable[web.Response]]


def add_routes(app: web.Application) -> None:
    one = f"{HANDLES}{{identifier:{REST_OF_PATH}}}"
    app.router.add_put(one, _told(put_handle))
    app.router.add_delete(one, _told(delete_handle))
    names = _with_or_without_slash(app, "/api/handles")
    names.add_route("GET", _told(list_handles))
    names.add_route("HEAD", _told(list_handles))
    _with_or_without_slash(app, "/api/sessions").add_route("POST", _told(post_session))
    app.router.add_get("/api/sessions/this", _told(this_session))
    app.router.add_put("/api/sessions/this", _told(this_session))
    app.router.add_post("/api/sessions/this", _told(this_session))
    app.router.add_delete("/api/sessions/this", _told(delete_session))
    app.router.add_get("/api/site", _told(get_site))
    app.router.add_get("/api/prefixes", _told(list_prefixes))


class _Slashed(web.DynamicResource):
    """One address, whether or not a slash is written behind it."""

    @property
    def canonical(self) -> str:
        return super().canonical.partition("{")[0]


def _with_or_without_slash(app: web.Application, path: str) -> _Slashed:
    """Clients write both."""
    resource = _Slashed(f"{path}{{slash:/?}}")
    app.router.register_resource(resource)
    return resource


async def administrator_of(request: web.Request) -> Administrator:
    """Who calls. Errors: those of `HttpLogin.administrator`, and of the directory for a key."""
    door = request.app[HANDLE]
    call = http_call(request)
    if scheme_of(call.authorization) != "bearer":
        try:
            return await door.login.administrator(call)
        except Problem as wrong:
            wrong.extra.setdefault("responseCode", wrong.handle_code)  # said by whichever door it was that asked
            raise
    principal = await door.registry.directory.principal(call.authorization, now(), call.source)
    return KeyHolder("", "", 0, principal)


def http_call(request: web.Request, told: dict[str, str] | None = None) -> HttpCall:
    door, trusted = request.app[HANDLE], request.app[TRUSTED_PROXIES]
    certificate = client_certificate(request, door.certificate_header, trusted)
    confidential = is_confidential(request, trusted)
    return HttpCall(request.headers.get("Authorization"), confidential, source_of(request), certificate, told or {})


async def _session_call(request: web.Request) -> HttpCall:
    """The same where the body may speak in place of the header. Raises `BodyTooLarge`, `BodyNotJson`."""
    body = await read_at_most(request, MAX_HEADER) if request.content_type == "application/json" else b""
    return http_call(request, body_parameters(json_body(body)) if body.strip() else {})


async def put_handle(request: web.Request) -> web.Response:
    """201 where the record, or each of the values named by `index`, is new; else 200."""
    door, acting = await _asked(request)
    wish = writing_of(request)
    named = _beginning(request) if wish.mint else _named(request)
    values = read_values(await read_json(request), named, wish)
    administration = door.administration
    if wish.indexes is not None:
        made = await administration.add(acting, named, values, overwrite=wish.overwrite)
    else:
        made = await administration.create(acting, named, values, overwrite=wish.overwrite, mint=wish.mint)
    return _success(made.name, 201 if made.created else 200)


async def delete_handle(request: web.Request) -> web.Response:
    """The record is withdrawn; with `index` values are taken away."""
    door, acting = await _asked(request)
    named, indexes = _named(request), indexes_of(request)
    if indexes:
        await door.administration.remove(acting, named, sorted(indexes))
    else:
        await door.administration.delete(acting, named)
    return _success(named)


async def list_handles(request: web.Request) -> web.Response:
    """`prefix`, `page` from 0, `pageSize`: 0 only counts. A page is read in order from the beginning, so only so far. Without a
    page all names are told, where they are not too many for one answer."""
    acting = _acting(request, await administrator_of(request))
    administration = request.app[HANDLE].administration
    asked = request.query.get("prefix", "")
    prefix = named_prefix(asked[len(ROOT) :] if fold_case(asked[: len(ROOT)]) == ROOT else asked)
    wanted = _page_of(request)
    page, size = wanted or (0, COUNTED)
    total = await administration.count(acting, prefix)
    if wanted is None and total > COUNTED:
        en, zh = f"there are more than {COUNTED} names: ask page by page", f"标识超过 {COUNTED} 个，请分页查询"
        raise ParameterInvalid(errors=(FieldProblem("pageSize", "page-needed", en, zh),))
    handles = await administration.page(acting, prefix, page, size) if size else []
    told = {"responseCode": _SUCCESS, "prefix": prefix, **_counted(total, wanted), "handles": handles}
    return json_answer(told, headers=_PRIVATE)


def _counted(total: int, page: tuple[int, int] | None) -> dict[str, Any]:
    return {"totalCount": str(total)} | ({"page": page[0], "pageSize": page[1]} if page else {})


def _page_of(request: web.Request) -> tuple[int, int] | None:
    """(page, items of a page); None where no pages are wanted. Raises `ParameterInvalid`."""
    size = _number(request, "pageSize", MAX_PAGE)
    page = _number(request, "page", READ_AT_MOST // max(size or 1, 1)) if "page" in request.query else 0
    return None if size is None or page is None else (page, size)


def _number(request: web.Request, name: str, most: int) -> int | None:
    """None where it is left out or negative, by which clients say that they want no pages."""
    text = request.query.get(name, "-1")
    if text[:1] == "-" and text[1:].isdigit():
        return None
    return whole_number(request, name, default=0, least=0, most=most)


async def post_session(request: web.Request) -> web.Response:
    """Who sends a `cnonce` along is told that this is the node: nonce and `cnonce`, signed by the key of its HS_SITE."""
    door, call = request.app[HANDLE], await _session_call(request)
    named, session = await door.login.begin(call)
    told = _session_json(named, session)
    cnonce = octets_of_base64(call.parameters.get("cnonce", ""))
    if cnonce and (signature := await door.sign(session.nonce + cnonce)):
        told |= {"serverAlg": "SHA256", "serverSignature": base64.b64encode(signature).decode()}
    return json_answer(told, status=201, headers=_PRIVATE)


async def this_session(request: web.Request) -> web.Response:
    """What the session is, after what header or body prove."""
    named, session = await request.app[HANDLE].login.session(await _session_call(request))
    return json_answer(_session_json(named, session), headers=_PRIVATE)


async def delete_session(request: web.Request) -> web.Response:
    login = request.app[HANDLE].login
    named, _ = await login.session(http_call(request))
    await login.sessions.end(named)
    return web.Response(status=204, headers=_PRIVATE)


async def get_site(request: web.Request) -> web.Response:
    """What clients need to find and to check this node."""
    return json_answer(request.app[HANDLE].site(), headers=ANY_ORIGIN)


async def list_prefixes(request: web.Request) -> web.Response:
    """The records of the prefixes that are answered here: those after the one named by `after`, or a page by its number."""
    homed = request.app[HANDLE].administration.homed
    told: dict[str, Any] = {"responseCode": _SUCCESS}
    if (wanted := _page_of(request)) is not None:
        page, size = wanted
        everything = await homed(None, "", READ_AT_MOST)
        told |= {**_counted(len(everything), wanted), "prefixes": everything[page * size : (page + 1) * size]}
    else:
        limit = whole_number(request, "limit", default=MAX_PAGE, least=1, most=MAX_PAGE)
        told |= {"prefixes": await homed(None, request.query.get("after", "")[:100], limit)}
    return json_answer(told, headers=ANY_ORIGIN)


async def _asked(request: web.Request) -> tuple[HandleDoor, Acting]:
    """The door, and who acts: that comes before anything else, so that a stranger learns nothing."""
    return request.app[HANDLE], _acting(request, await administrator_of(request))


def _named(request: web.Request) -> str:
    """The handle of the path. Raises as `identifier_in_path`."""
    return str(identifier_in_path(request, HANDLES))


def _beginning(request: web.Request) -> str:
    """What a name that is made here begins with, which may be its prefix alone. Raises as `identifier_in_path`."""
    raw = request.rel_url.raw_path
    if not raw.startswith(HANDLES):
        raise PageUnknown()
    return decode_path(raw.removeprefix(HANDLES))


def _acting(request: web.Request, administrator: Administrator) -> Acting:
    return Acting(administrator, source_of(request), request[REQUEST_ID])


def _success(handle: str, status: int = 200) -> web.Response:
    return json_answer({"responseCode": _SUCCESS, "handle": handle}, status=status, headers=_PRIVATE)


def _session_json(named: str, session: Session) -> dict[str, Any]:
    told: dict[str, Any] = {"sessionId": named, "nonce": base64.b64encode(session.nonce).decode()}
    if session.administrator is not None:
        told |= {"authenticated": True, "id": str(session.administrator)}
    return told


def _told(handler: _Handler) -> _Handler:
    """Problems as Handle clients read them: a response code beside our own members; what is wrong with a body is 400."""

    async def told(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except Problem as problem:
            return _problem(request, problem)

    return told


def _problem(request: web.Request, problem: Problem) -> web.Response:
    status = 400 if problem.status == 422 or problem.handle_code == NotResponsible.handle_code else problem.status
    body = document(problem, language=preferred_language(request), request_id=request.get(REQUEST_ID, ""))
    body |= {"status": status, "responseCode": problem.handle_code, "message": problem.en}
    if "identifier" in request.match_info:  # as it was named: who is refused learns nothing else
        body["handle"] = request.match_info["identifier"][:MAX_BYTES]
    headers = {"Content-Type": MEDIA_TYPE, **_PRIVATE, **problem.headers}
    return web.Response(body=orjson.dumps(body), status=status, headers=headers)
