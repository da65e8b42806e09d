"""`biaojie sync`: run the exchange with the top level, look at it, hurry it, and keep its key."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson

from core.database import STORE_FAILURES
from core.settings import Settings
from core.timestamps import rfc3339
from node import escrow_command, peering_key_command, sync_runner, takeover_command
from node.console import Refused, say
from node.drill import command as drill_command
from node.monitoring_lines import monitoring_lines, read_monitoring
from node.peering import require_address, transport_of
from node.peering_key_watch import ends_of, key_lines
from node.personal_data import with_found_key
from node.preflight import connect_database
from node.running import require_database, with_running
from node.standby_lines import read_standby, standby_lines
from sync.access.status import poll_now, read_status, send_now
from sync.escrow import keeper as escrow_keeper
from sync.monitoring.statistics import go_on
from sync.monitoring.statistics import rewind as rewind_statistics
from sync.takeover.flow import rewind as rewind_changes


async def run(settings: Settings, _: argparse.Namespace) -> int:
    """In the foreground, until Ctrl-C; where `up` runs one, this one waits for its turn."""
    reachable = with_found_key(with_running(settings))
    require_database(reachable)
    require_address(reachable)
    await transport_of(reachable).close()  # what is missing is said at once
    return await sync_runner.work(reachable)


async def status(settings: Settings, options: argparse.Namespace) -> int:
    said = await _at_database(settings, _standing)
    ends = ends_of(settings)
    said["keys"] = [asdict(end) for end in ends]
    if options.json:
        say(orjson.dumps(said, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME).decode())
        return 0
    lines = (
        key_lines(ends, datetime.now(UTC))
        + status_lines(said)
        + monitoring_lines(said["monitoring"])
        + standby_lines(said["standby"])
    )
    say(
        "\n".join(lines + escrow_command.status_lines(said["escrow"]))
    )  # at once: who reads the first line only does not break it
    return 0


async def poll(settings: Settings, _: argparse.Namespace) -> int:
    await _at_database(settings, poll_now)
    say("biaojie: the queue of the top level is asked now 已要求立即轮询消息队列")
    return 0


async def send(settings: Settings, options: argparse.Namespace) -> int:
    if options.subject == "escrow":
        await _at_database(settings, escrow_keeper.send_now)
        say("biaojie: the deposit of today is made and sent now 已要求立即生成并发送当日托管")
        return 0
    await _at_database(settings, send_now)
    await _at_database(settings, go_on)
    say("biaojie: everything that waits is sent now 已要求立即发送全部待发命令")
    return 0


async def rewind(settings: Settings, options: argparse.Namespace) -> int:
    """Statistics, or changes of standby data, from a number on; what was frozen stays as it is, so nothing counts twice."""
    changes = options.subject == "changes"
    work = rewind_changes if changes else rewind_statistics
    again = await _at_database(settings, lambda connection: work(connection, options.sequence))
    en, zh = ("documents of changes", "变更报文") if changes else ("statistics", "统计")
    say(f"biaojie: {again:,} {en} are sent again 将重新上报 {again:,} 份{zh}")
    return 0


def status_lines(said: dict[str, Any]) -> list[str]:
    """For people."""
    figures = said["figures"]
    lines = [
        f"to be sent 待发: {figures['open']:,} (oldest 最早 {figures['oldest_seconds']:,.0f} s)   "
        f"awaiting audit 待审核: {figures['awaiting']:,}   refused 被拒: {figures['refused']:,}   failed 失败: {figures['failed']:,}",
        f"last answer 最近应答: {_shown(figures['last_answer_at'])}   last poll 最近轮询: {_shown(figures['last_poll_at'])}   "
        f"last acknowledged 最近确认: {_shown(figures['last_acknowledged_at'])}",
    ]
    if figures["stopped"]:
        lines.append(f"STOPPED 已停止发送: {figures['stopped']}   (biaojie sync send)")
    elif figures["last_error"]:
        lines.append(f"last error 最近错误: {figures['last_error']}")
    if figures["raised"]:
        lines.append(f"messages that somebody should look at 需人工查看的消息: {figures['raised']:,}")
    lines.append("")
    for one in said["commands"]:
        outcome = " ".join(str(part) for part in (one["code"], one["reason"] or one["last_error"]) if part is not None)
        lines.append(f"  {one['cl_trid']:<32} {one['kind']:<18} {one['about']:<24} {one['state']:<9} {outcome}")
    return lines


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(required=True, metavar="run|status|poll|send|rewind|reconcile|drill|takeover|keys")

    def verb(name: str, work: object, help_: str) -> argparse.ArgumentParser:
        added = what.add_parser(name, help=help_)
        added.set_defaults(run=work)
        return added

    verb("run", run, "exchange with the top level until Ctrl-C 与国家顶级节点交互")
    verb("status", status, "what waits, what was decided 查看待发、待审核与结果").add_argument(
        "--json", action="store_true", help="as JSON 以 JSON 输出"
    )
    verb("poll", poll, "ask the queue now 立即轮询消息队列")
    verb("send", send, "send what waits now, after a stop too 立即发送，停止后亦由此恢复").add_argument(
        "subject",
        nargs="?",
        choices=("commands", "escrow"),
        default="commands",
        help="commands (usual) or escrow 命令或数据托管",
    )
    escrow_command.add_reconcile_options(
        verb(
            "reconcile",
            escrow_command.reconcile,
            "compare with the top level's copy by digests 与国家顶级节点副本按摘要对账",
        )
    )
    again = verb("rewind", rewind, "send statistics or changes again from a number on 从指定序号起重新上报统计或变更")
    again.add_argument("sequence", type=int, help="first number 起始序号")
    again.add_argument(
        "subject",
        nargs="?",
        choices=("statistics", "changes"),
        default="statistics",
        help="statistics (usual), or changes of standby data 统计或备援数据的变更",
    )
    drill_command.add_options(
        verb("drill", drill_command.run_drill, "rehearse the acceptance against the box 对接验收演练")
    )
    takeover_command.add_options(
        verb("takeover", takeover_command.takeover, "orders of the top level 接管命令与备援数据")
    )
    peering_key_command.add_options(
        verb("keys", peering_key_command.keys, "keys and certificates of peering 对接所用的密钥与证书")
    )


async def _standing(connection: Any) -> dict[str, Any]:
    more = {
        "monitoring": await read_monitoring(connection),
        "standby": await read_standby(connection),
        "escrow": await escrow_keeper.read_status(connection),
    }
    return await read_status(connection) | more


async def _at_database(settings: Settings, work: Any) -> Any:
    connection = await connect_database(require_database(with_running(settings)))
    try:
        return await work(connection)
    except STORE_FAILURES as lost:
        raise Refused(f"the database was lost: {lost}", f"数据库连接中断：{lost}") from None
    finally:
        await connection.close()


def _shown(at: datetime | None) -> str:
    return rfc3339(at) if at else "-"


def _plain(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else str(value)
