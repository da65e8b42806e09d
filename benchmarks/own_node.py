"""A node of a benchmark's own, on an empty data directory, and the limits that run beside it."""

from __future__ import annotations

import csv
import json
import os
import signal
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
from node.load.own_node import LOAD_OF_ONE_ADDRESS, free_port


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

    @property
    def http_port(self) -> int:
        return int(self.base_url.rpartition(":")[2])

    @property
    def database_url(self) -> str:
        return str(json.loads((self.directory / "data" / "running.json").read_text())["database_url"])


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
    """A node of its own with the demo's keys and data, stopped at the end.

    Measured without the demo's top-level node beside it: with that, rows that are filled in are a deposit to be packed, sent,
    taken and checked, by two processes on the cores that are measured.
    """
    data = place / "data"
    port = free_port()
    environment = {
        **os.environ,
        **LOAD_OF_ONE_ADDRESS,
        "BIAOJIE_DATA_DIR": str(data),
        "BIAOJIE_HTTP_PORT": str(port),
        "BIAOJIE_HANDLE_PORT": "0",
        "BIAOJIE_WORKERS": str(workers),
        **{f"BIAOJIE_{name.upper()}": value for name, value in settings.items()},
    }
    _stop(_started(["up", "--demo"], environment, place))
    process = _started(["up"], environment, place)
    try:
        demo, running = json.loads((data / "demo.json").read_text()), json.loads((data / "running.json").read_text())
        url = urlsplit(running["database_url"])
        database = {"PGHOST": parse_qs(url.query)["host"][0], "PGUSER": url.username or "", "PGDATABASE": url.path[1:]}
        database["PGPASSWORD"] = unquote(url.password or "")
        socket_path = urlsplit(running["redis_url"]).path
        yield Bench(demo["base_url"], demo["prefix"], demo["enterprise_key"], database, socket_path, place, seconds)
    finally:
        _stop(process)


def _started(command: list[str], environment: dict[str, str], place: Path) -> subprocess.Popen[bytes]:
    """A node that is ready."""
    with (place / "node.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "node.cli", *command], env=environment, stdout=log, stderr=log
        )
    deadline = time.monotonic() + 120
    while b"Ctrl-C" not in (told := (place / "node.log").read_bytes()):
        if process.poll() is not None or time.monotonic() > deadline:
            _stop(process)
            raise AssertionError(told.decode())
        time.sleep(0.1)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(30)
