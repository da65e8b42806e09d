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


# Made before the clock runs: formatting takes wrk as long as asking.
_GETS = """
local asked, at = {{}}, 0
init = function()
  math.randomseed(os.time())
  for i = 1, {made} do
    local some = {{}}
    for j = 1, {deep} do some[j] = wrk.format("GET", string.format("{path}", math.random(0, {known} - 1))) end
    asked[i] = table.concat(some)
  end
end
request = function()
  at = at % {made} + 1
  return asked[at]
end
"""
_GETS_MADE = 400_000  # more than a run of some seconds asks


@dataclass(frozen=True, slots=True)
class Load:
    """One run: what a second, how long single answers took where that is known, and what went wrong (empty: nothing)."""

    rate: float
    latencies: Latencies = field(default_factory=Latencies)
    wrong: str = ""

    def times(self, each: int) -> Load:
        """Counted in things of which each answer brought so many."""
        return replace(self, rate=self.rate * each)


def gets(path: str, known: int, deep: int = 1) -> str:
    """A script: GETs at random, so many at once. `path` has a place (`%010d`) for the number of one of `known`, or none: then
    it is a constant, asked in the same way."""
    return _GETS.format(path=path, known=known, deep=deep, made=_GETS_MADE // deep)


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
