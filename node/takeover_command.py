"""`biaojie sync takeover`: how orders of the top level stand, an operator's countersignature, standby data by hand."""

from __future__ import annotations

import argparse
from typing import Any

import orjson

from core.database import STORE_FAILURES, open_pool
from core.settings import Settings
from core.timestamps import rfc3339
from node.console import Refused, say
from node.operations import orders_of, standby_of
from node.peering import require_address
from node.running import require_database, with_running
from sync.access.transport import NotSent, OutcomeUnknown
from sync.takeover.order_book import SQL
from sync.takeover.standby import Refused as NotTaken

_MOST = 20


async def takeover(settings: Settings, options: argparse.Namespace) -> int:
    reachable = with_running(settings)
    url = require_database(reachable)
    work = {"list": _list, "accept": _accept, "standby": _standby}[options.what]
    try:
        pool = await open_pool(url, connections=3, timeout_seconds=reachable.database_timeout_seconds)
        try:
            return await work(reachable, options, pool)
        finally:
            await pool.close()
    except STORE_FAILURES as lost:
        raise Refused(f"the database was lost: {lost}", f"数据库连接中断：{lost}") from None


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        choices=("list", "accept", "standby"),
        help="orders; countersign one; send standby data 命令列表；会签；更新备援数据",
    )
    parser.add_argument("order", nargs="?", help="number of the order 命令编号")


async def _list(_settings: Settings, _: argparse.Namespace, pool: Any) -> int:
    rows = await pool.fetch(SQL["newest_orders"], _MOST)
    for row in rows:
        say(f"{row['order_id']:<32} {row['state']:<10} {rfc3339(row['effective_at'])} – {rfc3339(row['expires_at'])}")
    if not rows:
        say("biaojie: no orders 尚无接管命令")
    return 0


async def _accept(settings: Settings, options: argparse.Namespace, pool: Any) -> int:
    """The top level is told when it asks again."""
    if not options.order:
        raise Refused("accept needs the number of an order", "accept 需要命令编号")
    require_address(settings)
    said = await orders_of(settings, pool).accept(options.order)
    told = orjson.loads(said.body)
    if said.status != 200:
        raise Refused(f"{told['code']}: {options.order}", told["title"])
    say(f"biaojie: {options.order} is countersigned; registration is frozen from {told['registrationFrozenAt']} on")
    say(f"biaojie：{options.order} 已会签，注册自 {told['registrationFrozenAt']} 起冻结")
    return 0


async def _standby(settings: Settings, _: argparse.Namespace, pool: Any) -> int:
    require_address(settings)
    standby = standby_of(settings, pool)
    if standby is None:
        raise Refused("Standby data go by signed HTTP only", "备援数据仅经签名 HTTP 上报")
    try:
        manifest = await standby.send()
    except (NotSent, OutcomeUnknown, NotTaken) as wrong:
        raise Refused(f"Standby data cannot be sent: {wrong}", f"备援数据上报失败：{wrong}") from None
    finally:
        await standby.close()
    say(f"biaojie: standby data 备援数据 {manifest['snapshotId']}: {manifest['records']:,} records 条")
    return 0
