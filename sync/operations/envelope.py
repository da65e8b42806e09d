"""What every document of `idis-ops/1` begins with, and its errors. Pure: number and time are passed in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sync.operations.shapes import FORMAT

# code -> (HTTP status, title, whether the same may be sent again)
ERRORS = {
    "bad-message": (400, "报文不符合格式", False),
    "bad-signature": (401, "签名校验失败", False),
    "app-disabled": (403, "应用已停用", False),
    "unknown-order": (404, "命令不存在", False),
    "order-conflict": (409, "同一命令编号内容不一致，或状态不允许", False),
    "expired": (410, "命令已过期", False),
    "foreign-prefix": (422, "前缀不属于本节点", False),
    "wrong-digest": (422, "摘要不一致", True),
    "busy": (503, "请稍后重试", True),
}


def envelope(kind: str, sln: str, message_id: str, now: datetime) -> dict[str, Any]:
    return {"format": FORMAT, "kind": kind, "sln": sln, "messageId": message_id, "sentAt": time_text(now)}


def time_text(at: datetime) -> str:
    """`2026-11-22T03:00:00Z`; parts of a second only where there are any."""
    local = at.astimezone(UTC).replace(tzinfo=None)
    return local.isoformat(timespec="milliseconds" if local.microsecond else "seconds") + "Z"


def read_time(text: str) -> datetime:
    """Of a text that has the form. Raises ValueError for what is no time all the same."""
    return datetime.fromisoformat(text)


def error(code: str, title: str = "") -> tuple[int, dict[str, Any]]:
    """HTTP status and body."""
    status, usual, again = ERRORS[code]
    return status, {"format": FORMAT, "kind": "error", "code": code, "title": title or usual, "retry": again}
