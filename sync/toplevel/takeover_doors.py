"""Takeover at the box: what an examiner orders, and resolution from standby data meanwhile."""

from __future__ import annotations

import math
import random
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

from core.errors import BodyInvalid, FieldProblem, IdentifierUnknown, NotResponsible, PageUnknown
from core.identifier import encode_path, identifier_in_url
from core.web import json_answer, read_json
from sync.access.transport import NotSent, OutcomeUnknown
from sync.toplevel.desk import Desk
from sync.toplevel.exam_doors import require_same_site
from sync.toplevel.referral import key_of, referral_json
from sync.toplevel.signed_doors import DESK, SIGNER
from sync.toplevel.takeovers import Impossible, Wish, address_of, clock_tick, hand_back, make_order, resolve, send_order

_REASONS = ("drill", "failure", "disaster", "security", "regulatory")
_MOST_SECONDS = 30 * 86_400
_MOST_CHECKS = 100
PATIENCE_SECONDS = 20.0  # of an examiner with a node that compares
_CHECK_TIMEOUT = aiohttp.ClientTimeout(total=10)


def add_routes(app: web.Application) -> None:
    app.router.add_get("/_exam/takeovers", orders)
    app.router.add_post("/_exam/takeovers", order)
    app.router.add_post("/_exam/takeovers/{order}", send_again)
    app.router.add_post("/_exam/takeovers/{order}/handback", handback)
    app.router.add_post("/_exam/spot-checks", spot_checks)
    app.router.add_get("/api/handles/{identifier:.+}", answer)


async def orders(request: web.Request) -> web.Response:
    desk = request.app[DESK]
    clock_tick(desk)
    return json_answer({"orders": [dict(row) for row in desk.store.all("newest_takeovers", most=100)]})


async def order(request: web.Request) -> web.Response:
    """`prefix` of the node, `reason`?, `in_seconds`?, `for_seconds`?, `url`?. Errors: `BodyInvalid`, `BodyNotJson`."""
    require_same_site(request)
    desk, body = request.app[DESK], await read_json(request)
    said = body if isinstance(body, dict) else {}
    account = desk.store.one("account_of_prefix", prefix=said.get("prefix"))
    reason, url = said.get("reason", "drill"), said.get("url")
    delay, length = said.get("in_seconds", 0), said.get("for_seconds", 3_600)
    if account is None:
        raise _invalid("prefix", "is no account's", "没有该前缀的账户")
    if (
        reason not in _REASONS
        or not (url is None or isinstance(url, str))
        or not _is_time(delay)
        or not _is_time(length)
    ):
        raise _invalid("reason", f"reason: {', '.join(_REASONS)}; times in seconds", "原因或时间有误")
    try:
        made = make_order(desk, account, request.app[SIGNER], Wish(reason, float(delay), float(length), url))
        outcome = await send_order(desk, account, request.app[SIGNER], made["orderId"], url)
    except Impossible as wrong:
        raise _invalid("prefix", str(wrong), "尚无备援数据或节点地址") from None
    return json_answer({"order": made, "outcome": outcome})


async def send_again(request: web.Request) -> web.Response:
    """The same order. Errors: `PageUnknown`."""
    require_same_site(request)
    desk, held, account = _held(request)
    try:
        outcome = await send_order(desk, account, request.app[SIGNER], held["order_id"])
    except Impossible as wrong:
        raise _invalid("order", str(wrong), "无法送达") from None
    return json_answer({"outcome": outcome})


async def handback(request: web.Request) -> web.Response:
    """Offer resolution back, with `changes`? of a new offer; `status` 202 in the answer: ask again. Errors: `PageUnknown`,
    `BodyInvalid`, `BodyNotJson`."""
    require_same_site(request)
    desk, held, account = _held(request)
    body = await read_json(request) if request.can_read_body else {}
    changes = body.get("changes", []) if isinstance(body, dict) else None
    if not isinstance(changes, list) or not all(isinstance(one, dict) for one in changes):
        raise _invalid("changes", "must be a list of objects", "应为对象数组")
    try:
        answer = await hand_back(
            desk, account, request.app[SIGNER], held["order_id"], changes=changes, wait_seconds=PATIENCE_SECONDS
        )
        return json_answer(answer)
    except (Impossible, NotSent, OutcomeUnknown) as wrong:
        raise _invalid("order", str(wrong), "节点未应答，或答复签名无效") from None


