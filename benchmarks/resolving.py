"""Resolutions through every tier, beside nginx, aiohttp and a bare protocol, interleaved in one run.

    make bench-resolve                        # 5 rounds of 5 s, one worker, 3 million rows: about 12 minutes
    python -m benchmarks.resolving --rounds 1 --seconds 2 --rows 200000

Starts its own nodes; needs wrk, nginx and psql. Afterwards latency at a paced rate (open model), and the memory of a worker whose
cache is full.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import urllib.request
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from benchmarks.ceilings import bare_http, hello, missing, nginx
from benchmarks.cores import keep_apart
from benchmarks.filling import fill
from benchmarks.filling import warm as warm_up
from benchmarks.measured import Measured, interleaved, keep, table
from benchmarks.own_node import Bench, output, own_node, post, real_part
from benchmarks.results import Run
from benchmarks.wrk import Load, gets, wrk
from node.load.arrivals import Outcome, Place, open_model
from node.load.questions import json_question

KNOWN = 100_000
HOT, PIPELINED, FROM_REDIS, COLD = ("hot, memory", "hot, pipelined 16 x 16", "from Redis", "cold, from PostgreSQL")
BARE_ONE, BARE = "bare uvloop protocol", "bare uvloop protocol, pipelined 16 x 16"
PACED_RATE, _FULL_MEMORY, _BLOCK = 20_000, 600_000, 50_000
_CONNECTIONS, _DEEP = 64, 16
_BATCH, _IN_REDIS = 500, 20_000
_MANY = """
math.randomseed(os.time())
request = function()
  local asked = {{}}
  for i = 1, {size} do
    asked[i] = string.format('"{name}-%010d"', math.random(0, {known} - 1))
  end
  return wrk.format("POST", "/api/v1/resolve", nil, "[" .. table.concat(asked, ",") .. "]")
end
"""
_FORGET = """
local cursor = '0'
repeat
  local found = redis.call('SCAN', cursor, 'MATCH', 'biaojie:*:i:*', 'COUNT', 10000)
  cursor = found[1]
  for i = 1, #found[2], 5000 do redis.call('DEL', unpack(found[2], i, math.min(i + 4999, #found[2]))) end
until cursor == '0'
return 1
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", type=int, default=3_000_000, help="for the cold line")
    options = parser.parse_args()
    if absent := missing("wrk", "nginx", "psql", "redis-cli"):
        print("\n".join(absent))
        return 1
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="biaojie-bench-")))
        os.chmod(place, 0o711)
        for name in ("warm", "bare"):
            (place / name).mkdir(mode=0o711)
        warm = stack.enter_context(own_node(place / "warm", options.workers, options.seconds))
        bare = stack.enter_context(own_node(place / "bare", options.workers, options.seconds, memory_cache_bytes="0"))
        lines = _measure(stack, place, warm, bare, options)
        paced = _paced(warm, options.seconds)
        memory, held = _full_memory(warm)
    return _report(lines, paced, {"worker MiB": memory, "cache MiB": held}, options)


def _report(lines: dict[str, Measured], paced: Outcome, memory: dict[str, int], options: argparse.Namespace) -> int:
    limits = _limits(lines)
    how = (
        f"{options.workers} worker(s), generator on the same cores; {options.rounds} rounds of {options.seconds:g} s, "
        f"medians; {options.rows:,} rows for the cold line"
    )
    print(table(lines, limits, how))
    p99 = paced.milliseconds(99)
    print(
        f"\npaced {PACED_RATE:,}/s (achieved {paced.rate:,.0f}/s): p50 {paced.milliseconds(50):.2f} ms, p99 {p99:.2f} ms"
    )
    print(f"a worker whose cache is full: {memory}")
    settings = {name: getattr(options, name) for name in ("workers", "rounds", "seconds", "rows")}
    made = Run("resolving", settings)
    keep(made, lines, limits)
    made.add(f"paced {PACED_RATE:,}/s", {"per second": paced.rate, "p99 ms": p99, "errors": paced.errors.total()})
    made.add("memory full", memory)
    made.add_histogram(f"open model, {PACED_RATE:,}/s", paced.latencies)
    print(f"raw data: {made.write().relative_to(Path.cwd())}")
    return 1 if any(line.wrong for line in lines.values()) or paced.errors else 0


def _limits(lines: dict[str, Measured]) -> dict[str, dict[str, Measured | float]]:
    plain: dict[str, Measured | float] = {
        name: lines[name] for name in ("nginx return", "nginx static file", "aiohttp hello")
    }
    return {HOT: {**plain, BARE_ONE: lines[BARE_ONE]}, PIPELINED: {BARE_ONE: lines[BARE]}, FROM_REDIS: plain}


