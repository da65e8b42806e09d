"""Where the processor time of a load goes: by process, and within the workers by file.

    make bench-where                                    # single registrations, 256 connections
    python -m benchmarks.where resolve --seconds 10 --workers 1

Starts a node of its own, drives it with wrk, samples the workers with py-spy (400 times a second) and reads what every process
used from /proc. Says what a request costs and what is the most that two cores could do if each part but one cost nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.first import _CONNECTIONS_READ, _CONNECTIONS_WRITE, _REGISTER, known_gets, prepare
from benchmarks.own_node import Bench, own_node, real_part
from benchmarks.wrk import Load, wrk

_TICKS = os.sysconf("SC_CLK_TCK")
_SHOWN = 14


def used_seconds() -> Counter[str]:
    """Processor seconds so far, by what kind of process used them; children that ended are not seen."""
    used: Counter[str] = Counter()  # of floats
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        used[_kind(command)] += (int(fields[11]) + int(fields[12])) / _TICKS  # type: ignore[assignment]  # a Counter of seconds
    return used


def _kind(command: str) -> str:
    for word, kind in (
        ("node.worker", "workers"), ("node.bulk", "bulk"), ("sync", "peering"), ("postgres", "PostgreSQL"), ("redis-server", "Redis"),
        ("wrk ", "wrk"), ("py-spy", "py-spy"),
    ):  # fmt: skip
        if word in command:
            return kind
    return "others"


def sampled(pid: int, seconds: float, program: str, place: Path) -> Counter[str]:
    """Samples of a process by the file whose code ran; what C code spent counts for its caller."""
    raw = place / f"{pid}.raw"
    command = [program, "record", "-p", str(pid), "-d", str(round(seconds)), "-r", "400", "-f", "raw", "-o", str(raw)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not raw.exists():
        raise SystemExit(f"py-spy could not look into the worker: {done.stderr.strip()}")
    found: Counter[str] = Counter()
    for line in raw.read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        last = stack.rsplit(";", 1)[-1]
        function, _, where = last.rpartition(" (")
        file = where.partition(":")[0].rstrip(")")
        loop = "the event loop (uvloop), receiving and sending" if "asyncio/runners" in file else None
        found[loop or f"{file} {function.rpartition('.')[2]}"] += int(count)
    return found


def by_file(found: Counter[str]) -> Counter[str]:
    files: Counter[str] = Counter()
    for name, count in found.items():
        files[name if name.startswith("the event loop") else name.partition(" ")[0]] += count
    return files


def run(what: str, seconds: float, workers: int, program: str) -> int:
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-") as directory:
        place = Path(directory)
        place.chmod(0o711)
        with own_node(place, workers, seconds) as bench:
            script, connections = _script(bench, what)
            if what == "resolve":
                _load(bench, connections, seconds, script, place)
            loads: list[Load] = []
            driving = threading.Thread(
                target=lambda: loads.append(_load(bench, connections, seconds + 4, script, place))
            )
            driving.start()
            time.sleep(2)
            before, began = used_seconds(), time.perf_counter()
            pid = json.loads((place / "data" / "pids.json").read_text())["worker-0"]
            found = sampled(pid, seconds, program, place)
            spent, elapsed = used_seconds() - before, time.perf_counter() - began
            driving.join()
    _report(what, loads[0], found, spent, elapsed, workers)
    return 0


def _script(bench: Bench, what: str) -> tuple[str, int]:
    model, values = real_part()
    if what == "resolve":
        prepare(bench)
        return known_gets(bench, model), _CONNECTIONS_READ
    first = time.time_ns() // 1_000_000 % 1_000_000 * 10_000
    named = {"key": bench.key, "prefix": bench.prefix, "model": model, "values": values}
    return _REGISTER.format(first=first, **named), _CONNECTIONS_WRITE


def _load(bench: Bench, connections: int, seconds: float, script: str, place: Path) -> Load:
    return wrk(bench.base_url, connections=connections, seconds=seconds, script=script, directory=place)


def _report(what: str, load: Load, found: Counter[str], spent: Counter[str], elapsed: float, workers: int) -> None:
    total, samples = sum(spent.values()), sum(found.values())
    cost = {kind: seconds / elapsed / load.rate * 1e6 for kind, seconds in spent.items()}
    print(
        f"{what}: {load.rate:,.0f}/s, p99 {load.latencies.milliseconds(99):.1f} ms, {workers} worker(s); {total / elapsed:.2f} cores used"
    )
    print("\nprocessor time by process")
    for kind, seconds in spent.most_common():
        if seconds / total >= 0.005:
            print(f"  {kind:<12} {seconds / total:6.1%}  {cost[kind]:7.1f} µs a request")
    print("\nwithin worker 0, by file whose code ran (C code counts for its caller)")
    for file, count in by_file(found).most_common(_SHOWN):
        print(f"  {count / samples:6.1%}  {cost['workers'] * count / samples:6.1f} µs  {file}")
    print("\nthe dearest functions")
    for name, count in found.most_common(_SHOWN):
        print(f"  {count / samples:6.1%}  {name}")
    ours = sum(cost[kind] for kind in cost if kind not in ("others", "py-spy"))
    rest = ours - cost["workers"]
    print(f"\nwithout any work in Python {os.cpu_count()} cores would do {(os.cpu_count() or 1) / rest * 1e6:,.0f}/s; "
          f"for 50,000/s a request may cost {(os.cpu_count() or 1) / 50_000 * 1e6:.0f} µs in all processes, and costs {ours:.0f}")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("register", "resolve"), nargs="?", default="register")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    program = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None or shutil.which("wrk") is None:
        print("py-spy and wrk are needed: pip install py-spy; Debian: apt-get install wrk")
        return 1
    return run(options.what, options.seconds, options.workers, program)


if __name__ == "__main__":
    raise SystemExit(main())
