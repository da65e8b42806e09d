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
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from benchmarks.wrk import Load, wrk
from node.demo.parts import COMPONENTS

KNOWN = 20_000  # few enough that every worker holds them all after the warming up
_CONNECTIONS_READ, _CONNECTIONS_WRITE = 64, 256
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
_PGBENCH = """
\\set serial random(1, 1000000000000)
INSERT INTO limit_identifier (key, value) VALUES ('88.118.8/{model}-' || :serial, '{values}') ON CONFLICT DO NOTHING;
"""


@dataclass(slots=True)
class Measured:
    """The rounds of one line of the table."""

    name: str
    rates: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)
    wrong: set[str] = field(default_factory=set)

    def add(self, load: Load) -> None:
        self.rates.append(load.rate)
        self.tails.append(load.p99_milliseconds)
        if load.wrong:
            self.wrong.add(load.wrong)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def line(self, limits: dict[str, float]) -> str:
        spread = f"{min(self.rates):,.0f}–{max(self.rates):,.0f}"
        tail = f"{statistics.median(self.tails):.1f}" if any(self.tails) else ""
        ratios = ", ".join(f"{self.rate / limit:.2f} × {name}" for name, limit in limits.items())
        return f"| {self.name} | {self.rate:,.0f} | {spread} | {tail} | {ratios} {' '.join(self.wrong)}|"


@dataclass(frozen=True, slots=True)
class Bench:
    """The node under load and where its servers are."""

    base_url: str
    prefix: str
    key: str
    database: dict[str, str]
    redis_socket: str
    directory: Path
    seconds: float


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
        with _node(Path(place), options.workers, options.seconds) as bench, _hello(options.workers) as hello_url:
            _prepare(bench)
            lines = _measure(bench, hello_url, options.rounds)
    _report(lines, options)
    return 1 if any(line.wrong for line in lines.values()) else 0


def _measure(bench: Bench, hello_url: str, rounds: int) -> dict[str, Measured]:
    model, values = _real_part()
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
    }
    print(
        f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{options.workers} workers, generator on the same cores; {options.rounds} rounds of {options.seconds:g} s, medians\n"
    )
    print("| what | per second | spread | p99 ms | beside its limits |\n|---|---:|---:|---:|---|")
    for name, line in lines.items():
        print(line.line(limits.get(name, {})))


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
    text = _output(command, bench.database)
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
    rows = list(csv.reader(_output(command, {}).splitlines()))
    return Load(float(rows[-1][1]), 0.0, "")


def _output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _prepare(bench: Bench) -> None:
    """The identifiers that are resolved, and the table of the limit, of the same shape as ours."""
    model, values = _real_part()
    for start in range(0, KNOWN, 5_000):
        items = [
            {"identifier": f"{bench.prefix}/{model}-{serial:08d}", "values": json.loads(values)}
            for serial in range(start, min(start + 5_000, KNOWN))
        ]
        _post(bench, "/api/v1/identifiers:batch", {"items": items})
    _output(["psql", "-qc", "CREATE TABLE limit_identifier (LIKE identifier INCLUDING ALL)"], bench.database)


def _real_part() -> tuple[str, str]:
    """A model whose name needs no escaping, and its values as JSON text."""
    with COMPONENTS.open(encoding="utf-8", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["model"].isalnum() and row["datasheet_url"])
    columns = ("manufacturer", "model", "category", "package", "description", "datasheet_url")
    values = [
        {"index": 2000 + place, "type": column.upper(), "data": {"format": "string", "value": row[column]}}
        for place, column in enumerate(columns)
    ]
    return row["model"], json.dumps(values, ensure_ascii=False).replace("%", "%%")


def _post(bench: Bench, path: str, body: Any) -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bench.key}"}
    request = urllib.request.Request(bench.base_url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@contextmanager
def _node(place: Path, workers: int, seconds: float) -> Iterator[Bench]:
    """A node of its own with the demo's keys, stopped at the end."""
    data = place / "data"
    port = _free_port()
    environment = {
        **os.environ,
        "BIAOJIE_DATA_DIR": str(data),
        "BIAOJIE_HTTP_PORT": str(port),
        "BIAOJIE_WORKERS": str(workers),
    }
    log = (place / "node.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "node.cli", "up", "--demo"], env=environment, stdout=log, stderr=log
    )
    try:
        deadline = time.monotonic() + 120
        while b"Ctrl-C" not in (place / "node.log").read_bytes():
            assert process.poll() is None and time.monotonic() < deadline, (place / "node.log").read_text()
            time.sleep(0.1)
        demo, running = json.loads((data / "demo.json").read_text()), json.loads((data / "running.json").read_text())
        url = urlsplit(running["database_url"])
        database = {"PGHOST": parse_qs(url.query)["host"][0], "PGUSER": url.username or "", "PGDATABASE": url.path[1:]}
        database["PGPASSWORD"] = unquote(url.password or "")
        socket_path = urlsplit(running["redis_url"]).path
        yield Bench(demo["base_url"], demo["prefix"], demo["enterprise_key"], database, socket_path, place, seconds)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@contextmanager
def _hello(workers: int) -> Iterator[str]:
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.hello", str(port), str(workers)]
    process = subprocess.Popen(command, start_new_session=True)
    time.sleep(1.0)
    try:
        yield f"http://127.0.0.1:{port}/hello"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    raise SystemExit(main())
