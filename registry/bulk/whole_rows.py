"""Rows of a lossless file: everything an identifier says and is, withdrawn ones too. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from core.errors import FieldProblem
from core.identifier import Identifier
from registry.bulk.layout import WHOLE, Column, Target
from registry.intake import parse_withdrawal

_VALUES = WHOLE["values"]


def is_whole(cells: Sequence[tuple[Column, str]]) -> bool:
    return any(column is _VALUES or column.index == _VALUES.index for column, _ in cells)


def body_of(identifier: str, cells: Sequence[tuple[Column, str]]) -> dict[str, Any]:
    """The same row as an item of the API; text that is not JSON stays text, which is no list of values."""
    said = {column.type: text for column, text in cells if text}
    body: dict[str, Any] = {"identifier": identifier, "values": _loaded(said.get("values", ""))}
    if "template" in said:
        body["template"] = said["template"]
    if "status" in said:
        body["status"] = said["status"]
    if "reason" in said or "successor" in said:
        body["withdrawn"] = {"reason": said.get("reason"), "successor": said.get("successor")}
    return body


def withdrawal_of(
    body: dict[str, Any], identifier: Identifier, target: Target, problems: list[FieldProblem]
) -> str | None:
    """JSON as the hot table keeps it where the row says that it is withdrawn; only a key that may withdraw may say so."""
    status = body.get("status", "active")
    if status == "active":
        return None
    if status != "withdrawn":
        problems.append(
            FieldProblem("status", "status-unknown", "must be active or withdrawn", "必须是 active 或 withdrawn")
        )
        return None
    if not target.may_withdraw:
        en, zh = "a withdrawn row takes a key with the scope withdraw", "导入已注销的标识需要具有 withdraw 权限的密钥"
        problems.append(FieldProblem("status", "scope-not-enough", en, zh))
        return None
    said = body.get("withdrawn")
    told = {name: said.get(name) for name in ("reason", "successor")} if isinstance(said, dict) else {}
    wish = parse_withdrawal(told, identifier, target.prefix.suffix_case_sensitive, problems)
    return orjson.dumps({"reason": wish.reason, "successor": wish.successor}).decode() if wish else None


def _loaded(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
