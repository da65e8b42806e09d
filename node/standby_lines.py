"""How standby data stand, for the command line: figures from the database, and lines for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.timestamps import rfc3339
from sync.takeover.standby import SQL


async def read_standby(connection: Any) -> dict[str, Any]:
    """Times are datetimes. `waiting`: documents of changes that the top level has not acknowledged."""
    position = await connection.fetchrow(SQL["position"])
    base, kept = await connection.fetchrow(SQL["last_snapshot"]), await connection.fetchrow(SQL["changes_kept"])
    return {
        "base": base["snapshot_id"] if base is not None else None,
        "records": base["records"] if base is not None else 0,
        "stream": str(position["stream"]),
        "number": position["number"],
        "followed": position["seen"] is not None,
        "waiting": kept["waiting"],
        "kept_from": kept["first"],
        "kept_lines": kept["lines"],
        "kept_bytes": kept["bytes"],
        "last_acknowledged_at": kept["last_acknowledged_at"],
        "whole_at": position["whole_at"],
        "last_error": position["last_error"],
    }


def standby_lines(said: dict[str, Any]) -> list[str]:
    lines = [
        f"standby data 备援数据: {said['base'] or '-'} ({said['records']:,})   changes up to 变更至 {said['number']:,}   "
        f"waiting 待上报: {said['waiting']:,}   current as of 数据时间: {_shown(said['whole_at'])}"
    ]
    if said["last_error"]:
        lines.append(f"last error 最近错误: {said['last_error']}")
    return lines


def _shown(at: datetime | None) -> str:
    return rfc3339(at) if at else "-"
