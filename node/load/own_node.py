"""A node of a measurement's own: without the demo, on free ports, stopped at the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from node.console import Refused

# One address stands for many here. Bounds that are out of reach are counted towards like any others.
LOAD_OF_ONE_ADDRESS = {
    "BIAOJIE_HANDLE_CONNECTIONS_PER_ADDRESS": "1000000",
    "BIAOJIE_HANDLE_UDP_AMPLIFIED_KILOBYTES": "1048576",
}
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_SHOWN_LINES = 4  # of what it said, where it does not start
_SERVERS = ("postgres", "redis")


@dataclass(frozen=True, slots=True)
class Plain:
    """A node that runs. `operator` is an operator's key."""

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
            if name in _SERVERS:
                continue
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            found[name] = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024
        return found

    def disk_mebibytes(self) -> int:
        said = subprocess.run(["du", "-sm", str(self.data)], capture_output=True, text=True)  # noqa: S607
        return int(said.stdout.split()[0]) if said.stdout else 0


@contextmanager
def plain_node(place: Path, workers: int, code: Path | None = None, **settings: str) -> Iterator[Plain]:
    """What `place` held from an earlier run is there again. `code` is a checkout, where it is not this one's node that runs.
    Raises `Refused` with what the node said where it does not start."""
    port, handle_port, data, log = free_port(), free_port(), place / "data", place / "node.log"
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("BIAOJIE_")}
    environment = inherited | {
        **LOAD_OF_ONE_ADDRESS,
        "BIAOJIE_DATA_DIR": str(data),
        "BIAOJIE_HTTP_PORT": str(port),
        "BIAOJIE_HANDLE_PORT": str(handle_port),
        "BIAOJIE_WORKERS": str(workers),
        **{f"BIAOJIE_{name.upper()}": value for name, value in settings.items()},
    }
    cli = [sys.executable, "-m", "node.entry"]
    with log.open("wb") as out:
        process = subprocess.Popen([*cli, "up"], env=environment, cwd=code, stdout=out, stderr=out)
    try:
        _wait(process, log)
        key = [*cli, "key", "--label", "benchmark"]
        made = subprocess.run(key, env=environment, cwd=code, capture_output=True, text=True, timeout=_STOP_SECONDS)
        if made.returncode:
            raise Refused(f"the node gave no key: {made.stderr}", f"节点未能签发密钥：{made.stderr}")
        yield Plain(f"http://127.0.0.1:{port}", handle_port, made.stdout.strip(), data)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_SECONDS)


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it says how to stop it, after the paths that it says first."""
    deadline = time.monotonic() + _START_SECONDS
    while "Ctrl-C" not in (said := log.read_text("utf-8")).rpartition("data_dir=")[2]:
        if process.poll() is not None or time.monotonic() > deadline:
            last = " ".join(said.split("\n")[-_SHOWN_LINES:]).strip()
            raise Refused(f"the node did not start: {last}", f"节点未能启动：{last}")
        time.sleep(0.1)


async def aboard(node: Plain, prefix: str) -> str:
    """The key of an enterprise that holds the prefix. Raises `Refused` where the node answers otherwise than it should."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {node.operator}"}) as session:

        async def post(path: str, body: dict[str, Any]) -> Any:
            async with session.post(node.base_url + path, json=body) as answer:
                if answer.status not in (200, 201):
                    why = await answer.text()
                    raise Refused(f"{path} answered {answer.status}: {why}", f"{path} 返回 {answer.status}：{why}")
                return await answer.json()

        enterprise = (await post("/api/v1/enterprises", {"name": f"容量测试 benchmark {prefix}"}))["id"]
        await post("/api/v1/prefixes", {"enterprise_id": enterprise, "prefix": prefix})
        return str((await post("/api/v1/keys", {"role": "enterprise", "enterprise_id": enterprise}))["key"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
