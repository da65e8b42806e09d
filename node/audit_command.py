"""`biaojie audit verify` and `biaojie audit list`: the audit as the database has it, without asking the node."""

from __future__ import annotations

import argparse
import re

from tqdm import tqdm

from core.database import STORE_FAILURES
from core.errors import ParameterInvalid
from core.settings import Settings
from node.console import Refused, complain, say
from node.preflight import connect_database
from node.running import require_database, with_running
from registry.audit.verify import SQL, KeyNeeded, Step, walk
from registry.verbs.list_audit import page_of_audit

INTACT, TOUCHED, UNKNOWN = 0, 1, 2
_HEAD = re.compile(r"(?:([0-9]{1,18}):)?([0-9a-f]{64})")
_SHOWN = 50
_PAGE = 500


async def verify(settings: Settings, options: argparse.Namespace) -> int:
    """Exit status 0: nothing was touched; 1: something was, and what; 2: it cannot be said."""
    head = _HEAD.fullmatch(options.head or "")
    if options.head and head is None:
        complain(
            "--head is NUMBER:HASH, as verify and the node's log print it",
            "--head 的格式为 序号:散列，见校验输出或节点日志",
        )
        return UNKNOWN
    try:
        connection = await connect_database(require_database(with_running(settings)))
    except Refused as wrong:
        complain(wrong.message_en, wrong.message_zh)
        return UNKNOWN
    try:
        newest = await connection.fetchval(SQL["newest_seal"]) or 0
        key = settings.audit_key.get_secret_value().encode()
        report = _Report(int(head[1]) if head and head[1] else None, head[2] if head else None)
        with tqdm(
            total=max(0, newest - options.from_seal + 1), desc="verifying 校验", unit="seal", mininterval=0.2
        ) as bar:
            async for step in walk(connection, options.from_seal, key):
                report.take(step)
                bar.update()
    except KeyNeeded:
        complain(
            "the seals are keyed: set BIAOJIE_AUDIT_KEY to the key of the node",
            "封条带密钥：请将 BIAOJIE_AUDIT_KEY 设为节点的密钥",
        )
        return UNKNOWN
    except STORE_FAILURES as lost:
        complain(f"the database was lost: {lost}", f"数据库连接中断：{lost}")
        return UNKNOWN
    finally:
        await connection.close()
    return report.end()


class _Report:
    """What a walk has found so far; the head that is looked for is (number or None, hash or None)."""

    def __init__(self, number: int | None, head: str | None) -> None:
        self._number, self._wanted = number, head
        self._met = head is None
        self._findings = self._seals = self._entries = self._last = 0
        self._head = ""

    def take(self, step: Step) -> None:
        self._seals += 1
        self._entries += step.entries
        self._last, self._head = step.seal, step.head.hex()
        self._met = self._met or (self._head == self._wanted and self._number in (None, step.seal))
        for finding in step.findings:
            self._findings += 1
            if self._findings <= _SHOWN:
                say(f"seal 封条 {finding.seal}: {finding.en}\n  {finding.zh}")

    def end(self) -> int:
        if not self._met:
            self._findings += 1
            say("the head that was kept is not in the chain: its end was cut, or the chain was written anew")
            say("  保存的链头不在链中：链尾被截断，或整条链被重写")
        say(f"biaojie: {self._seals:,} seals, {self._entries:,} entries: {self._findings or 'nothing'} touched")
        say(
            f"biaojie：共 {self._seals:,} 个封条、{self._entries:,} 条记录："
            + (f"发现 {self._findings} 处改动" if self._findings else "未发现改动")
        )
        if self._head:
            say(f"head 链头 {self._last}:{self._head}")
        return TOUCHED if self._findings else INTACT


async def list_(settings: Settings, options: argparse.Namespace) -> int:
    """A line an entry, newest first."""
    named = {
        "from": options.since,
        "to": options.until,
        "actor": options.actor,
        "action": options.action,
        "object": options.object,
    }
    query = {name: text for name, text in named.items() if text}
    connection = await connect_database(require_database(with_running(settings)))
    left = options.limit
    try:
        while left > 0:
            page = await page_of_audit(connection, query, min(left, _PAGE), None)
            for one in page["items"]:
                who = f"{one['by']['key_id']} {one['by']['label']}".strip() if one["by"] else "-"
                say(
                    f"{one['at']}  {one['action']:<20} {one['identifiers']:>8}  {one['object']}  [{who}] {one['source'] or ''}"
                )
            left -= len(page["items"])
            if page["next"] is None:
                break
            query["before"] = page["next"]
    except ParameterInvalid as wrong:
        raise Refused(wrong.en, wrong.zh) from None
    finally:
        await connection.close()
    return 0


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(required=True, metavar="verify|list")
    one = what.add_parser("verify", help="find what was changed behind the audit's back 校验审计链")
    one.add_argument("--from-seal", type=_number, default=1, metavar="N", help="trust what is before 从第 N 个封条开始")
    one.add_argument("--head", metavar="N:HASH", help="a head kept elsewhere that must be in the chain 另行保存的链头")
    one.set_defaults(run=verify)
    two = what.add_parser("list", help="show entries, newest first 列出审计记录")
    two.add_argument("--limit", type=_number, default=50, help="most entries 最多条数")
    two.add_argument("--since", metavar="TIME", help="2026-03-01T08:00:00+08:00 起始时间")
    two.add_argument("--until", metavar="TIME", help="结束时间")
    two.add_argument("--actor", metavar="KEY_ID", help="who 密钥编号")
    two.add_argument("--action", help="what was done, such as withdraw 操作")
    two.add_argument("--object", help="what it was done to 对象")
    two.set_defaults(run=list_)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**62):
        raise argparse.ArgumentTypeError("a whole number from 1 on 须为正整数")
    return int(text)
