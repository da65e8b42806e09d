"""The HTTP door of the registry: data templates. The last part of a POST is the verb, so a template whose identifier ends in
`:publish` is published by writing it twice; no identifier of a template ends in `/schema`."""

from __future__ import annotations

import hashlib

import orjson
from aiohttp import web

from core.errors import BodyInvalid, FieldProblem, IdentifierMalformed, ParameterInvalid
from core.identifier import Identifier, encode_path, parse_identifier
from core.negotiation import etag_matches
from core.parameters import Parameters
from core.template_life import State
from core.web import REST_OF_PATH, identifier_in_path, json_answer, json_bytes, read_object, whole_number
from registry.doors import REGISTRY, caller
from registry.fields import read_text
from registry.template_schema import schema
from registry.template_store import Held
from registry.template_views import line, whole
from registry.template_wish import CHANGE_MEMBERS, MEMBERS, SCHEMA_PATH, VERSION_MEMBERS
from registry.verbs.change_template import retire_template
from registry.verbs.derive_template import create_template, new_version
from registry.verbs.draft_template import change, delete_draft
from registry.verbs.publish_template import publish_draft
from registry.verbs.read import DEFAULT_PAGE, MAX_PAGE, named_prefix
from registry.verbs.read_templates import list_templates, read_template

TEMPLATES = "/api/v1/templates"
TEMPLATES_PATH = f"{TEMPLATES}/"
MAX_REASON = 500
_PUBLISH, _RETIRE, _NEW_VERSION = ":publish", ":retire", ":new-version"
_SCHEMA_TYPE = {"Content-Type": "application/schema+json"}


def add_routes(app: web.Application) -> None:
    one = f"{TEMPLATES_PATH}{{identifier:{REST_OF_PATH}}}"
    app.router.add_get(TEMPLATES, get_templates)
    app.router.add_post(TEMPLATES, post_template)
    app.router.add_post(one + _PUBLISH, post_publication)
    app.router.add_post(one + _RETIRE, post_retirement)
    app.router.add_post(one + _NEW_VERSION, post_new_version)
    app.router.add_get(one + SCHEMA_PATH, get_schema)
    app.router.add_get(one, get_template)
    app.router.add_put(one, put_template)
    app.router.add_delete(one, delete_template)


async def get_templates(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    parameters = Parameters(request.query)
    state = parameters.one_of("state", tuple(State))
    prefix, after = parameters.text("prefix"), _after(parameters)
    if parameters.problems:
        raise ParameterInvalid(errors=tuple(parameters.problems))
    named = named_prefix(prefix) if prefix else None
    found = await list_templates(registry, principal, named, State(state) if state else None, after, limit)
    more = found[-1].identifier if len(found) == limit else None
    return json_answer({"items": [line(one) for one in found], "next": more})


async def post_template(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    held, made = await create_template(registry, principal, origin, await read_object(request, MEMBERS))
    return _answer(held, 201 if made else 200)


async def get_template(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    held = await read_template(registry, principal, identifier_in_path(request, TEMPLATES_PATH))
    return _tagged(request, orjson.dumps(whole(held)), {"Cache-Control": "private, no-cache"})


async def put_template(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    identifier = identifier_in_path(request, TEMPLATES_PATH)
    body = await read_object(request, CHANGE_MEMBERS)
    return _answer(await change(registry, principal, origin, identifier, body), 200)


async def delete_template(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    await delete_draft(registry, principal, origin, identifier_in_path(request, TEMPLATES_PATH))
    return web.Response(status=204)


async def post_publication(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    identifier = identifier_in_path(request, TEMPLATES_PATH, _PUBLISH)
    return _answer(await publish_draft(registry, principal, origin, identifier), 200)


async def post_retirement(request: web.Request) -> web.Response:
    """`reason`: why no more identifiers are registered with it."""
    registry, principal, origin = await caller(request)
    identifier = identifier_in_path(request, TEMPLATES_PATH, _RETIRE)
    body = await read_object(request, frozenset(("reason",)))
    problems: list[FieldProblem] = []
    reason = read_text(body.get("reason"), "reason", MAX_REASON, problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    held, _ = await retire_template(registry, principal, origin, identifier, reason)
    return _answer(held, 200)


async def post_new_version(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    identifier = identifier_in_path(request, TEMPLATES_PATH, _NEW_VERSION)
    body = await read_object(request, VERSION_MEMBERS) if request.can_read_body else {}
    held, made = await new_version(registry, principal, origin, identifier, body)
    return _answer(held, 201 if made else 200)


async def get_schema(request: web.Request) -> web.Response:
    """Of published and retired templates, for anybody; of a draft, for its owner's key."""
    registry, principal = request.app[REGISTRY], None
    if "Authorization" in request.headers:
        registry, principal, _ = await caller(request)
    held = await read_template(registry, principal, identifier_in_path(request, TEMPLATES_PATH, SCHEMA_PATH))
    caching = "private, no-cache" if held.state is State.DRAFT else "public, max-age=300"
    body = orjson.dumps(schema(held, TEMPLATES_PATH), option=orjson.OPT_INDENT_2)
    return _tagged(request, body, _SCHEMA_TYPE | {"Cache-Control": caching})


def _answer(held: Held, status: int) -> web.Response:
    headers = {"Cache-Control": "private, no-cache"}
    if status == 201:
        headers["Location"] = TEMPLATES_PATH + encode_path(held.identifier)
    return json_answer(whole(held), status=status, headers=headers)


def _tagged(request: web.Request, body: bytes, headers: dict[str, str]) -> web.Response:
    """With an ETag of the content itself."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    if etag_matches(request.headers.get("If-None-Match", ""), etag, weakly=True):
        return web.Response(status=304, headers={"ETag": etag})
    return json_bytes(body, headers=headers | {"ETag": etag})


def _after(parameters: Parameters) -> Identifier | None:
    text = parameters.text("after")
    try:
        return parse_identifier(text) if text else None
    except IdentifierMalformed as wrong:
        parameters.problems.append(wrong.at("after"))
        return None
