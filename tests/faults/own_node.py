"""A whole node as a person starts it: the command line as a process, its children, and what it printed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import aiohttp

from tests.harness import ROOT, free_port

CLI = [sys.executable, "-m", "node.entry"]  # what the script `biaojie` calls


def plain_environment(**variables: str) -> dict[str, str]:
    """Ours without any `BIAOJIE_*`, and with these; Handle is spoken where they say so, for its port is the same for all."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("BIAOJIE_")}
    return {**inherited, "PYTHONUNBUFFERED": "1", "BIAOJIE_HANDLE_PORT": "0", **variables}


def biaojie(*arguments: str, timeout: float = 60, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the command line to its end."""
    return subprocess.run(
        [*CLI, *arguments],
        env=plain_environment(**variables),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


class OwnNode:
    """`biaojie up` (or `serve`) on a data directory and a port of its own."""

    def __init__(self, data_dir: Path, *arguments: str, **variables: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        ports = {"BIAOJIE_HTTP_PORT": str(self.port), "BIAOJIE_HANDLE_PORT": str(free_port())}
        self.variables = {"BIAOJIE_DATA_DIR": str(data_dir), **ports, **variables}
        self._arguments = arguments or ("up",)
        self._output = data_dir.with_name(f"{data_dir.name}.output")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*CLI, *self._arguments],
                env=plain_environment(**self.variables),
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )

    async def ready(self, session: aiohttp.ClientSession, seconds: float = 60) -> float:
        """Wait until it says what to do next and answers /readyz; gives the seconds that took."""
        began = time.monotonic()
        while "Ctrl-C" not in self.output.rpartition("data_dir=")[2] or not await self.answers(session):
            assert self.running, self.output
            assert time.monotonic() - began < seconds, f"not ready after {seconds} s:\n{self.output}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def answers(self, session: aiohttp.ClientSession) -> bool:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(f"{self.base_url}/readyz", timeout=aiohttp.ClientTimeout(total=2)) as answer:
                return answer.status == 200
        return False

    @property
    def output(self) -> str:
        return self._output.read_text("utf-8")

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pids(self) -> dict[str, int]:
        return json.loads((self.data_dir / "pids.json").read_text())

    def biaojie(self, *arguments: str, timeout: float = 60, **variables: str) -> subprocess.CompletedProcess[str]:
        """Another command on the same data directory and port."""
        return biaojie(*arguments, timeout=timeout, **{**self.variables, **variables})

    def family(self) -> set[int]:
        """The node's children and theirs."""
        assert self.process is not None
        found, asked = set(), [self.process.pid]
        while asked:
            parent = asked.pop()
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{parent}/task").iterdir():
                    children = {int(pid) for pid in (task / "children").read_text().split()} - found
                    found |= children
                    asked += children
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 40) -> int:
        """Signal it and wait; gives its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def end(self) -> None:
        """Whatever still lives is killed."""
        if self.process is None:
            return
        family = self.family()
        if self.running:
            self.process.kill()
            self.process.wait()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


LISTENING, CONNECTED = "0A", "01"  # states in /proc/net/tcp


def listeners(port: int, pids: Iterable[int], state: str = LISTENING) -> set[int]:
    """Which of the processes hold a socket of the local TCP port in that state."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == state and int(columns[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{columns[9]}]")
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if sockets & {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}:
                found.add(pid)
    return found


@contextlib.contextmanager
def own_node(data_dir: Path, *arguments: str, **variables: str) -> Iterator[OwnNode]:
    """Started; ended with all its children whatever happens."""
    made = OwnNode(data_dir, *arguments, **variables)
    made.start()
    try:
        yield made
    finally:
        made.end()


def alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
