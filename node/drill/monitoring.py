"""4.3 Operation monitoring: heartbeats, and hourly statistics through a day in which the top level was away."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from node.drill.evidence import Found
from node.drill.stand import Stand
from sync.monitoring.figures import whole_hour
from sync.toplevel.collector import totals
from sync.toplevel.monitor_doors import HEARTBEAT_SECONDS, SILENT_AFTER, seen

_HOURS = 24
_DRAIN_SECONDS = 60.0
FAULTS = ("vanish", "lose_answer", "http_error", "garbage", "bad_signature", "clock skew")


async def monitoring(stand: Stand, found: Found) -> None:
    found.faults = FAULTS
    await _heartbeat(stand, found)
    first = whole_hour(stand.clock())
    await stand.tell()
    await _busy_day(stand, first)
    stand.turn(vanish=-1)
    stand.clock.passed += timedelta(hours=_HOURS + 1)
    await stand.tell()
    waiting = await stand.pool.fetchval("SELECT count(*) FROM statistics_document WHERE acknowledged_at IS NULL")
    found.check(
        "对端中断期间按小时封存，空闲小时亦封存", "each hour is sealed while the other end is away, empty ones too",
        waiting >= _HOURS, waiting=waiting,
    )  # fmt: skip
    stand.turn(lose_answer=3, http_error=2, garbage=1, bad_signature=1)
    began = time.monotonic()
    while time.monotonic() - began < _DRAIN_SECONDS:
        await stand.tell()
        if not await stand.pool.fetchval("SELECT count(*) FROM statistics_document WHERE acknowledged_at IS NULL"):
            break
    seconds = round(time.monotonic() - began, 2)
    told = totals(stand.desk, stand.account["app_id"])
    found.check(
        f"中断一天的积压在 {_DRAIN_SECONDS:.0f} 秒内补报完毕", f"the backlog of a day is told within {_DRAIN_SECONDS:.0f} s",
        told["hours"] >= _HOURS, seconds=seconds, hours=told["hours"],
    )  # fmt: skip
    expected = await counted(stand, first - timedelta(hours=1), whole_hour(stand.clock() - timedelta(minutes=10)))
    same = {name: told[name] for name in expected}
    found.check("合计与本节点一致", "totals are equal to the last unit", same == expected, told=same, counted=expected)
    _audit_sequence(stand, found)
    stand.turn(clock_skew_seconds=0)


async def _heartbeat(stand: Stand, found: Found) -> None:
    stand.turn()
    beaten = await stand.monitor.beat()
    heard = seen(stand.desk, stand.account)
    found.check(
        "心跳得到应答", "a heartbeat is answered", beaten and not heard["silent"], state=heard["heartbeat"]["state"]
    )
    stand.turn(clock_skew_seconds=HEARTBEAT_SECONDS * SILENT_AFTER + 10)
    silent = seen(stand.desk, stand.account)["silent"]
    stand.turn(clock_skew_seconds=0)
    found.check(
        f"连续 {SILENT_AFTER} 个周期无心跳即判为失联", f"silence of {SILENT_AFTER} intervals is noticed", silent
    )
    stand.turn(vanish=1)
    lost = await stand.monitor.beat()
    stand.turn()
    found.check(
        "丢失的心跳不补发",
        "a lost heartbeat is lost, and the next is answered",
        not lost and await stand.monitor.beat(),
    )


async def _busy_day(stand: Stand, first: datetime) -> None:
    """Counts as workers would have stored them, hour by hour; every fourth hour is empty."""
    prefix = f"{stand.settings.node_prefix}.1001"
    enterprise = await stand.pool.fetchval("SELECT coalesce(min(id), 1) FROM enterprise")
    for number in range(1, _HOURS):
        if number % 4:
            at = first + timedelta(hours=number)
            await stand.pool.execute(
                "INSERT INTO enterprise_count (enterprise_id, prefix, hour, slot, registered) VALUES ($1, $2, $3, 99, $4)",
                enterprise, prefix, at, 100 + number,
            )  # fmt: skip
            await stand.pool.executemany(
                "INSERT INTO usage_minute (minute, prefix, door, outcome, probe, slot, resolutions) VALUES ($1, $2, $3, $4, false, 99, $5)",
                [(at, prefix, "handle-tcp", "found", 1_000 + number), (at, prefix, "handle-json", "unknown", number)],
            )  # fmt: skip


async def counted(stand: Stand, since: datetime, until: datetime) -> dict[str, int]:
    """What this node has stored, added up here in another way than by hours."""
    registered = await stand.pool.fetchval(
        "SELECT coalesce(sum(registered), 0)::bigint FROM enterprise_count WHERE hour >= $1 AND hour < $2", since, until
    )
    rows = await stand.pool.fetch(
        "SELECT outcome, sum(resolutions)::bigint AS n FROM usage_minute WHERE NOT probe AND minute >= $1 AND minute < $2 "
        "GROUP BY 1",
        since,
        until,
    )
    by_outcome = {row["outcome"]: row["n"] for row in rows}
    return {
        "registered": registered,
        "resolved": by_outcome.get("found", 0),
        "notFound": by_outcome.get("unknown", 0) + by_outcome.get("withdrawn", 0),
        "referred": by_outcome.get("referred", 0),
    }


def _audit_sequence(stand: Stand, found: Found) -> None:
    rows: list[Any] = stand.desk.store.all("newest_statistics", app_id=stand.account["app_id"], most=10_000)
    numbers = sorted(row["seq"] for row in rows)
    whole = numbers == list(range(1, len(numbers) + 1))
    found.check("序号连续、无重号", "numbers without a hole, none twice", whole, first=numbers[:1], last=numbers[-1:])
