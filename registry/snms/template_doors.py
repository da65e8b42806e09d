"""Templates at the SNMS door, versions 3 and 5 of its API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from core.errors import BodyInvalid, FieldProblem, ParameterInvalid
from core.template import Template
from core.template_item import TemplateItem
from core.web import read_json
from registry.snms.edge import caller, succeeded
from registry.snms.templates import Wish, merged, parse_template, shown, template_named
from registry.template_wish import Definition
from registry.verbs.change_template import change_template, find_template, retire_template
from registry.verbs.publish_template import publish, unknown

_V3, _V5 = "/snms/api/v3/template", "/snms/api/v5/template"


def add_routes(app: web.Application) -> None:
    for path in (_V3, _V5):
        app.router.add_get(path, get_template)
        app.router.add_post(path, post_template)
        app.router.add_delete(path, delete_template)
    app.router.add_put(_V5, put_template)


async def get_template(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    problems: list[FieldProblem] = []
    identifier = template_named(request.query, problems)
    if identifier is None:
        raise ParameterInvalid(errors=tuple(problems))
    return succeeded(shown(await find_template(registry, principal, identifier), numbered=_numbered(request)))


async def post_template(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    wish = parse_template(await read_json(request), numbered=_numbered(request))
    await publish(registry, principal, origin, wish.identifier, Definition(wish.items, facts=wish.facts))
    return succeeded(True)


async def put_template(request: web.Request) -> web.Response:
    """Items are added, renamed or disabled, never taken away; those that are not sent stay as they are."""
    registry, principal, origin = await caller(request)
    body = await read_json(request)
    problems: list[FieldProblem] = []
    identifier = template_named(body if isinstance(body, dict) else {}, problems)
    if identifier is None:
        raise BodyInvalid(errors=tuple(problems))

    def change(old: Template) -> tuple[tuple[TemplateItem, ...], str | None]:
        wish: Wish = parse_template(body, numbered=True, old=old)
        facts = wish.facts_text(old.facts)
        return merged(old, wish), old.facts if _same(facts, old.facts) else facts

    await change_template(registry, principal, origin, identifier, change)
    return succeeded(True)


async def delete_template(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body: Any = request.query if "version" in request.query else await read_json(request)
    problems: list[FieldProblem] = []
    identifier = template_named(body if isinstance(body, Mapping) else {}, problems)
    if identifier is None:
        raise BodyInvalid(errors=tuple(problems))
    _, by_this_call = await retire_template(registry, principal, origin, identifier, None)
    if not by_this_call:
        raise unknown(identifier)
    return succeeded(True)


def _numbered(request: web.Request) -> bool:
    return request.path == _V5


def _same(text: str, held: str | None) -> bool:
    """Whether two texts say the same: PostgreSQL writes JSON in an order of its own."""
    return held is not None and orjson.loads(text) == orjson.loads(held)
