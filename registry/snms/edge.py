"""The edge of the SNMS door: whatever happens under its addresses is answered with the envelope, nearly always as HTTP 200."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from aiohttp import web

from core.access import Principal
from core.body_deadline import BodyStalled
from core.errors import BodyOverdue, CredentialMissing, InternalError, MethodNotAllowed, PageUnknown, Problem
from core.web import REQUEST_ID, Handler, json_answer, json_bytes, now, source_of
from registry.doors import REGISTRY
from registry.room import Registry
from registry.snms.envelope import failure, success
from registry.snms.login import Login
from registry.store import Origin

log = logging.getLogger(__name__)
LOGIN: web.AppKey[Login] = web.AppKey("snms_login", Login)
_OURS = ("/identity/", "/identityv2/", "/snms/", "/api/identityv2/")
_NO_STORE = {"Cache-Control": "no-store"}


@web.middleware
async def snms_edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Within `core.web.edge`, which numbers and measures the request."""
    if not f"{request.path}/".startswith(_OURS):
        return await handler(request)
    try:
        resource = request.match_info.route.resource
        if resource is not None and not resource.canonical.startswith(_OURS):
            raise PageUnknown()  # the door of the resolver takes every address for an identifier
        return await handler(request)
    except Problem as problem:
        return failed(problem)
    except web.HTTPMethodNotAllowed as refused:
        return failed(MethodNotAllowed(headers={"Allow": ", ".join(sorted(refused.allowed_methods))}))
    except web.HTTPException:
        return failed(PageUnknown())
    except BodyStalled:
        return failed(BodyOverdue())
    except Exception:  # the edge of this door: the caller gets its envelope and the log the trace
        log.exception("request %s %s failed (%s)", request.method, request.path, request.get(REQUEST_ID, ""))
        return failed(InternalError())


def succeeded(data: Any) -> web.Response:
    return json_answer(success(data), headers=_NO_STORE)


def failed(problem: Problem, message: str | None = None) -> web.Response:
    """Callers look at `status` alone, so HTTP says 200; but what is not served is not there for proxies either."""
    status = problem.status if isinstance(problem, PageUnknown | MethodNotAllowed) else 200
    headers = {name: text for name, text in problem.headers.items() if name in ("Retry-After", "Allow")}
    return json_bytes(orjson.dumps(failure(problem, message)), status=status, headers=_NO_STORE | headers)


async def caller(request: web.Request) -> tuple[Registry, Principal, Origin]:
    """Who calls: by a token, or by a key of the enterprise; `Bearer` may be left out.

    Raises `CredentialMissing`, `CredentialWrong`, `SourceNotAllowed`, `RateLimited`, `StoreUnavailable`.
    """
    registry, login, source = request.app[REGISTRY], request.app[LOGIN], source_of(request)
    sent = request.headers.get("Authorization", "").strip()
    scheme, _, rest = sent.partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else sent
    if not token:
        raise CredentialMissing()
    if token.startswith("bj_"):
        principal = await registry.directory.principal(f"Bearer {token}", now(), source)
    else:
        principal = await login.holder(token, now(), source)
    return registry, principal, Origin(principal.key, source, request[REQUEST_ID])
