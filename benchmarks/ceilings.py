"""The ceilings: what other programs do with the same work on this machine, each for as long as it is asked to run."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.handle_load import dns_queries
from benchmarks.hello import BODY
from benchmarks.own_node import Bench, output
from benchmarks.wrk import Load
from node.load.own_node import free_port

PACKAGES = {
    "wrk": "wrk", "nginx": "nginx-light", "psql": "postgresql-client", "pgbench": "postgresql-contrib",
    "redis-benchmark": "redis-tools", "redis-cli": "redis-tools", "knotd": "knot",
}  # fmt: skip
_COPY_ROWS = 200_000
_ZONE = "handle.test."
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
_PGBENCH = """
\\set serial random(1, 1000000000000)
INSERT INTO limit_identifier (key, value) VALUES ('88.118.8/{model}-' || :serial, '{values}') ON CONFLICT DO NOTHING;
"""


def missing(*programs: str) -> list[str]:
    """A sentence for each that is not installed."""
    absent = [program for program in programs if shutil.which(program) is None]
    return [f"{program} is not installed (Debian: apt-get install {PACKAGES[program]})" for program in absent]


_STARTED: set[int] = set()


def started() -> list[int]:
    """Processes of the limits that run, their children with them; each was started as the leader of a session."""
    listed = subprocess.run(["ps", "-eo", "pid=,sid="], capture_output=True, text=True, check=True).stdout
    found = [line.split() for line in listed.splitlines()]
    return [int(pid) for pid, session in found if int(session) in _STARTED]


@contextmanager
def _running(command: list[str], port: int, seconds: float) -> Iterator[int]:
    """A server in a process group of its own, once it had so long to start."""
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    _STARTED.add(process.pid)
    try:
        assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
        yield port
    finally:
        _STARTED.discard(process.pid)
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def nginx(place: Path) -> Iterator[str]:
    """`/return` answers a constant, `/static` a file."""
    port = free_port()
    (place / "static").write_bytes(BODY)
    (place / "nginx.conf").write_text(_NGINX.format(place=place, port=port, body=BODY.decode()))
    with _running(["nginx", "-c", str(place / "nginx.conf"), "-p", str(place)], port, 0.5):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def hello(workers: int) -> Iterator[str]:
    """Plain aiohttp."""
    port = free_port()
    with _running([sys.executable, "-m", "benchmarks.hello", str(port), str(workers)], port, 1.0):
        yield f"http://127.0.0.1:{port}/hello"


@contextmanager
def bare_http() -> Iterator[str]:
    """A uvloop protocol that answers a constant."""
    port = free_port()
    with _running([sys.executable, "-m", "benchmarks.constant", str(port)], port, 0.7):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def bare_handle(size: int) -> Iterator[int]:
    """The same for Handle over TCP, with answers of `size` bytes; its port."""
    port = free_port()
    with _running([sys.executable, "-m", "benchmarks.handle_constant", str(port), str(size)], port, 1.0):
        yield port


@contextmanager
def knot(program: str | None, place: Path, count: int) -> Iterator[tuple[int, list[bytes]] | None]:
    """Knot DNS with one URI record for each of `count` names and one UDP worker: port and queries. None where there is no Knot."""
    if program is None:
        yield None
        return
    port, zone = free_port(), place / "zone"
    names = [f"n{number}.{_ZONE}" for number in range(count)]
    records = "".join(f'{name} 3600 IN URI 10 1 "https://example.org/identifiers/{name}"\n' for name in names)
    zone.write_text(
        f"{_ZONE} 3600 IN SOA ns.{_ZONE} admin.{_ZONE} 1 3600 600 86400 300\n{_ZONE} 3600 IN NS ns.{_ZONE}\n" + records
    )
    config = place / "knot.conf"
    config.write_text(
        f"server:\n    rundir: {place}\n    listen: 127.0.0.1@{port}\n    udp-workers: 1\n    tcp-workers: 1\n"
        f"    background-workers: 1\ndatabase:\n    storage: {place}\n"
        f"zone:\n  - domain: {_ZONE}\n    storage: {place}\n    file: {zone}\n"
    )
    with _running([program, "-c", str(config)], port, 2.0):
        yield port, dns_queries(names)


def limit_table(bench: Bench) -> None:
    """A table of the same shape as ours, for the two below."""
    output(["psql", "-qc", "CREATE TABLE limit_identifier (LIKE identifier INCLUDING ALL)"], bench.database)


def pgbench_insert(bench: Bench, model: str, values: str) -> Load:
    """One INSERT a transaction, 50 clients."""
    script = bench.directory / "insert.sql"
    script.write_text(_PGBENCH.format(model=model, values=values.replace("'", "''")), "utf-8")
    seconds = str(max(1, round(bench.seconds)))
    command = ["pgbench", "-n", "-c", "50", "-j", "1", "-M", "prepared", "-T", seconds, "-f", str(script)]
    return Load(float(output(command, bench.database).split("tps = ")[1].split()[0]))


def copy_rows(bench: Bench, model: str, values: str) -> Load:
    """Rows a second of COPY from a file sorted by key, the key in place, one connection, into an empty table."""
    rows = bench.directory / "rows.csv"
    if not rows.exists():
        quoted = values.replace('"', '""')
        with rows.open("w", encoding="utf-8") as out:
            out.writelines(f'88.118.8/{model}-{number:012d},"{quoted}"\n' for number in range(_COPY_ROWS))
    output(["psql", "-qc", "TRUNCATE limit_identifier"], bench.database)
    began = time.perf_counter()
    output(["psql", "-qc", f"\\copy limit_identifier (key, value) FROM '{rows}' WITH (FORMAT csv)"], bench.database)
    return Load(_COPY_ROWS / (time.perf_counter() - began))


def redis_get(bench: Bench, known: int) -> Load:
    """`redis-benchmark` GET, one command a round trip, 50 clients."""
    count = str(round(100_000 * bench.seconds))
    options = ["-t", "get", "-n", count, "-c", "50", "-r", str(known), "-d", "300", "--csv"]
    rows = list(csv.reader(output(["redis-benchmark", "-s", bench.redis_socket, *options], {}).splitlines()))
    return Load(float(rows[-1][1]))
