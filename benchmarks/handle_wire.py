"""Resolutions over the Handle protocol beside their limits, interleaved in one run; memory of idle connections.

    make bench-handle                                  # 3 rounds of 3 s each
    python -m benchmarks.handle_wire --knotd /path/to/knotd

Starts a node of its own with the demo and one worker. Beside TCP runs a bare uvloop protocol that answers a constant of the same
size; beside UDP Knot DNS with one URI record for each name, where it is installed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.handle_load import (
    answered,
    checked_sizes,
    datagrams,
    dns_queries,
    idle,
    in_turn,
    pipelined,
    resolutions,
)
from benchmarks.measured import Measured, table
from benchmarks.own_node import Bench, free_port, own_node
from benchmarks.wrk import Load

NAMES = 2_000
REFERENCE_SERVER = 65_000  # the Java server over UDP on two cores of a machine like this one
_GOALS = {"tcp": 500_000, "udp": 1.5 * REFERENCE_SERVER}
_ZONE = "handle.test."
_ONE_URI = ("DATASHEET",)  # over UDP, for an answer of one address as Knot's has


def demo_names(bench: Bench, count: int) -> list[str]:
    """Real identifiers of the demo, below its enterprises' prefixes."""
    keys, names = json.loads((bench.directory / "data" / "demo.json").read_text()), list[str]()
    for number in range(1, 200):
        path = f"/api/v1/identifiers?prefix=88.118.{number}&limit=500"
        asked = urllib.request.Request(
            bench.base_url + path, headers={"Authorization": f"Bearer {keys['operator_key']}"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                names += [one["identifier"] for one in json.load(answer)["items"]]
        except urllib.error.HTTPError:
            break
        if len(names) >= count:
            break
    return [name for name in names if len(name) < 60][:count]


@contextmanager
def bare(size: int) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.handle_constant", str(port), str(size)])
    time.sleep(1.0)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def knot(program: str | None, place: Path, count: int) -> Iterator[tuple[int, list[bytes]] | None]:
    """Knot with one URI record for each of `count` names and one UDP worker; None where there is no Knot."""
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
    process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2.0)
    try:
        yield (port, dns_queries(names)) if process.poll() is None else None
    finally:
        process.terminate()
        process.wait(10)


def resident_kib(bench: Bench) -> int:
    """Of the node's worker."""
    listed = subprocess.run(["ps", "-eo", "rss,args"], capture_output=True, text=True, check=True).stdout
    ready = str(bench.directory / "data" / "metrics" / "worker-0.ready")
    return max(int(line.split()[0]) for line in listed.splitlines() if ready in line)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.handle_wire", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--knotd", default=shutil.which("knotd"))
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-", dir="/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        with own_node(place, 1, options.seconds, handle_port=str(port)) as bench:
            _measure(bench, port, place, options)
    return 0


def _measure(bench: Bench, port: int, place: Path, options: argparse.Namespace) -> None:
    names = demo_names(bench, NAMES)
    messages, single = resolutions(names), resolutions(names, _ONE_URI)
    for _ in range(2):  # the second time it lies ready
        size = checked_sizes(port, messages) // len(messages)
        single = answered(port, single)
    lines = {name: Measured(name) for name in ("tcp", "tcp bare", "depth 1", "depth 1 bare", "udp", "udp Knot")}
    before = resident_kib(bench)
    with bare(size) as constant, knot(options.knotd, place, len(messages)) as other:
        seconds = options.seconds
        runs: dict[str, Callable[[], Load]] = {
            "tcp": lambda: pipelined(port, messages, seconds),
            "tcp bare": lambda: pipelined(constant, messages[:1], seconds),
            "depth 1": lambda: in_turn(port, messages, seconds),
            "depth 1 bare": lambda: in_turn(constant, messages, seconds),
            "udp": lambda: datagrams(port, single, seconds),
        }
        if other is not None:
            runs["udp Knot"] = lambda: datagrams(other[0], other[1], seconds)
        for _ in range(options.rounds):
            for what, run in runs.items():
                lines[what].add(run())
    lines = {name: line for name, line in lines.items() if line.rates}
    limits: dict[str, dict[str, float]] = {
        "tcp": {"bare": lines["tcp bare"].rate, "the goal": _GOALS["tcp"]},
        "depth 1": {"bare": lines["depth 1 bare"].rate},
        "udp": {"the goal": _GOALS["udp"]} | ({"Knot": lines["udp Knot"].rate} if "udp Knot" in lines else {}),
    }
    print(
        table(
            lines,
            limits,
            f"{len(messages)} names of the demo, answers of {size} bytes (UDP: one address each), one worker",
        )
    )
    if "udp Knot" not in lines:
        print("\nKnot DNS is not installed, so UDP stands beside nothing but its goal; name it with --knotd")
    opened = idle(port, options.idle)
    grown = (resident_kib(bench) - before) / 1024
    print(f"\n{len(opened):,} idle connections: {grown:,.0f} MiB more, {resident_kib(bench) / 1024:,.0f} MiB in all")


if __name__ == "__main__":
    sys.exit(main())
