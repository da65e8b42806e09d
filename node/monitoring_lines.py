"""How monitoring stands, for the command line: figures from the database, and lines for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.timestamps import rfc3339
from sync.monitoring.statistics import SQL

_MOST = 10


async def read_monitoring(connection: Any) -> dict[str, Any]:
    """Times are datetimes."""
    state = dict(await connection.fetchrow(SQL["read_state"]))
    sequence = dict(await connection.fetchrow(SQL["sequence"]))
    documents = [dict(row) for row in await connection.fetch(SQL["newest_documents"], _MOST)]
    kept = ("stopped", "last_error", "last_heartbeat_at", "clock_offset_milliseconds", "placeless")
    return {**{name: state[name] for name in kept}, **sequence, "documents": documents}


def monitoring_lines(said: dict[str, Any]) -> list[str]:
    waiting = said["last"] + 1 - said["next"]
    lines = [
        f"statistics 统计: sealed up to 已封存至 {said['last']:,}   waiting 待上报: {waiting:,}   "
        f"last heartbeat 最近心跳: {_shown(said['last_heartbeat_at'])}"
    ]
    if said["stopped"]:
        lines.append(f"STATISTICS STOPPED 统计上报已停止: {said['stopped']}   (biaojie sync send)")
    elif said["placeless"]:
        lines.append(
            "restored: the next heartbeat tells with which number statistics go on 已恢复：待心跳应答告知后续统计序号"
        )
    elif said["last_error"]:
        lines.append(f"last error 最近错误: {said['last_error']}")
    return lines


def _shown(at: datetime | None) -> str:
    return rfc3339(at) if at else "-"
