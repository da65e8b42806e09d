"""The HTTP doors of IIIDAP: GET and HEAD under `/iiidap/`. Errors are told in its own form, always in Chinese."""

from __future__ import annotations

import base64
import binascii
import functools
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
from aiohttp import web

from core.access import EVERYWHERE, OF_ENTERPRISE, Principal, Scope
from core.arrivals import Arrivals
from core.errors import CredentialWrong, EnterpriseUnknown, PrefixUnknown, Problem, RateLimited
from core.exchange import Ask
from core.tls import is_over_tls
from core.web import REST_OF_PATH, TRUSTED_PROXIES, ask_of, now
from resolver.doors import RESOLVER
from resolver.iiidap.body import (
    MEDIA_TYPE,
    MOST_HITS,
    MOST_HITS_OF_STRANGERS,
    Registration,
    Sight,
    error_body,
    found_many,
    help_body,
    whole,
)
from resolver.iiidap.bootstrap import Bootstrap
from resolver.iiidap.query import in_path, read_name, read_pattern, read_prefix
from resolver.iiidap.store import RegistrationData, others_of
from resolver.preflight import preflight

IIIDAP_BASE = "/iiidap/"
_HEADERS = {
    "Content-Type": MEDIA_TYPE,
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-cache",
    "Vary": "Authorization",
}
_OF_ONE_READER = {"Cache-Control": "private, no-store"}


@dataclass(frozen=True, slots=True)
class Iiidap:
    """What the doors need. `base` is our address up to `/iiidap/`; limits are of one address in a minute."""

    data: RegistrationData
    base: str
    lookups_per_minute: int
    searches_per_minute: int
    lookups: Arrivals
    searches: Arrivals
    bootstrap: Bootstrap | None


IIIDAP: web.AppKey[Iiidap] = web.AppKey("iiidap", Iiidap)
_Handler = Callable[[web.Request, Ask], Awaitable[web.Response]]


def add_routes(app: web.Application) -> None:
    for path, handler in (
        (f"identifier/{{prefix:{REST_OF_PATH}}}", by_identifier),
        (f"name/{{name:{REST_OF_PATH}}}", by_name),
        ("names", by_pattern),
        ("help", get_help),
    ):
        app.router.add_get(f"{IIIDAP_BASE}{path}", _told(handler))
        app.router.add_route("OPTIONS", f"{IIIDAP_BASE}{path}", preflight)


async def by_identifier(request: web.Request, ask: Ask) -> web.Response:
    """`identifier/{prefix}`. Errors: `IdentifierMalformed`, `PrefixUnknown`, `RateLimited`, those of a key."""
    iiidap, principal = request.app[IIIDAP], await _principal(request, ask)
    _charge(iiidap.lookups, principal, ask)
    prefix = read_prefix(ask.raw_path.removeprefix(f"{IIIDAP_BASE}identifier/"))
    found = await iiidap.data.of_prefix(prefix)
    if found is None:
        if (elsewhere := _elsewhere(request, iiidap, prefix)) is not None:
            return elsewhere
        raise PrefixUnknown(f"There is no registration data of {prefix}", f"未找到标识 {prefix} 的登记数据")
    return await _whole(iiidap, principal, found, [])


async def by_name(request: web.Request, ask: Ask) -> web.Response:
    """`name/{name}`. Errors: `IdentifierMalformed`, `ParameterInvalid`, `EnterpriseUnknown`, `RateLimited`."""
    iiidap, principal = request.app[IIIDAP], await _principal(request, ask)
    _charge(iiidap.lookups, principal, ask)
    found = await iiidap.data.of_name(read_name(ask.raw_path.removeprefix(f"{IIIDAP_BASE}name/")))
    if not found:
        raise EnterpriseUnknown("No node has this name", "未找到与查询相符的节点")
    return await _whole(iiidap, principal, found[0], others_of(found[0], found))


async def by_pattern(request: web.Request, ask: Ask) -> web.Response:
    """`names?name=pattern`: at most 25 for strangers, 200 for others. Errors: as `by_name`, and `PatternUnsupported`."""
    iiidap, principal = request.app[IIIDAP], await _principal(request, ask)
    _charge(iiidap.searches, principal, ask)
    pattern = read_pattern(ask.raw_query)
    most = MOST_HITS_OF_STRANGERS if principal is None else MOST_HITS
    found = await iiidap.data.matching(pattern, most + 1)
    listed = []
    for one in found[:most]:
        sight = _sight(principal, one)
        personal = await iiidap.data.personal(one.application_id) if sight is Sight.OWNER else {}
        listed.append((replace(one, personal=personal), sight))
    return _answer(found_many(listed, len(found) > most))


