"""How many identifiers were registered: by enterprise, by hour or day, from counters kept in the rows' own transactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from core.access import EVERYWHERE, OF_ENTERPRISE, Principal, require_role
from core.database import store_errors
from core.errors import IdentifierMalformed, ParameterInvalid, RoleNotEnough
from core.identifier import fold_case, parse_prefix
from core.parameters import Parameters
from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from registry.room import Registry

_SQL = load_sql("registry", "counts.sql")
STEPS = {"hour": ("counts_by_hour", timedelta(days=31)), "day": ("counts_by_day", timedelta(days=366))}
MAX_ITEMS = 10_000


async def count(registry: Registry, principal: Principal, query: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """`enterprise`, `prefix`, `from`, `to` (the last 24 hours when missing), `by` (hour or day).

    An enterprise sees its own, also under prefixes that it has given away. Errors: `ParameterInvalid`, `RoleNotEnough`,
    `ScopeNotEnough`, `StoreUnavailable`.
    """
    require_role(principal, *EVERYWHERE, *OF_ENTERPRISE)
    asked = Parameters(query)
    by = asked.one_of("by", tuple(STEPS), "hour") or "hour"
    enterprise_id, prefix = asked.number("enterprise"), _prefix(asked)
    until = asked.time("to") or now
    since = asked.time("from") or until - timedelta(days=1)
    statement, longest = STEPS[by]
    if not since < until <= since + longest:
        en, zh = f"must be before to, by at most {longest.days} days", f"必须早于 to，且相差不超过 {longest.days} 天"
        asked.wrong("from", "range-invalid", en, zh)
    if asked.problems:
        raise ParameterInvalid(errors=tuple(asked.problems))
    if principal.role not in EVERYWHERE:
        if enterprise_id not in (None, principal.enterprise_id):
            raise RoleNotEnough("Your key sees its own enterprise only", "您的密钥只能查看本企业的数据")
        enterprise_id = principal.enterprise_id
    first = since.replace(minute=0, second=0, microsecond=0)
    with store_errors():
        rows = await registry.pool.fetch(_SQL[statement], enterprise_id, prefix, first, until, MAX_ITEMS + 1)
    if len(rows) > MAX_ITEMS:
        asked.wrong("from", "range-too-wide", f"gives more than {MAX_ITEMS} items", f"结果超过 {MAX_ITEMS} 项")
        raise ParameterInvalid(errors=tuple(asked.problems))
    items = [{**row, "since": rfc3339(row["since"])} for row in map(dict, rows)]
    return {
        "from": rfc3339(first),
        "to": rfc3339(until),
        "by": by,
        "registered": sum(row["registered"] for row in rows),
        "items": items,
    }


def _prefix(asked: Parameters) -> str | None:
    text = asked.text("prefix")
    try:
        return fold_case(parse_prefix(text)) if text else None
    except IdentifierMalformed as wrong:
        asked.problems.append(wrong.at("prefix"))
        return None
