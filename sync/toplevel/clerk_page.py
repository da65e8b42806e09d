"""The clerk's page: what waits for an audit, what was decided, the dials; plain forms, in both languages."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from core.errors import BodyInvalid
from core.page import Reader, Texts, html_response, page_environment, render_page
from core.web import preferred_language
from sync.toplevel.dials import FAULTS, RESULTS
from sync.toplevel.exam_doors import decide, require_same_site
from sync.toplevel.prefixes import MOVES, NAMES
from sync.toplevel.signed_doors import DESK

_MOST_SHOWN = 100
_PAGES = page_environment("sync.toplevel", "pages_html")
_AMOUNTS = (
    "reject_code",
    "http_status",
    "slow_milliseconds",
    "clock_skew_seconds",
    "pending_code",
    "audit_delay_milliseconds",
)
TEXTS: Texts = {
    "title": ("国家顶级节点（仿真）", "National top-level node, simulated"),
    "lead": (
        "本机上的对端：供二级节点对接演练，不是国家顶级节点。",
        "The other end on this machine, to rehearse peering against. It is not the national top-level node.",
    ),
    "watch": ("运行监测与应急接管", "Monitoring and takeover"),
    "prefixes": ("企业前缀", "Enterprise prefixes"),
    "prefix": ("前缀", "Prefix"),
    "enterprise": ("企业", "Enterprise"),
    "state": ("状态", "State"),
    "decide": ("审核与处置", "Decide"),
    "none": ("尚无前缀。", "No prefixes yet."),
    "waiting": ("待审核的前缀：{count}", "Prefixes that await an audit: {count}"),
    "updates": ("待审核的企业变更", "Changes of enterprises that await an audit"),
    "no-log": ("尚无命令。", "No commands yet."),
    "words": ("说明", "Words"),
    "dials": ("调节", "Dials"),
    "dials-lead": (
        "故障项为接下来生效的次数，-1 表示一直生效。",
        "A fault is a number of turns, -1 for all of them.",
    ),
    "audit": ("审核方式", "Audit"),
    "set": ("设置", "Set"),
    "value": ("取值", "Value"),
    "effect": ("项目", "Dial"),
    "dial-reject": ("拒绝命令，不执行", "refuse a command, do nothing"),
    "dial-vanish": ("断开连接，不执行", "cut the connection, do nothing"),
    "dial-lose_answer": ("执行后断开，应答丢失", "do it, then cut: the answer is lost"),
    "dial-duplicate": ("同一消息入队两次", "queue a message twice"),
    "dial-reorder": ("先投递队列中的第二条消息", "deliver the second message of the queue first"),
    "dial-bad_signature": ("应答签名错误", "sign the answer wrongly"),
    "dial-http_error": ("返回 HTTP 错误，每两次执行一次", "answer an HTTP error, doing it every second time"),
    "dial-garbage": ("执行后返回无法识别的内容", "do it, answer no EPP"),
    "dial-forget": ("不记忆、不识别 clTRID", "neither remember nor recognise a clTRID"),
    "dial-reject_code": ("拒绝时的 EPP 结果码", "EPP code of a refusal"),
    "dial-http_status": ("HTTP 错误的状态码", "status of an HTTP error"),
    "dial-slow_milliseconds": ("每次应答前的延迟，毫秒", "milliseconds before each answer"),
    "dial-clock_skew_seconds": ("时钟偏差，秒", "seconds that the clock is wrong by"),
    "dial-pending_code": ("前缀申请的结果码：1001 或 1000", "code of a prefix that awaits its audit: 1001 or 1000"),
    "dial-audit_delay_milliseconds": ("自动审核前的等待，毫秒", "milliseconds before the clerk decides by itself"),
    "log": ("最近的命令", "Newest commands"),
    "code": ("结果码", "Code"),
    "problem": ("未执行", "Not done"),
    "approve": ("通过", "Approve"),
    "reject": ("驳回", "Reject"),
    "hold": ("人工", "By hand"),
    "suspend": ("暂停", "Suspend"),
    "resume": ("恢复", "Resume"),
    "revoke": ("收回", "Revoke"),
    "awaiting": ("待审核", "awaiting"),
    "normal": ("正常", "normal"),
    "suspended": ("已暂停", "suspended"),
    "rejected": ("已驳回", "rejected"),
    "revoked": ("已收回", "revoked"),
}


def add_routes(app: web.Application) -> None:
    app.router.add_get("/", page)
    app.router.add_post("/", act)


async def page(request: web.Request, problem: str = "") -> web.Response:
    desk, language = request.app[DESK], preferred_language(request)
    prefixes = [_shown(row) for row in desk.store.all("newest_prefixes", most=_MOST_SHOWN)]
    dials = desk.dials.as_json()
    text = render_page(
        _PAGES, "clerk.html", TEXTS, Reader(TEXTS["title"][0 if language == "zh" else 1], language, request.query_string),
        prefixes=prefixes, waiting=sum(one["word"] == "awaiting" for one in prefixes),
        updates=desk.store.all("enterprises_in_audit"), log=desk.store.all("newest_log", most=_MOST_SHOWN // 4), problem=problem, results=RESULTS,
        audit=dials["audit"], amounts=[(name, dials[name]) for name in (*FAULTS, *_AMOUNTS)],
    )  # fmt: skip
    return html_response(text, status=409 if problem else 200)


async def act(request: web.Request) -> web.StreamResponse:
    """A form of the page: an audit, or dials."""
    require_same_site(request)
    form = await request.post()
    desk, column = request.app[DESK], 0 if preferred_language(request) == "zh" else 1
    said = {name: str(value) for name, value in form.items()}
    try:
        if "result" in said:
            number = said.get("enterprise", "")
            enterprise = int(number) if number.isascii() and number.isdigit() and len(number) <= 9 else None
            decide(desk, said.get("prefix"), enterprise, said["result"], said.get("message", ""))
        elif problems := desk.turn(_turned(said)):
            raise BodyInvalid(errors=tuple(problems))
    except BodyInvalid as wrong:
        told = "; ".join(f"{one.path} {(one.zh, one.en)[column]}" for one in wrong.errors)
        return await page(request, told)
    return web.Response(status=303, headers={"Location": request.rel_url.raw_path_qs})


def _turned(said: dict[str, str]) -> dict[str, Any]:
    wish: dict[str, Any] = {}
    for name, text in said.items():
        sign = text.removeprefix("-")
        wish[name] = int(text) if sign.isascii() and sign.isdigit() and len(sign) <= 9 else text
    return wish


def _shown(row: Any) -> dict[str, Any]:
    moves = [name for name, (leads, _) in MOVES.items() if row["state"] in leads]
    return {**dict(row), "word": NAMES[row["state"]], "moves": moves}
