"""One verb: what was registered and resolved, from stored totals. Nothing is counted live."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any

from core.access import EVERYWHERE, OF_ENTERPRISE, Principal, Scope, require_role, require_scope
from core.database import store_errors
from core.directory import Directory
from core.errors import ParameterInvalid, PrefixNotYours
from core.identifier import fold_case
from core.parameters import Parameters
from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from resolver.usage.award import RULE_EN, RULE_ZH, Year, days_counted

_SQL = load_sql("resolver", "usage.sql")
BEIJING = timezone(timedelta(hours=8))
# How finely, by which statements, and over how long a time at most.
STEPS = {
    "minute": timedelta(days=2),
    "hour": timedelta(days=62),
    "day": timedelta(days=3_660),
    "year": timedelta(days=36_600),
}
MAX_ITEMS = 5_000


async def usage(
    pool: Any, directory: Directory, principal: Principal, query: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    """`from`, `to` (the last 24 hours when missing), `by` (minute, hour, day, year), `prefix`.

    Operators and auditors see the node and its award thresholds, an enterprise its own prefixes. Minutes are kept for as
    long as `BIAOJIE_USAGE_MINUTES_DAYS` says, days for ever. Registrations count in the minute in which their transaction began.
    Errors: `ParameterInvalid`, `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`.
    """
    require_role(principal, *EVERYWHERE, *OF_ENTERPRISE)
    require_scope(principal, Scope.READ_PRIVATE)
    asked = Parameters(query)
    by = asked.one_of("by", tuple(STEPS), "hour") or "hour"
    until = asked.time("to") or now
    since = asked.time("from") or until - timedelta(days=1)
    if not since < until <= since + STEPS[by]:
        longest = STEPS[by].days
        asked.wrong(
            "from",
            "range-invalid",
            f"must be before to, by at most {longest} days",
            f"必须早于 to，且相差不超过 {longest} 天",
        )
    if asked.problems:
        raise ParameterInvalid(errors=tuple(asked.problems))
    prefixes = _prefixes(directory, principal, asked.text("prefix"))
    first, last = whole_step(since, by, up=False), whole_step(until, by, up=True)
    with store_errors():
        return await read_usage(pool, by, first, last, prefixes, now)


async def read_usage(
    pool: Any, by: str, first: datetime, last: datetime, prefixes: list[str] | None, now: datetime
) -> dict[str, Any]:
    """The totals of `prefixes` (None: the whole node) from `first` until `last`, whole steps. Raises as asyncpg does."""
    rows = await pool.fetch(_SQL[f"by_{by}"], first, last, prefixes, MAX_ITEMS)
    registered = await _registered(pool, by, first, last, prefixes)
    unplaced = await pool.fetchval(_SQL["registered_without_minute"], first, last, prefixes) if by == "minute" else 0
    kinds = await pool.fetch(_SQL["by_kind"], first, last, prefixes)
    losses = await pool.fetchrow(_SQL["losses"], first, last)
    years = [await read_year(pool, now)] if prefixes is None else []
    items = {row["at"]: (row["resolutions"] or 0, row["probes"] or 0) for row in rows}
    moments = sorted(items.keys() | registered.keys())
    return {
        "from": rfc3339(first),
        "to": rfc3339(last),
        "by": by,
        "resolutions": sum(resolutions for resolutions, _ in items.values()),
        "registrations": sum(registered.values()),
        "registrations_without_minute": unplaced,
        "items": [_item(at, registered.get(at, 0), *items.get(at, (0, 0))) for at in moments],
        "kinds": [dict(row) for row in kinds],
        "lost": {
            "resolutions": losses["lost"],
            "runs": losses["runs"],
            "runs_of_unknown_loss": losses["unknown"],
        },
        "award": [year.as_json() for year in years],
        "rule": {"en": RULE_EN, "zh": RULE_ZH},
    }


def _item(at: datetime, registrations: int, resolutions: int, probes: int) -> dict[str, Any]:
    return {"at": rfc3339(at), "registrations": registrations, "resolutions": resolutions, "probes": probes}


async def read_year(pool: Any, now: datetime) -> Year:
    """The calendar year so far."""
    today = now.astimezone(BEIJING).date()
    first, until = _midnight(date(today.year, 1, 1)), _midnight(today)
    rows = await pool.fetch(_SQL["by_year"], first, until, None, 2)
    registered = await _registered(pool, "year", first, now, None)
    of_whole_days = await _registered(pool, "year", first, until, None)
    resolutions = sum(row["resolutions"] or 0 for row in rows)
    days = days_counted(today.year, today)
    return Year(today.year, sum(registered.values()), resolutions, days, sum(of_whole_days.values()))


async def _registered(
    pool: Any, by: str, first: datetime, last: datetime, prefixes: list[str] | None
) -> dict[datetime, int]:
    """By the hour and coarser all that were registered; by the minute those whose minute is known."""
    if by == "minute":
        rows = await pool.fetch(_SQL["registered_by_minute"], first, last, prefixes, MAX_ITEMS)
    else:
        rows = await pool.fetch(_SQL["registered"], by, first, last, prefixes, MAX_ITEMS)
    return {row["at"]: row["registrations"] for row in rows}


def _prefixes(directory: Directory, principal: Principal, named: str | None) -> list[str] | None:
    """Canonical prefixes to look at, None for all. Raises `PrefixNotYours`."""
    own = None if principal.role in EVERYWHERE else directory.prefixes_of(principal.enterprise_id)
    if named is None:
        return own
    key = fold_case(named)
    if own is not None and key not in own:
        raise PrefixNotYours(f"Your key does not hold the prefix {named}", f"您的密钥不具有前缀 {named} 的权限")
    return [key]


def whole_step(moment: datetime, by: str, *, up: bool) -> datetime:
    """The edge of the step, in Beijing time, that `moment` lies in (`up`: or the one after)."""
    local = moment.astimezone(BEIJING)
    if by == "minute":
        edge, step = local.replace(second=0, microsecond=0), timedelta(minutes=1)
    elif by == "hour":
        edge, step = local.replace(minute=0, second=0, microsecond=0), timedelta(hours=1)
    else:
        edge, step = local.replace(hour=0, minute=0, second=0, microsecond=0), timedelta(days=1)
    return edge + step if up and edge < local else edge


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING)
