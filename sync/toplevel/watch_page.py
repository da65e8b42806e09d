"""The page of monitoring and takeover: what each node says of itself, its statistics, orders and the hand-back; plain forms."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from core.errors import BodyInvalid
from core.page import Reader, Texts, html_response, page_environment, render_page
from core.web import preferred_language
from sync.access.transport import NotSent, OutcomeUnknown
from sync.toplevel.desk import Desk
from sync.toplevel.escrow_doors import AGENT
from sync.toplevel.exam_doors import require_same_site
from sync.toplevel.monitor_doors import seen
from sync.toplevel.signed_doors import DESK, SIGNER
from sync.toplevel.takeover_doors import PATIENCE_SECONDS, spot_check
from sync.toplevel.takeovers import Impossible, Wish, clock_tick, hand_back, make_order, send_order

_PAGES = page_environment("sync.toplevel", "pages_html")
_MOST_STATISTICS, _MOST_ORDERS, _MOST_DEPOSITS, _MOST_PREFIXES, _CHECKS = 12, 20, 10, 10, 10
TEXTS: Texts = {
    "title": ("运行监测与应急接管（仿真）", "Monitoring and takeover, simulated"),
    "clerk": ("审核与调节", "Audit and dials"),
    "nodes": ("二级节点", "Secondary nodes"),
    "prefix": ("前缀", "Prefix"),
    "state": ("状态", "State"),
    "heard": ("距上次心跳（秒）", "Seconds since the last heartbeat"),
    "silent": ("失联", "silent"),
    "never": ("从未收到", "never heard of"),
    "totals": ("统计合计", "Totals"),
    "registered": ("注册", "registered"),
    "resolved": ("解析", "resolved"),
    "hours": ("小时数", "hours"),
    "do": ("操作", "Do"),
    "order": ("演练接管", "Take over (drill)"),
    "check": ("抽查解析", "Spot check"),
    "statistics": ("最近的小时统计", "Newest hourly statistics"),
    "seq": ("序号", "Number"),
    "hour": ("小时", "Hour"),
    "corrects": ("更正", "Corrects"),
    "orders": ("接管命令", "Orders"),
    "number": ("命令编号", "Number of the order"),
    "answered": ("接管期间应答", "Answered meanwhile"),
    "handback": ("交还", "Hand back"),
    "deposits": ("最近的数据托管", "Newest deposits"),
    "standby": ("备援数据", "Standby data"),
    "base": ("全量快照", "Whole set"),
    "changes": ("变更至第", "Changes up to number"),
    "as-of": ("最近变更时间 (UTC)", "Last change (UTC)"),
    "changed-prefixes": ("最近变更的前缀", "Prefixes that changed last"),
    "suspended": ("已暂停", "suspended"),
    "revoked": ("已收回", "given back"),
    "held-by": ("所属", "held by"),
    "day": ("日期", "Day"),
    "deposit": ("托管编号", "Deposit"),
    "verdict": ("核验结果", "Verdict"),
    "DVPN": ("通过", "passed"),
    "DVFN": ("未通过", "failed"),
    "DRFN": ("当日未收到", "nothing came that day"),
    "normal": ("正常", "normal"),
    "degraded": ("降级", "degraded"),
    "takenover": ("已接管", "taken over"),
    "open": ("已下达", "open"),
    "active": ("生效", "in effect"),
    "returning": ("交还中", "being handed back"),
    "closed": ("已结束", "closed"),
    "found": ("查到", "found"),
    "not-found": ("未查到", "not found"),
    "none": ("尚无。", "None yet."),
    "told": ("结果", "Outcome"),
    "accepted": ("节点已会签", "the node has countersigned"),
    "refused": ("节点已拒绝", "the node has refused"),
    "waiting": ("等待节点会签", "waits for the node's countersignature"),
    "unheard": ("未送达，仍按时生效", "not heard of, and takes effect all the same"),
    "accept": ("已交还", "handed back"),
    "refuse": ("未交还，接管继续", "not handed back, the order stays in effect"),
    "comparing": ("节点正在核对，请稍后再次交还", "the node is comparing; hand back again in a while"),
    "compared": ("核对条数", "compared"),
    "different": ("差异条数", "different"),
}


def add_routes(app: web.Application) -> None:
    app.router.add_get("/watch", page)
    app.router.add_post("/watch", act)


async def page(request: web.Request, told: str = "") -> web.Response:
    desk, language = request.app[DESK], preferred_language(request)
    clock_tick(desk)
    accounts = desk.store.all("accounts")
    nodes = [seen(desk, row) for row in accounts]
    statistics = [one for row in accounts for one in _hours(desk, row)]
    reader = Reader(TEXTS["title"][0 if language == "zh" else 1], language, request.query_string)
    orders = [dict(row) for row in desk.store.all("newest_takeovers", most=_MOST_ORDERS)]
    text = render_page(
        _PAGES, "watch.html", TEXTS, reader, nodes=nodes, statistics=statistics, orders=orders, told=told,
        standby=[_standby(desk, row) for row in accounts], deposits=[one for node in nodes for one in _deposits(request, node["prefix"])],
    )  # fmt: skip
    return html_response(text)


def _hours(desk: Desk, account: Any) -> list[dict[str, Any]]:
    """The newest, with what each says in all."""
    rows = desk.store.all("newest_sums", app_id=account["app_id"], most=_MOST_STATISTICS)
    return [
        dict(row) | {"prefix": account["prefix"], "hour": row["hour"].replace("T", " ").removesuffix(":00Z")}
        for row in rows
    ]


def _standby(desk: Desk, account: Any) -> dict[str, Any]:
    """What would be answered from, and the newest prefix data that came as a change."""
    base = desk.store.one("last_whole_snapshot", app_id=account["app_id"])
    stream = desk.store.one("standby_stream", app_id=account["app_id"])
    changed = desk.store.all("prefix_changes", app_id=account["app_id"], most=_MOST_PREFIXES)
    return {
        "prefix": account["prefix"],
        "base": base["snapshot_id"] if base is not None else None,
        "number": stream["number"] if stream is not None else 0,
        "watermark": stream["watermark"].replace("T", " ")[:19] if stream is not None else None,
        "changed": [orjson.loads(row["line"]) for row in changed],
    }


def _deposits(request: web.Request, prefix: str) -> list[dict[str, Any]]:
    """What the agent made of the newest; nothing where the box has none."""
    agent = request.app.get(AGENT)
    rows = [] if agent is None else agent.documents.rows("verdicts", prefix)[:_MOST_DEPOSITS]
    names = ("day", "status", "id", "revision")
    return [dict(zip(names, row, strict=True)) | {"prefix": prefix} for row in rows]


async def act(request: web.Request) -> web.StreamResponse:
    """A form of the page: an order, a hand-back, a spot check; what became of it is shown."""
    require_same_site(request)
    said = {name: str(value) for name, value in (await request.post()).items()}
    try:
        told = await _done(request, said)
    except (Impossible, NotSent, OutcomeUnknown, BodyInvalid) as wrong:
        told = str(wrong)
    return await page(request, told)


async def _done(request: web.Request, said: dict[str, str]) -> str:
    desk, signer = request.app[DESK], request.app[SIGNER]
    if said.get("do") == "handback":
        held = desk.store.one("takeover", order_id=said.get("order", ""))
        if held is None:
            raise Impossible("there is no such order")
        account: Any = desk.store.one("account", app_id=held["app_id"])
        answer = await hand_back(desk, account, signer, held["order_id"], wait_seconds=PATIENCE_SECONDS)
        return f"{held['order_id']}: {_handed_back(request, answer)}"
    account = desk.store.one("account_of_prefix", prefix=said.get("prefix", ""))
    if account is None:
        raise Impossible("there is no such account")
    if said.get("do") == "check":
        found = await spot_check(desk, account, _CHECKS)
        return f"{found['asked']} ✓ {found['asked'] - len(found['wrong'])} ✗ {len(found['wrong'])}"
    order = make_order(desk, account, signer, Wish())
    return f"{order['orderId']}: {_word(request, await send_order(desk, account, signer, order['orderId']))}"


def _handed_back(request: web.Request, answer: dict[str, Any]) -> str:
    if "decision" not in answer:
        return _word(request, "comparing") if answer["status"] == 202 else f"HTTP {answer['status']}"
    found = [f"{_word(request, one)} {answer['reconcile'][one]:,}" for one in ("compared", "different")]
    return ", ".join([_word(request, answer["decision"]), *found])


def _word(request: web.Request, name: str) -> str:
    """In the reader's language; what has no words of ours as it is."""
    return TEXTS.get(name, (name, name))[preferred_language(request) != "zh"]
