"""What an examiner turns and looks at: dials, audits, state. There is no key to it: the box listens on this machine only, and
a call that a browser makes for another site is refused.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from core.errors import BodyInvalid, FieldProblem, PageUnknown
from core.web import json_answer, read_json
from sync.access.address import is_loopback
from sync.signing.keys import KeyUnusable
from sync.toplevel.accounts import Account, open_account
from sync.toplevel.prefixes import MOVES, NAMES, MoveImpossible
from sync.toplevel.signed_doors import DESK

_PAGES = ("/", "/watch")
_MOST_SHOWN = 200
_ACCOUNT = ("app_id", "prefix", "user", "client", "password", "keyid", "algorithm", "public")


def add_routes(app: web.Application) -> None:
    app.router.add_get("/_exam/state", state)
    app.router.add_get("/_exam/dials", dials)
    app.router.add_put("/_exam/dials", turn)
    app.router.add_post("/_exam/audit", audit)
    app.router.add_post("/_exam/accounts", account)
    app.router.add_post("/_exam/accounts/{app_id}", close_account)


async def state(request: web.Request) -> web.Response:
    """Accounts, the newest prefixes and commands, and what waits in the queues."""
    store = request.app[DESK].store
    accounts = [
        dict(row) | {"waiting": store.value("count_waiting", app_id=row["app_id"])} for row in store.all("accounts")
    ]
    prefixes = [dict(row) | {"state": NAMES[row["state"]]} for row in store.all("newest_prefixes", most=_MOST_SHOWN)]
    commands = [dict(row) for row in store.all("newest_log", most=_MOST_SHOWN)]
    return json_answer({"accounts": accounts, "prefixes": prefixes, "commands": commands})


async def dials(request: web.Request) -> web.Response:
    return json_answer(request.app[DESK].dials.as_json())


async def turn(request: web.Request) -> web.Response:
    """Some dials or all; the dials as they are then. Errors: `BodyInvalid`, `BodyNotJson`."""
    require_same_site(request)
    if problems := request.app[DESK].turn(await read_json(request)):
        raise BodyInvalid(errors=tuple(problems))
    return await dials(request)


async def audit(request: web.Request) -> web.Response:
    """`prefix` (or `enterprise` for an update in audit), `result`, `message`?. Errors: `BodyInvalid`, `BodyNotJson`."""
    require_same_site(request)
    body = await read_json(request)
    said = body if isinstance(body, dict) else {}
    after = decide(
        request.app[DESK], said.get("prefix"), said.get("enterprise"), said.get("result"), said.get("message", "")
    )
    return json_answer({"prefix": said.get("prefix"), "state": after})


def decide(desk: Any, prefix: Any, enterprise: Any, result: Any, message: Any) -> str:
    """Raises `BodyInvalid`."""
    if result not in MOVES or not isinstance(message, str) or len(message) > 500:
        names = ", ".join(MOVES)
        raise _invalid("result", f"must be one of {names}", f"应为以下之一：{names}")
    try:
        if isinstance(enterprise, int):
            desk.audit_update(enterprise, accepted=result == "approve", words=message)
            return "decided"
        return str(desk.audit(prefix if isinstance(prefix, str) else "", str(result), message))
    except MoveImpossible as wrong:
        if wrong.state is None:
            raise _invalid("prefix", "is not known here, or has nothing to decide", "不存在，或无待审核事项") from None
        raise _invalid("result", f"is not possible: it is {wrong.state}", f"当前状态 {wrong.state} 不允许") from None


async def account(request: web.Request) -> web.Response:
    """Open an account, or give it another key. Errors: `BodyInvalid`, `BodyNotJson`."""
    require_same_site(request)
    body = await read_json(request)
    said = body if isinstance(body, dict) else {}
    wrong = [name for name in _ACCOUNT if not (isinstance(said.get(name), str) and 0 < len(said[name]) <= 200)]
    if wrong:
        problems = [FieldProblem(name, "text-invalid", "must be a text", "应为文字") for name in wrong]
        raise BodyInvalid(errors=tuple(problems))
    try:
        open_account(request.app[DESK].store, Account(**{name: said[name] for name in _ACCOUNT}))
    except KeyUnusable as unusable:
        raise _invalid("public", unusable.en, unusable.zh) from None
    return json_answer({"app_id": said["app_id"], "prefix": said["prefix"]})


async def close_account(request: web.Request) -> web.Response:
    """`enabled`. Errors: `PageUnknown`, `BodyInvalid`, `BodyNotJson`."""
    require_same_site(request)
    body = await read_json(request)
    enabled = body.get("enabled") if isinstance(body, dict) else None
    if not isinstance(enabled, bool):
        raise _invalid("enabled", "must be true or false", "应为 true 或 false")
    app_id = request.match_info["app_id"]
    if not request.app[DESK].store.run("enable_account", app_id=app_id, enabled=int(enabled)):
        raise PageUnknown()
    return json_answer({"app_id": app_id, "enabled": enabled})


def require_same_site(request: web.Request) -> None:
    """Raises `PageUnknown` for what a page of another site had a browser send, also where that site's name was made to lead
    here: whoever asks names this machine or an address, never another name."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if not names_this_machine(host) or (origin is not None and urlsplit(origin).netloc != host):
        raise PageUnknown()


def names_this_machine(host: str) -> bool:
    """Of a `Host` with or without a port. An address counts: names can be made to lead anywhere, addresses cannot."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return is_loopback(name) or ipaddress.ip_address(name) is not None
    except ValueError:
        return False


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is only for an examiner is looked at so, too."""
    if request.path in _PAGES or request.path.startswith("/_exam/"):
        require_same_site(request)
    return await handler(request)


def _invalid(path: str, en: str, zh: str) -> BodyInvalid:
    return BodyInvalid(errors=(FieldProblem(path, "exam-invalid", en, zh),))
