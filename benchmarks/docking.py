"""Docking with the top level: statistics after a day in which it was away, and many enterprises provisioned at once.

    python -m benchmarks.docking                       # 1,000 prefixes in the statistics, 1,000 enterprises
    python -m benchmarks.docking --enterprises 100

A node and the top-level node in a box in this process, on PostgreSQL and Redis of their own, as the drill of docking has them.
Statistics: 24 hours of counts by minute, prefix and door are sealed while the box is away; then until all is acknowledged, and the
box's totals beside the node's. Provisioning: applications are written and approved here first; then until each is active, with
its enterprise and its prefix at the box once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from benchmarks.results import Run
from core.settings import load_settings
from node.drill.access import apply, credit_code
from node.drill.monitoring import counted
from node.drill.stand import Stand, own_database, stand_on
from node.load.own_node import plain_node
from sync.monitoring.figures import whole_hour
from sync.toplevel.collector import totals

_HOURS = 24
_PATIENCE_SECONDS = 600.0
_AT_ONCE = 4  # applications being written
_FILL_ANSWERED = """
INSERT INTO usage_minute (minute, prefix, door, outcome, probe, slot, resolutions)
SELECT $1::timestamptz + make_interval(mins => minute), $2 || '.' || number, door, outcome, false, 99, 1 + (minute * number) % 97
FROM generate_series(0, 59, 15) minute, generate_series(1, $3::integer) number,
     (VALUES ('handle-json', 'found'), ('handle-tcp', 'found'), ('handle-udp', 'unknown'), ('gs1', 'referred')) kind (door, outcome)
"""
_FILL_REGISTERED = """
INSERT INTO enterprise_count (enterprise_id, prefix, hour, slot, registered)
SELECT 1, $2 || '.' || number, $1, 99, number FROM generate_series(1, $3::integer) number
"""


async def main(options: argparse.Namespace, database_url: str, redis_url: str) -> bool:
    made = Run("docking", {"prefixes": options.prefixes, "enterprises": options.enterprises})
    settings = load_settings(
        database_url=SecretStr(database_url), redis_url=SecretStr(redis_url), applications_per_hour=options.enterprises
    )
    async with own_database(database_url) as url:
        with tempfile.TemporaryDirectory(prefix="biaojie-docking-") as folder:
            own = settings.model_copy(update={"database_url": SecretStr(url)})
            async with stand_on(own, Path(folder)) as stand:
                told = await _statistics(stand, options.prefixes, made)
                once = await _provisioning(stand, options.enterprises, made)
    made.verdict = "equal, and once each" if told and once else "WRONG"
    print(f"raw data: {made.write().relative_to(Path.cwd())}")
    return told and once


async def _statistics(stand: Stand, prefixes: int, made: Run) -> bool:
    await stand.tell()
    first, own = whole_hour(stand.clock()), stand.settings.node_prefix
    await stand.pool.execute("INSERT INTO enterprise (name) VALUES ('benchmark')")
    for number in range(_HOURS):
        hour = first + timedelta(hours=number)
        await stand.pool.execute(_FILL_ANSWERED, hour, own, prefixes)
        await stand.pool.execute(_FILL_REGISTERED, hour, own, prefixes)
    stand.turn(vanish=-1)
    stand.clock.passed += timedelta(hours=_HOURS + 1)
    began = time.perf_counter()
    await stand.tell()
    sealing = time.perf_counter() - began
    stand.turn()
    began = time.perf_counter()
    while await _waiting(stand) and time.perf_counter() - began < _PATIENCE_SECONDS:
        await stand.tell()
    took = time.perf_counter() - began
    there = totals(stand.desk, stand.account["app_id"])
    here = await counted(stand, first - timedelta(hours=1), whole_hour(stand.clock() - timedelta(minutes=10)))
    equal = {name: there[name] for name in here} == here
    figures = {"seconds": took, "hours": there["hours"], "prefixes": prefixes, "resolutions": here["resolved"]}
    made.add("statistics of 24 h", figures | {"sealing s": sealing, "totals equal": equal})
    print(
        f"statistics: {there['hours']} hours of {prefixes:,} prefixes told in {took:.2f} s, totals equal: {equal}",
        flush=True,
    )
    return equal


async def _waiting(stand: Stand) -> int:
    return int(await stand.pool.fetchval("SELECT sum(1) FROM statistics_document WHERE acknowledged_at IS NULL") or 0)


async def _provisioning(stand: Stand, enterprises: int, made: Run) -> bool:
    stand.turn(audit="hold", vanish=-1)
    lanes, own = asyncio.Semaphore(_AT_ONCE), stand.settings.node_prefix

    async def written(number: int) -> None:
        async with lanes:
            await apply(stand, f"基准企业 {number}", credit_code(number), f"{own}.{10_000 + number}")

    began = time.perf_counter()
    await asyncio.gather(*map(written, range(1, enterprises + 1)))
    writing = time.perf_counter() - began
    stand.turn(audit="approve", audit_delay_milliseconds=0)
    began = time.perf_counter()
    while (active := await _active(stand)) < enterprises and time.perf_counter() - began < _PATIENCE_SECONDS:
        await stand.exchange()
        await asyncio.sleep(0)
    took = time.perf_counter() - began
    rows: list[Any] = stand.desk.store.all("newest_log", most=1_000_000)
    created = [row["about"] for row in rows if row["verb"] == "create" and row["code"] in (1000, 1001)]
    once = active == enterprises and len(created) == len(set(created)) == 2 * enterprises
    made.add(
        f"{enterprises:,} enterprises",
        {"seconds": took, "active": active, "writing s": writing, "created once each": once},
    )
    print(
        f"provisioning: {active:,} enterprises active in {took:.1f} s (written in {writing:.1f} s), once each: {once}"
    )
    return once


async def _active(stand: Stand) -> int:
    return int(await stand.pool.fetchval("SELECT sum(1) FROM application WHERE state = 'active'") or 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prefixes", type=int, default=1_000)
    parser.add_argument("--enterprises", type=int, default=1_000)
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-") as directory:
        place = Path(directory)
        place.chmod(0o711)
        with plain_node(place, 1) as servers:
            redis_url = json.loads((servers.data / "running.json").read_text())["redis_url"]
            raise SystemExit(0 if asyncio.run(main(parser.parse_args(), servers.database_url, redis_url)) else 1)