async def get_help(request: web.Request, _: Ask) -> web.Response:
    iiidap = request.app[IIIDAP]
    return _answer(
        help_body(iiidap.lookups_per_minute, iiidap.searches_per_minute, iiidap.base.removesuffix("iiidap/"))
    )


def _told(handler: _Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Problems in the form of IIIDAP."""

    @functools.wraps(handler)
    async def tell(request: web.Request) -> web.Response:
        try:
            told = await handler(request, ask_of(request))
        except Problem as problem:
            told = iiidap_problem(problem)
            if problem.status == 401:
                told.headers.setdefault("WWW-Authenticate", 'Bearer realm="iiidap"')
                if _is_safe(request):
                    told.headers["WWW-Authenticate"] = 'Basic realm="iiidap", charset="UTF-8"'
        if "Authorization" in request.headers:
            told.headers.update(_OF_ONE_READER)
        return told

    return tell


def iiidap_problem(problem: Problem) -> web.Response:
    """Also what no door below `/iiidap/` takes: another method, another path."""
    return _answer(error_body(problem), problem.status, dict(problem.headers))


async def _whole(iiidap: Iiidap, principal: Principal | None, found: Registration, others: list[str]) -> web.Response:
    sight = _sight(principal, found)
    personal = await iiidap.data.personal(found.application_id) if sight is Sight.OWNER else {}
    return _answer(whole(replace(found, personal=personal), sight, iiidap.base, others))


def _sight(principal: Principal | None, found: Registration) -> Sight:
    if principal is None:
        return Sight.STRANGER
    if Scope.READ_PRIVATE in principal.scopes and (
        principal.role in EVERYWHERE
        or (principal.role in OF_ENTERPRISE and found.enterprise_id == principal.enterprise_id)
    ):
        return Sight.OWNER
    return Sight.PARTNER


def _elsewhere(request: web.Request, iiidap: Iiidap, prefix: str) -> web.Response | None:
    """The redirect of a foreign prefix to the node that the bootstrap registry names."""
    if iiidap.bootstrap is None or request.app[RESOLVER].is_below_ours(prefix):
        return None
    base = iiidap.bootstrap.base_of(prefix)
    if base is None:
        return None
    location = f"{base}identifier/{in_path(prefix)}"
    return web.Response(status=302, headers={"Location": location, "Access-Control-Allow-Origin": "*"})


def _charge(limit: Arrivals, principal: Principal | None, ask: Ask) -> None:
    """Keys have quotas of their own. Raises `RateLimited`."""
    if principal is None and (wait := limit.take(ask.source, time.monotonic())):
        seconds = math.ceil(wait)
        raise RateLimited(
            f"Try again in {seconds} s", f"请在 {seconds} 秒后重试", headers={"Retry-After": str(seconds)}
        )


async def _principal(request: web.Request, ask: Ask) -> Principal | None:
    """Who asks: a Bearer key, or HTTP Basic (key id and key) over TLS. Raises as `Directory.principal`."""
    sent = ask.headers.get("authorization")
    if sent is None:
        return None
    if sent[:6].lower() == "basic ":
        if not _is_safe(request):
            raise CredentialWrong("HTTP Basic is accepted over TLS only", "HTTP Basic 仅限 TLS 连接")
        sent = _bearer_of(sent[6:])
    return await request.app[RESOLVER].directory.principal(sent, now(), ask.source)


def _bearer_of(basic: str) -> str:
    """User name is the key id, password the whole key or its secret alone (RFC 7617)."""
    try:
        user, _, password = base64.b64decode(basic.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise CredentialWrong("The Authorization header cannot be read", "Authorization 请求头无法解析") from None
    return f"Bearer {password if password.startswith('bj_') else f'bj_{user}_{password}'}"


def _is_safe(request: web.Request) -> bool:
    """Whether nobody on the way can read along: TLS here, or at a proxy of ours."""
    proxies = request.app[TRUSTED_PROXIES]
    return is_over_tls(request, proxies)


def _answer(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, headers=_HEADERS | (headers or {}))
