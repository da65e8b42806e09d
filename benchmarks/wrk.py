"""Drive HTTP with wrk (Debian package `wrk`): closed loop, every connection always waiting for one answer."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from node.load.latencies import Latencies

_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_LATENCY = re.compile(r"^latency (\d+) (\d+)$", re.MULTILINE)
_WRONG = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.+)")
# All that wrk recorded, not the four percentiles of its report.
_TELL_LATENCIES = """
done = function(summary, latency, requests)
  for i = 1, #latency do
    local microseconds, times = latency(i)
    print(string.format("latency %d %d", microseconds, times))
  end
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """One run: what a second, how long single answers took where that is known, and what went wrong (empty: nothing)."""

    rate: float
    latencies: Latencies = field(default_factory=Latencies)
    wrong: str = ""

    def times(self, each: int) -> Load:
        """Counted in things of which each answer brought so many."""
        return replace(self, rate=self.rate * each)


def wrk(url: str, *, connections: int, seconds: float, script: str | None = None, directory: Path) -> Load:
    """Raises FileNotFoundError when wrk is not installed."""
    program = shutil.which("wrk")
    if program is None:
        raise FileNotFoundError("wrk is not installed (Debian: apt-get install wrk)")
    path = directory / "load.lua"
    path.write_text((script or "") + _TELL_LATENCIES, "utf-8")
    command = [program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(path)]
    text = subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    rate, wrong, latencies = _RATE.search(text), _WRONG.search(text), Latencies()
    assert rate is not None, text
    for microseconds, times in _LATENCY.findall(text):
        latencies.record(int(microseconds), int(times))
    return Load(float(rate[1]), latencies, wrong[0] if wrong else "")
