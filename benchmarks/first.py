"""Single registrations and resolutions over HTTP, beside their limits, interleaved in one run.

    make bench-first                      # 5 rounds of 5 s each, about 3 minutes
    python -m benchmarks.first --rounds 1 --seconds 1 --workers 2

Starts a node of its own on an empty data directory; needs wrk, pgbench and redis-benchmark, and says which is missing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measured import Measured, table
from benchmarks.own_node import Bench, hello, output, own_node, post, real_part
from benchmarks.wrk import Load, wrk

KNOWN = 20_000  # few enough that every worker holds them all after the warming up
_CONNECTIONS_READ, _CONNECTIONS_WRITE = 64, 256
_CONNECTIONS_BATCH, BATCH = 4, 2_000
_WARMING = 2  # runs before the first round, so that memory answers and not the tiers behind it

# Models and serials like the real ones; every request another of the known identifiers, at random.
_RESOLVE = """
math.randomseed(os.time())
request = function()
  local n = math.random(0, {known} - 1)
  return wrk.format("GET", string.format("/api/handles/{prefix}/{model}-%08d", n))
end
"""
_REGISTER = """
local n = {first}
local headers = {{["Authorization"] = "Bearer {key}", ["Content-Type"] = "application/json"}}
request = function()
  n = n + 1
  local body = string.format('{{"identifier":"{prefix}/{model}-%010d","values":{values}}}', n)
  return wrk.format("POST", "/api/v1/identifiers", headers, body)
end
"""
_BATCH = """
local n = {first}
local headers = {{["Authorization"] = "Bearer {key}", ["Content-Type"] = "application/json"}}
request = function()
  local items = {{}}
  for i = 1, {size} do
    n = n + 1
    items[i] = string.format('{{"identifier":"{prefix}/{model}-%012d","values":{values}}}', n)
  end
  return wrk.format("POST", "/api/v1/identifiers:batch", headers, '{{"items":[' .. table.concat(items, ",") .. ']}}')
end
"""
_PGBENCH = """
\\set serial random(1, 1000000000000)
INSERT INTO limit_identifier (key, value) VALUES ('88.118.8/{model}-' || :serial, '{values}') ON CONFLICT DO NOTHING;
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    for program in ("wrk", "pgbench", "redis-benchmark"):
        if shutil.which(program) is None:
            print(
                f"{program} is not installed; its line would be empty. Debian: apt-get install wrk postgresql-contrib redis-tools"
            )
            return 1
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-") as place:
        os.chmod(place, 0o711)
        with own_node(Path(place), options.workers, options.seconds) as bench, hello(options.workers) as hello_url:
            _prepare(bench)
            lines = _measure(bench, hello_url, options.rounds)
    _report(lines, options)
    return 1 if any(line.wrong for line in lines.values()) else 0


def _measure(bench: Bench, hello_url: str, rounds: int) -> dict[str, Measured]:
    model, values = real_part()
    started = time.time_ns() // 1_000_000
    runs: dict[str, Callable[[int], Load]] = {
        "aiohttp hello, 64 connections": lambda _: _http(bench, hello_url, _CONNECTIONS_READ),
        "resolve, 64 connections": lambda _: _http(
            bench, bench.base_url, _CONNECTIONS_READ, _RESOLVE.format(known=KNOWN, prefix=bench.prefix, model=model)
        ),
        "register one, 256 connections": lambda turn: _http(
            bench,
            bench.base_url,
            _CONNECTIONS_WRITE,
            _REGISTER.format(
                first=(started % 1_000_000) * 10_000 + turn * 10_000_000,
                key=bench.key,
                prefix=bench.prefix,
                model=model,
                values=values,
            ),
        ),
        "register 2,000 a request, 4 connections": lambda turn: _batches(bench, started + turn, model, values),
        "pgbench single INSERT, 50 clients": lambda _: _pgbench(bench, model, values),
        "redis-benchmark GET, P=1, 50 clients": lambda _: _redis_benchmark(bench),
    }
    lines = {name: Measured(name) for name in runs}
    for _ in range(_WARMING):
        runs["resolve, 64 connections"](0)
    for turn in range(rounds):
        for name, run in runs.items():
            lines[name].add(run(turn))
            print(f"  round {turn + 1}/{rounds}  {name:<40} {lines[name].rates[-1]:>12,.0f}/s", file=sys.stderr)
    return lines


def _report(lines: dict[str, Measured], options: argparse.Namespace) -> None:
    rate = {name: line.rate for name, line in lines.items()}
    hello = {"aiohttp hello": rate["aiohttp hello, 64 connections"]}
    redis = {"redis-benchmark GET": rate["redis-benchmark GET, P=1, 50 clients"]}
    insert = {"pgbench": rate["pgbench single INSERT, 50 clients"]}
    limits = {
        "resolve, 64 connections": hello | redis,
        "register one, 256 connections": insert | hello,
        "register 2,000 a request, 4 connections": insert,
    }
    how = f"{options.workers} workers, generator on the same cores; {options.rounds} rounds of {options.seconds:g} s, medians"
    print(table(lines, limits, how))


def _batches(bench: Bench, turn: int, model: str, values: str) -> Load:
    """Identifiers a second, not requests."""
    script = _BATCH.format(
        first=turn % 100_000 * 10_000_000, key=bench.key, prefix=bench.prefix, model=model, values=values, size=BATCH
    )
    load = _http(bench, bench.base_url, _CONNECTIONS_BATCH, script)
    return Load(load.rate * BATCH, load.p99_milliseconds, load.wrong)


def _http(bench: Bench, url: str, connections: int, script: str | None = None) -> Load:
    return wrk(url, connections=connections, seconds=bench.seconds, script=script, directory=bench.directory)


def _pgbench(bench: Bench, model: str, values: str) -> Load:
    script = bench.directory / "insert.sql"
    script.write_text(_PGBENCH.format(model=model, values=values.replace("'", "''")), "utf-8")
    command = [
        "pgbench",
        "-n",
        "-c",
        "50",
        "-j",
        "1",
        "-M",
        "prepared",
        "-T",
        str(max(1, round(bench.seconds))),
        "-f",
        str(script),
    ]
    text = output(command, bench.database)
    return Load(float(text.split("tps = ")[1].split()[0]), 0.0, "")


def _redis_benchmark(bench: Bench) -> Load:
    count = str(round(100_000 * bench.seconds))
    command = [
        "redis-benchmark",
        "-s",
        bench.redis_socket,
        "-t",
        "get",
        "-n",
        count,
        "-c",
        "50",
        "-r",
        str(KNOWN),
        "-d",
        "300",
        "--csv",
    ]
    rows = list(csv.reader(output(command, {}).splitlines()))
    return Load(float(rows[-1][1]), 0.0, "")


def _prepare(bench: Bench) -> None:
    """The identifiers that are resolved, and the table of the limit, of the same shape as ours."""
    model, values = real_part()
    for start in range(0, KNOWN, 5_000):
        items = [
            {"identifier": f"{bench.prefix}/{model}-{serial:08d}", "values": json.loads(values)}
            for serial in range(start, min(start + 5_000, KNOWN))
        ]
        post(bench, "/api/v1/identifiers:batch", {"items": items})
    output(["psql", "-qc", "CREATE TABLE limit_identifier (LIKE identifier INCLUDING ALL)"], bench.database)


if __name__ == "__main__":
    raise SystemExit(main())
