"""Resolutions through every tier, beside nginx, aiohttp and a bare protocol, interleaved in one run.

    make bench-resolve                        # 5 rounds of 5 s, one worker, 3 million rows: about 12 minutes
    python -m benchmarks.resolving --rounds 1 --seconds 2 --rows 200000

Starts its own nodes; needs wrk, nginx and psql.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.hello import BODY
from benchmarks.measured import Measured, table
from benchmarks.own_node import Bench, free_port, hello, output, own_node, post, real_part
from benchmarks.wrk import Load, wrk

KNOWN = 100_000
_CONNECTIONS, _DEEP = 64, 16
_BATCH = 500
_RANDOM = """
math.randomseed(os.time())
request = function()
  return wrk.format("GET", string.format("/api/handles/{prefix}/{model}-%010d", math.random(0, {known} - 1)))
end
"""
_PIPELINED = """
math.randomseed(os.time())
request = function()
  local asked = {{}}
  for i = 1, {deep} do
    asked[i] = wrk.format("GET", string.format("{path}", math.random(0, {known} - 1)))
  end
  return table.concat(asked)
end
"""
_MANY = """
math.randomseed(os.time())
request = function()
  local asked = {{}}
  for i = 1, {size} do
    asked[i] = string.format('"{prefix}/{model}-%010d"', math.random(0, {known} - 1))
  end
  return wrk.format("POST", "/api/v1/resolve", nil, "[" .. table.concat(asked, ",") .. "]")
end
"""
_NGINX = """
worker_processes 1; daemon off; error_log {place}/error.log; pid {place}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {place}/b; proxy_temp_path {place}/p; fastcgi_temp_path {place}/f;
  uwsgi_temp_path {place}/u; scgi_temp_path {place}/s; keepalive_requests 1000000000;
  server {{ listen 127.0.0.1:{port}; root {place};
    location = /return {{ default_type application/json; return 200 '{body}'; }}
    location /static {{ default_type application/json; }} }}
}}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", type=int, default=3_000_000, help="for the cold line")
    options = parser.parse_args()
    if missing := [program for program in ("wrk", "nginx", "psql") if shutil.which(program) is None]:
        print(f"not installed: {', '.join(missing)}")
        return 1
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="biaojie-bench-")))
        os.chmod(place, 0o711)
        for name in ("warm", "bare"):
            (place / name).mkdir(mode=0o711)
        warm = stack.enter_context(own_node(place / "warm", options.workers, options.seconds))
        bare = stack.enter_context(own_node(place / "bare", options.workers, options.seconds, memory_cache_bytes="0"))
        lines = _measure(stack, place, warm, bare, options)
    rates = {name: line.rate for name, line in lines.items()}
    print(
        table(
            lines,
            _limits(rates),
            f"{options.workers} worker(s), generator on the same cores; {options.rounds} rounds of {options.seconds:g} s, medians",
        )
    )
    return 1 if any(line.wrong for line in lines.values()) else 0


def _limits(rates: dict[str, float]) -> dict[str, dict[str, float]]:
    plain = {name: rates[name] for name in ("nginx return", "nginx static file", "aiohttp hello")}
    return {
        "hot, memory": plain,
        "hot, pipelined 16 x 16": {"bare uvloop protocol": rates["bare uvloop protocol, pipelined 16 x 16"]},
        "from Redis": plain,
    }


