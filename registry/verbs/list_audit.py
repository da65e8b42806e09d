"""The audit, newest first: who did what, when, from where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core.access import EVERYWHERE, Principal, Role, require_role
from core.database import store_errors
from core.errors import ParameterInvalid
from core.parameters import Parameters
from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from registry.room import Registry

_SQL = load_sql("registry", "audit.sql")
SCANNED = 10_000  # entries looked at for one page, at most
_LONGEST_TRANSACTION = timedelta(minutes=15)
_POSITION = re.compile(r"([0-9]{1,20})-([0-9]{1,19})")
_BEGINNING, _END = ("0", 0), ("9223372036854775807", 2**63 - 1)
_ACTION = re.compile(r"[a-z-]{1,40}")


async def list_audit(registry: Registry, principal: Principal, query: Mapping[str, str], limit: int) -> dict[str, Any]:
    """`from`, `to`, `actor` (key id), `action`, `object`, `before` (`next` of the page before).

    An enterprise's administrator sees what its own keys did. A page may have fewer items than `limit`, even none: it goes on
    while `next` is there. Errors: `ParameterInvalid`, `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`.
    """
    require_role(principal, *EVERYWHERE, Role.ENTERPRISE)
    enterprise_id = None if principal.role in EVERYWHERE else principal.enterprise_id
    return await page_of_audit(registry.pool, query, limit, enterprise_id)


async def page_of_audit(pool: Any, query: Mapping[str, str], limit: int, enterprise_id: int | None) -> dict[str, Any]:
    """The same for who may see all of it, or all that one enterprise did. Errors: `ParameterInvalid`, `StoreUnavailable`."""
    asked = Parameters(query)
    since, until = asked.time("from"), asked.time("to")
    actor, action, about = asked.text("actor"), asked.text("action"), asked.text("object", 600)
    if action is not None and not _ACTION.fullmatch(action):
        asked.wrong("action", "action-invalid", "must be small letters and hyphens", "必须由小写字母和连字符组成")
    before = _position(asked)
    if asked.problems:
        raise ParameterInvalid(errors=tuple(asked.problems))
    with store_errors():
        low = await pool.fetchrow(_SQL["sealed_before"], since) if since else None
        high = await pool.fetchrow(_SQL["sealed_after"], until + _LONGEST_TRANSACTION) if until else None
        top = min(
            (one for one in (before, (high["xid"], high["id"]) if high else None) if one), key=_order, default=_END
        )
        bottom = (low["xid"], low["id"]) if low else _BEGINNING
        rows = await pool.fetch(
            _SQL["page_of_entries"], *top, *bottom, SCANNED, enterprise_id, actor, action, about, since, until, limit
        )
    more = len(rows) == limit or (rows and rows[-1]["place"] == SCANNED)
    position = f"{rows[-1]['xid']}-{rows[-1]['id']}" if more else None
    return {"items": [_entry(row) for row in rows if row["wanted"]], "next": position}


def _entry(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "at": rfc3339(row["at"]),
        "by": {"key_id": row["key_id"], "label": row["label"]} if row["key_id"] else None,
        "action": row["action"],
        "object": row["object"],
        "identifiers": row["identifiers"],
        "source": row["source"],
        "request_id": row["request_id"],
    }


def _position(asked: Parameters) -> tuple[str, int] | None:
    text = asked.text("before")
    if text is None:
        return None
    found = _POSITION.fullmatch(text)
    if found and int(found[1]) < 2**64 and int(found[2]) < 2**63:
        return found[1], int(found[2])
    asked.wrong("before", "position-invalid", "must be `next` of the page before", "必须是上一页的 `next`")
    return None


def _order(position: tuple[str, int]) -> tuple[int, int]:
    return int(position[0]), position[1]