def at_random(url: str, path: str, known: int, seconds: float, place: Path, connections: int = _CONNECTIONS) -> Load:
    """Keep-alive; see `gets`."""
    script = gets(path, known)
    return wrk(url, connections=connections, seconds=seconds, script=script, directory=place)


def pipelined(url: str, path: str, known: int, seconds: float, place: Path) -> Load:
    """Sixteen connections, on each sixteen requests under way."""
    script = gets(path, known, _DEEP)
    return wrk(url, connections=_DEEP, seconds=seconds, script=script, directory=place)


def _measure(
    stack: contextlib.ExitStack, place: Path, warm: Bench, bare: Bench, options: argparse.Namespace
) -> dict[str, Measured]:
    name = _name(warm)
    for bench in (warm, bare):
        _load(bench, _FULL_MEMORY if bench is warm else options.rows)
    uvloop.run(warm_up(warm.http_port, _known(warm, 0, KNOWN)))
    served = stack.enter_context(nginx(place))
    plain, constant = stack.enter_context(hello(options.workers)), stack.enter_context(bare_http())
    address, seconds = f"/api/handles/{name}-%010d", options.seconds

    def constant_answer(url: str) -> Load:
        return at_random(url, urlsplit(url).path, KNOWN, seconds, place)

    def many() -> Load:
        script = _MANY.format(name=name, size=_BATCH, known=KNOWN)
        return wrk(warm.base_url, connections=8, seconds=seconds, script=script, directory=place).times(_BATCH)

    def from_redis() -> Load:
        """Once unmeasured, so that all of them are there: the cold line before emptied it."""
        at_random(bare.base_url, address, _IN_REDIS, seconds, place)
        return at_random(bare.base_url, address, _IN_REDIS, seconds, place)

    def cold() -> Load:
        """With nothing in Redis at the beginning; what is asked twice by chance is found there the second time."""
        output(["redis-cli", "-s", bare.redis_socket, "EVAL", _FORGET, "0"], {})
        return at_random(bare.base_url, address, options.rows, seconds, place, 256)

    runs: dict[str, Callable[[int], Load]] = {
        HOT: lambda _: at_random(warm.base_url, address, KNOWN, seconds, place),
        "nginx return": lambda _: constant_answer(f"{served}/return"),
        "nginx static file": lambda _: constant_answer(f"{served}/static"),
        "aiohttp hello": lambda _: constant_answer(plain),
        BARE_ONE: lambda _: at_random(constant, address, KNOWN, seconds, place),
        PIPELINED: lambda _: pipelined(warm.base_url, address, KNOWN, seconds, place),
        BARE: lambda _: pipelined(constant, address, KNOWN, seconds, place),
        FROM_REDIS: lambda _: from_redis(),
        COLD: lambda _: cold(),
        f"batch of {_BATCH}, identifiers": lambda _: many(),
    }
    runs[HOT](0)
    if options.workers == 1:
        keep_apart((warm, bare))
    return interleaved(runs, options.rounds)


def _name(bench: Bench) -> str:
    return f"{bench.prefix}/{real_part()[0]}"


def _load(bench: Bench, rows: int) -> None:
    sample = f"{_name(bench)}-sample"
    post(bench, "/api/v1/identifiers", {"identifier": sample, "values": json.loads(real_part()[1])})
    uvloop.run(fill(bench.database_url, _name(bench), sample, 0, rows))


def _known(bench: Bench, first: int, end: int) -> list[str]:
    return [f"{_name(bench)}-{number:010d}" for number in range(first, end)]


def _paced(bench: Bench, seconds: float) -> Outcome:
    """Known identifiers in turn, by a Poisson clock; questions are made beforehand, so that the clock is not late."""
    questions = [json_question(identifier) for identifier in _known(bench, 0, KNOWN)]
    return uvloop.run(
        open_model(Place("http", "127.0.0.1", bench.http_port), cycle(questions), PACED_RATE, seconds * 2)
    )


def _full_memory(bench: Bench) -> tuple[int, int]:
    """MiB of the largest worker at most, and those of them in its cache, once no more goes in."""
    held = 0
    for first in range(KNOWN, _FULL_MEMORY, _BLOCK):
        uvloop.run(warm_up(bench.http_port, _known(bench, first, first + _BLOCK)))
        before, held = held, _held_mebibytes(bench)
        if held <= before:
            break
    pids = json.loads((bench.directory / "data" / "pids.json").read_text())
    peaks = [Path(f"/proc/{pid}/status").read_text() for name, pid in pids.items() if name.startswith("worker")]
    return max(int(peak.partition("VmHWM:")[2].split()[0]) for peak in peaks) // 1_024, held


def _held_mebibytes(bench: Bench) -> int:
    with urllib.request.urlopen(f"{bench.base_url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    said = next(line for line in lines if line.startswith("biaojie_memory_cache_bytes"))
    return int(float(said.split()[-1])) // 2**20


if __name__ == "__main__":
    raise SystemExit(main())