def _measure(
    stack: contextlib.ExitStack, place: Path, warm: Bench, bare: Bench, options: argparse.Namespace
) -> dict[str, Measured]:
    model, values = real_part()
    for bench in (warm, bare):
        _load(bench, model, values, KNOWN if bench is warm else options.rows)
    _warm(warm, model)
    nginx = stack.enter_context(_nginx(place))
    plain = stack.enter_context(hello(options.workers))
    constant = stack.enter_context(_constant())
    known = {"prefix": warm.prefix, "model": model, "known": KNOWN}
    address = f"/api/handles/{warm.prefix}/{model}-%010d"
    cold = _RANDOM.format(**(known | {"known": options.rows}))

    def http(url: str, script: str | None = None, connections: int = _CONNECTIONS) -> Load:
        return wrk(url, connections=connections, seconds=options.seconds, script=script, directory=place)

    def many() -> Load:
        load = http(warm.base_url, _MANY.format(**known, size=_BATCH), 8)
        return Load(load.rate * _BATCH, load.p99_milliseconds, load.wrong)

    runs: dict[str, Callable[[], Load]] = {
        "hot, memory": lambda: http(warm.base_url, _RANDOM.format(**known)),
        "nginx return": lambda: http(f"{nginx}/return"),
        "nginx static file": lambda: http(f"{nginx}/static"),
        "aiohttp hello": lambda: http(plain),
        "hot, pipelined 16 x 16": lambda: http(
            warm.base_url, _PIPELINED.format(path=address, deep=_DEEP, known=KNOWN), _DEEP
        ),
        "bare uvloop protocol, pipelined 16 x 16": lambda: http(
            constant, _PIPELINED.format(path="/x%d", deep=_DEEP, known=9), _DEEP
        ),
        "from Redis": lambda: http(bare.base_url, _RANDOM.format(**(known | {"known": 20_000}))),
        "cold, from PostgreSQL": lambda: _emptied(bare, lambda: http(bare.base_url, cold, 256)),
        f"batch of {_BATCH}, identifiers": many,
    }
    lines = {name: Measured(name) for name in runs}
    for name in ("hot, memory", "from Redis", "from Redis"):
        runs[name]()
    for turn in range(options.rounds):
        for name, run in runs.items():
            lines[name].add(run())
            print(f"  round {turn + 1}/{options.rounds}  {name:<42} {lines[name].rates[-1]:>12,.0f}/s", file=sys.stderr)
    return lines


def _emptied(bench: Bench, run: Callable[[], Load]) -> Load:
    """With nothing in Redis at the beginning; what is asked twice by chance is found there the second time."""
    output(["redis-cli", "-s", bench.redis_socket, "EVAL", _FORGET, "0"], {})
    return run()


_FORGET = """
local cursor = '0'
repeat
  local found = redis.call('SCAN', cursor, 'MATCH', 'biaojie:*:i:*', 'COUNT', 10000)
  cursor = found[1]
  for i = 1, #found[2], 5000 do redis.call('DEL', unpack(found[2], i, math.min(i + 4999, #found[2]))) end
until cursor == '0'
return 1
"""


def _load(bench: Bench, model: str, values: str, rows: int) -> None:
    """Rows like registered ones, by COPY's like: what is measured is reading."""
    import json

    sample = f"{bench.prefix}/{model}-sample"
    post(bench, "/api/v1/identifiers", {"identifier": sample, "values": json.loads(values)})
    statement = (
        f"INSERT INTO identifier (key, value) SELECT upper('{bench.prefix}/{model}-' || lpad(n::text, 10, '0')), value "
        f"FROM generate_series(0, {rows - 1}) AS n, (SELECT value FROM identifier WHERE key = upper('{sample}')) AS s "
        "ON CONFLICT DO NOTHING"
    )
    output(["psql", "-qc", statement, "-c", "VACUUM ANALYZE identifier"], bench.database)


def _warm(bench: Bench, model: str) -> None:
    """Every known identifier once through the single door, so that memory holds its ready-made answer."""
    paths = "\n".join(f"/api/handles/{bench.prefix}/{model}-{number:010d}" for number in range(KNOWN))
    script = (
        "local paths, n = {}, 0\n"
        f"for line in io.lines('{bench.directory}/paths') do paths[#paths + 1] = line end\n"
        "request = function() n = n % #paths + 1; return wrk.format('GET', paths[n]) end\n"
    )
    (bench.directory / "paths").write_text(paths)
    wrk(
        bench.base_url,
        connections=_CONNECTIONS,
        seconds=max(10, KNOWN / 8_000),
        script=script,
        directory=bench.directory,
    )


@contextmanager
def _nginx(place: Path) -> Iterator[str]:
    port = free_port()
    (place / "static").write_bytes(BODY)
    (place / "nginx.conf").write_text(_NGINX.format(place=place, port=port, body=BODY.decode()))
    process = subprocess.Popen(["nginx", "-c", str(place / "nginx.conf"), "-p", str(place)], stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _constant() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.constant", str(port)])
    try:
        time.sleep(0.7)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    raise SystemExit(main())