async def answer(request: web.Request) -> web.Response:
    """An identifier of a node whose resolution is taken over; of any other node its site. Errors: `NotResponsible`, `IdentifierUnknown`,
    `IdentifierMalformed`."""
    identifier = identifier_in_url(request.rel_url.raw_path.removeprefix("/api/handles/"))
    desk = request.app[DESK]
    answers, line = resolve(desk, identifier.prefix_key, key_of(desk, identifier))
    if not answers:
        if (told := referral_json(desk, identifier)) is None:
            raise NotResponsible()
        return json_answer(told, status=300)
    if line is None:
        raise IdentifierUnknown()
    if line.get("withdrawn"):
        return json_answer({"responseCode": 100, "handle": line["identifier"], "withdrawn": True}, status=410)
    return json_answer({"responseCode": 1, "handle": line["identifier"], "values": line["values"]})


async def spot_checks(request: web.Request) -> web.Response:
    """`prefix`, `count`?: random identifiers of the standby data, asked of the node itself. Errors: `BodyInvalid`."""
    require_same_site(request)
    desk, body = request.app[DESK], await read_json(request)
    said = body if isinstance(body, dict) else {}
    account, count = desk.store.one("account_of_prefix", prefix=said.get("prefix")), said.get("count", 10)
    if account is None or not isinstance(count, int) or not 0 < count <= _MOST_CHECKS:
        raise _invalid(
            "prefix", f"an account's; count from 1 to {_MOST_CHECKS}", f"须为账户前缀；count 为 1 到 {_MOST_CHECKS}"
        )
    try:
        return json_answer(await spot_check(desk, account, count))
    except Impossible as wrong:
        raise _invalid("prefix", str(wrong), "节点地址未知") from None


async def spot_check(desk: Desk, account: Any, count: int, url: str | None = None) -> dict[str, Any]:
    """How many were asked for and how many were answered as they should. Raises `Impossible`."""
    base_url, wrong, asked = address_of(desk, account, url), [], 0
    async with aiohttp.ClientSession(timeout=_CHECK_TIMEOUT, trust_env=False) as session:
        for _ in range(count):
            row = random_record(desk, account)
            if row is None:
                break
            asked += 1
            line = orjson.loads(row["line"])
            if (said := await _asked(session, base_url, line)) is not None:
                wrong.append({"identifier": line["identifier"], "answer": said})
    return {"asked": asked, "wrong": wrong}


async def _asked(session: aiohttp.ClientSession, base_url: str, line: dict[str, Any]) -> str | None:
    """None where the answer is as it should be, else what it was."""
    url = URL(f"{base_url}/api/handles/{encode_path(line['identifier'])}", encoded=True)
    try:
        async with session.get(url, allow_redirects=False) as heard:
            body = await heard.read()
            if line.get("withdrawn"):
                return None if heard.status == 410 else f"HTTP {heard.status}"
            if heard.status != 200:
                return f"HTTP {heard.status}"
            return None if orjson.loads(body).get("values") == line["values"] else "other values"
    except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as lost:
        return type(lost).__name__


def random_record(desk: Desk, account: Any) -> Any:
    """Key and line of an identifier that is answered from, of a random piece or of the changes. None: there is none."""
    app_id = account["app_id"]
    places: list[str | None] = [row["digest"] for row in desk.store.all("pieces", app_id=app_id) if row["current"] == 1]
    places = [None, *places] if random.random() < 0.5 else [*random.sample(places, len(places)), None]  # noqa: S311 a spot check
    for piece in places:  # one may hold prefixes only
        of = {"app_id": app_id} | ({} if piece is None else {"piece": piece})
        count, one = ("count_changed", "changed_line") if piece is None else ("count_lines", "line_of_piece")
        if lines := desk.store.value(count, **of):
            key = desk.store.value(one, place=random.randrange(lines), **of)  # noqa: S311 likewise
            return {"key": key, "line": desk.store.value("line", app_id=app_id, key=key)}
    return None


def _held(request: web.Request) -> tuple[Desk, Any, Any]:
    """Raises `PageUnknown`."""
    desk = request.app[DESK]
    held = desk.store.one("takeover", order_id=request.match_info["order"])
    if held is None:
        raise PageUnknown()
    return desk, held, desk.store.one("account", app_id=held["app_id"])


def _is_time(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0 <= value <= _MOST_SECONDS
    )


def _invalid(path: str, en: str, zh: str) -> BodyInvalid:
    return BodyInvalid(errors=(FieldProblem(path, "exam-invalid", en, zh),))
