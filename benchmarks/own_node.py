"""A node of a benchmark's own, on an empty data directory, and the limits that run beside it."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from node.demo.parts import COMPONENTS


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


def output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def real_part() -> tuple[str, str]:
    """A model whose name needs no escaping, and its values as JSON text."""
    with COMPONENTS.open(encoding="utf-8", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["model"].isalnum() and row["datasheet_url"])
    columns = ("manufacturer", "model", "category", "package", "description", "datasheet_url")
    values = [
        {"index": 2000 + place, "type": column.upper(), "data": {"format": "string", "value": row[column]}}
        for place, column in enumerate(columns)
    ]
    return row["model"], json.dumps(values, ensure_ascii=False).replace("%", "%%")


def post(bench: Bench, path: str, body: Any) -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bench.key}"}
    request = urllib.request.Request(bench.base_url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@contextmanager
def own_node(place: Path, workers: int, seconds: float, **settings: str) -> Iterator[Bench]:
    """A node of its own with the demo's keys, stopped at the end."""
    data = place / "data"
    port = free_port()
    environment = {
        **os.environ,
        "BIAOJIE_DATA_DIR": str(data),
        "BIAOJIE_HTTP_PORT": str(port),
        "BIAOJIE_HANDLE_PORT": "0",
        "BIAOJIE_WORKERS": str(workers),
        **{f"BIAOJIE_{name.upper()}": value for name, value in settings.items()},
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


@dataclass(frozen=True, slots=True)
class Plain:
    """A node without the demo. `operator` is an operator's key."""

    base_url: str
    handle_port: int
    operator: str
    data: Path

    @property
    def http_port(self) -> int:
        return int(self.base_url.rpartition(":")[2])

    @property
    def database_url(self) -> str:
        return str(json.loads((self.data / "running.json").read_text())["database_url"])

    @property
    def pids(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.data / "pids.json").read_text())
        return found

    def peak_mebibytes(self) -> dict[str, int]:
        """Most resident memory of each of our processes so far."""
        found = {}
        for name, pid in self.pids.items():
            if name in ("postgres", "redis"):
                continue
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            found[name] = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024
        return found

    def disk_mebibytes(self) -> int:
        said = subprocess.run(["du", "-sm", str(self.data)], capture_output=True, text=True)
        return int(said.stdout.split()[0]) if said.stdout else 0


@contextmanager
def plain_node(place: Path, workers: int, **settings: str) -> Iterator[Plain]:
    """A node of its own without the demo, stopped at the end; what `place` held from an earlier run is there again."""
    port, handle_port, data, log = free_port(), free_port(), place / "data", place / "node.log"
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("BIAOJIE_")}
    environment = inherited | {
        "BIAOJIE_DATA_DIR": str(data),
        "BIAOJIE_HTTP_PORT": str(port),
        "BIAOJIE_HANDLE_PORT": str(handle_port),
        "BIAOJIE_WORKERS": str(workers),
        **{f"BIAOJIE_{name.upper()}": value for name, value in settings.items()},
    }
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "node.cli", "up"], env=environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 120
        while "Ctrl-C" not in log.read_text("utf-8").rpartition("data_dir=")[2]:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.1)
        key = output([sys.executable, "-m", "node.cli", "key", "--label", "benchmark"], environment).strip()
        yield Plain(f"http://127.0.0.1:{port}", handle_port, key, data)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@contextmanager
def hello(workers: int) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.hello", str(port), str(workers)]
    process = subprocess.Popen(command, start_new_session=True)
    time.sleep(1.0)
    try:
        yield f"http://127.0.0.1:{port}/hello"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
