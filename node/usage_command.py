"""`biaojie usage`: what was registered and resolved, and how far the award is, as the database has it."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from typing import Any

from core.database import STORE_FAILURES
from core.settings import Settings
from core.web import now
from node.console import Refused, say
from node.preflight import connect_database
from node.running import require_database, with_running
from resolver.usage.report import STEPS, read_usage, whole_step

_SHOWN = {
    "minute": timedelta(hours=1),
    "hour": timedelta(days=1),
    "day": timedelta(days=31),
    "year": timedelta(days=3_653),
}
_WIDTH = 14


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", choices=tuple(STEPS), default="day", help="step of the lines 统计粒度")
    parser.add_argument("--json", action="store_true", help="as the API says it 以 JSON 输出")


async def show_usage(settings: Settings, options: argparse.Namespace) -> int:
    """The last hour by the minute, day by the hour, month by the day, or ten years, and the award of this year."""
    until = now()
    first = whole_step(until - _SHOWN[options.by], options.by, up=False)
    connection = await connect_database(require_database(with_running(settings)))
    try:
        said = await read_usage(connection, options.by, first, whole_step(until, options.by, up=True), None, until)
    except STORE_FAILURES as lost:
        raise Refused(f"the database was lost: {lost}", f"数据库连接中断：{lost}") from None
    finally:
        await connection.close()
    for line in [json.dumps(said, ensure_ascii=False)] if options.json else usage_lines(said):
        say(line)
    return 0


def usage_lines(said: dict[str, Any]) -> list[str]:
    """For people."""
    head = f"{'time 时间':<20}  {'registered 注册':>{_WIDTH}}  {'resolved 解析':>{_WIDTH}}  {'probes 探测':>{_WIDTH}}"
    lines = [head]
    for item in said["items"]:
        numbers = (item["registrations"], item["resolutions"], item["probes"])
        lines.append(f"{item['at']:<22}" + "".join(f"{number:>{_WIDTH + 4},}" for number in numbers))
    if said["registrations_without_minute"]:
        lines += ["", f"registered at a minute not known 分钟未知的注册: {said['registrations_without_minute']:,}"]
    lines += ["", f"lost with killed workers 进程被终止而未计入: {said['lost']['resolutions']:,}", ""]
    for year in said["award"]:
        daily, made = year["resolutions_a_day"], year["registrations_a_day"]
        lines.append(f"{year['year']}  award thresholds 奖励门槛")
        lines.append(_threshold("registrations this year 本年新增注册", year["registrations"]))
        lines.append(
            f"  registrations a day over {made['days']} days 日均注册（{made['days']} 天）: {made['average']:,}"
        )
        lines.append(_threshold(f"resolutions a day over {daily['days']} days 日均解析（{daily['days']} 天）", daily))
    return [*lines, "", said["rule"]["zh"], said["rule"]["en"]]


def _threshold(what: str, said: dict[str, Any]) -> str:
    verdict = "exceeded 已超过" if said["exceeded"] else "not yet 未达到"
    return f"  {what}: {said['counted']:,} / {said['threshold']:,}  ({said['margin']:+,})  {verdict}"
