"""Single registrations and resolutions over HTTP, beside their limits, interleaved in one run.

    make bench-first                      # 5 rounds of 5 s each, about 3 minutes
    python -m benchmarks.first --rounds 1 --seconds 1 --workers 2

Starts a node of its own on an empty data directory; needs wrk, pgbench and redis-benchmark, and says which is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from benchmarks.ceilings import hello, limit_table, missing, pgbench_insert, redis_get
from benchmarks.filling import warm
from benchmarks.measured import Measured, interleaved, keep, table
from benchmarks.own_node import Bench, own_node, post, real_part
from benchmarks.results import Run
from benchmarks.wrk import Load, gets, wrk

KNOWN = 20_000  # few enough that every worker holds them all after the warming up
_CONNECTIONS_READ, _CONNECTIONS_WRITE = 64, 256
_CONNECTIONS_BATCH, BATCH = 4, 2_000
RESOLVE, REGISTER, REGISTER_BATCH = (
    "resolve, 64 connections",
    "register one, 256 connections",
    "register 2,000 a request, 4 connections",
)
HELLO, INSERT, REDIS = (
    "aiohttp hello, 64 connections",
    "pgbench single INSERT, 50 clients",
    "redis-benchmark GET, P=1, 50 clients",
)
_WARMING = 4  # times that each is asked for before the first round: workers hold them each for itself

# Models and serials like the real ones; every request another of the known identifiers, at random.
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if absent := missing("wrk", "psql", "pgbench", "redis-benchmark"):
        print("\n".join(absent))
        return 1
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-") as place:
        os.chmod(place, 0o711)
        with own_node(Path(place), options.workers, options.seconds) as bench, hello(options.workers) as hello_url:
            prepare(bench)
            lines = _measure(bench, hello_url, options.rounds)
    _report(lines, options)
    return 1 if any(line.wrong for line in lines.values()) else 0


def known_gets(bench: Bench, model: str) -> str:
    """The script that asks for what `prepare` registered."""
    return gets(f"/api/handles/{bench.prefix}/{model}-%08d", KNOWN)


def node_lines(bench: Bench) -> dict[str, Callable[[int], Load]]:
    """Ours. A run is told the round's number, so that no two register the same."""
    model, values = real_part()
    started = time.time_ns() // 1_000_000
    known = {"prefix": bench.prefix, "model": model}

    def one(turn: int) -> Load:
        first = (started % 1_000_000) * 10_000 + turn * 10_000_000
        script = _REGISTER.format(first=first, key=bench.key, values=values, **known)
        return _http(bench, bench.base_url, _CONNECTIONS_WRITE, script)

    return {
        RESOLVE: lambda _: _http(bench, bench.base_url, _CONNECTIONS_READ, known_gets(bench, model)),
        REGISTER: one,
        REGISTER_BATCH: lambda turn: _batches(bench, started + turn, model, values),
    }


def limit_lines(bench: Bench, hello_url: str) -> dict[str, Callable[[int], Load]]:
    model, values = real_part()
    return {
        HELLO: lambda _: _http(bench, hello_url, _CONNECTIONS_READ, gets(urlsplit(hello_url).path, KNOWN)),
        INSERT: lambda _: pgbench_insert(bench, model, values),
        REDIS: lambda _: redis_get(bench, KNOWN),
    }


def _measure(bench: Bench, hello_url: str, rounds: int) -> dict[str, Measured]:
    return interleaved(node_lines(bench) | limit_lines(bench, hello_url), rounds)


def _report(lines: dict[str, Measured], options: argparse.Namespace) -> None:
    hello, redis, insert = (
        {limit: lines[name]}
        for limit, name in (("aiohttp hello", HELLO), ("redis-benchmark GET", REDIS), ("pgbench", INSERT))
    )
    limits = {RESOLVE: hello | redis, REGISTER: insert | hello, REGISTER_BATCH: insert}
    how = f"{options.workers} workers, generator on the same cores; {options.rounds} rounds of {options.seconds:g} s, medians"
    print(table(lines, limits, how))
    made = Run("first", {"workers": options.workers, "rounds": options.rounds, "seconds": options.seconds})
    keep(made, lines, limits)
    print(f"raw data: {made.write().relative_to(Path.cwd())}")


def _batches(bench: Bench, turn: int, model: str, values: str) -> Load:
    """Identifiers a second, not requests."""
    script = _BATCH.format(
        first=turn % 100_000 * 10_000_000, key=bench.key, prefix=bench.prefix, model=model, values=values, size=BATCH
    )
    return _http(bench, bench.base_url, _CONNECTIONS_BATCH, script).times(BATCH)


def _http(bench: Bench, url: str, connections: int, script: str) -> Load:
    return wrk(url, connections=connections, seconds=bench.seconds, script=script, directory=bench.directory)


def prepare(bench: Bench) -> None:
    """The identifiers that are resolved, lying ready, and the table of the limits."""
    model, values = real_part()
    known = [f"{bench.prefix}/{model}-{serial:08d}" for serial in range(KNOWN)]
    for start in range(0, KNOWN, 5_000):
        items = [
            {"identifier": identifier, "values": json.loads(values)} for identifier in known[start : start + 5_000]
        ]
        post(bench, "/api/v1/identifiers:batch", {"items": items})
    limit_table(bench)
    uvloop.run(warm(bench.http_port, known, _WARMING))


if __name__ == "__main__":
    raise SystemExit(main())
