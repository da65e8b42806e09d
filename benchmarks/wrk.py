"""Drive HTTP with wrk (Debian package `wrk`): closed loop, every connection always waiting for one answer."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_TAIL = re.compile(r"^\s+99%\s+([\d.]+)(us|ms|s)\s*$", re.MULTILINE)
_WRONG = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.+)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Load:
    """One run: answers a second, the 99th percentile in milliseconds, and what went wrong (empty: nothing)."""

    rate: float
    p99_milliseconds: float
    wrong: str


def wrk(url: str, *, connections: int, seconds: float, script: str | None = None, directory: Path) -> Load:
    """Raises FileNotFoundError when wrk is not installed."""
    program = shutil.which("wrk")
    if program is None:
        raise FileNotFoundError("wrk is not installed (Debian: apt-get install wrk)")
    command = [program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout", "10s"]
    if script is not None:
        path = directory / "load.lua"
        path.write_text(script, "utf-8")
        command += ["-s", str(path)]
    text = subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    rate, tail, wrong = _RATE.search(text), _TAIL.search(text), _WRONG.search(text)
    assert rate is not None and tail is not None, text
    return Load(float(rate[1]), float(tail[1]) * _SECONDS[tail[2]] * 1000, wrong[0] if wrong else "")
