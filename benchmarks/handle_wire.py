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
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks.ceilings import bare_handle, knot, missing
from benchmarks.cores import keep_apart
from benchmarks.handle_load import answered, checked_sizes, datagrams, idle, in_turn, pipelined, resolutions
from benchmarks.measured import Measured, interleaved, keep, table
from benchmarks.own_node import Bench, own_node
from benchmarks.results import Run
from benchmarks.wrk import Load
from node.load.own_node import free_port

NAMES = 2_000
REFERENCE_SERVER = 65_000  # the Java server over UDP on two cores of a machine like this one
_GOALS = {"tcp": 500_000, "udp": 1.5 * REFERENCE_SERVER}
ONE_URI = ("DATASHEET",)  # over UDP, for an answer of one address as Knot's has


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
    messages, single = resolutions(names), resolutions(names, ONE_URI)
    for _ in range(2):  # the second time it lies ready
        size = checked_sizes(port, messages) // len(messages)
        single = answered(port, single)
    before = resident_kib(bench)
    with bare_handle(size) as constant, knot(options.knotd, place, len(messages)) as other:
        seconds = options.seconds
        runs: dict[str, Callable[[int], Load]] = {
            "tcp": lambda _: pipelined(port, messages, seconds),
            "tcp bare": lambda _: pipelined(constant, messages[:1], seconds),
            "depth 1": lambda _: in_turn(port, messages, seconds),
            "depth 1 bare": lambda _: in_turn(constant, messages, seconds),
            "udp": lambda _: datagrams(port, single, seconds),
        }
        if other is not None:
            runs["udp Knot"] = lambda _: datagrams(other[0], other[1], seconds)
        keep_apart((bench,))
        lines = interleaved(runs, options.rounds)
    opened = idle(port, options.idle)
    _report(lines, len(messages), size, len(opened), before, resident_kib(bench), options)


def _report(
    lines: dict[str, Measured], names: int, size: int, idle_count: int, before: int, after: int, options: argparse.Namespace
) -> None:  # fmt: skip
    limits: dict[str, dict[str, Measured | float]] = {
        "tcp": {"bare": lines["tcp bare"], "the goal": _GOALS["tcp"]},
        "depth 1": {"bare": lines["depth 1 bare"]},
        "udp": {"the goal": _GOALS["udp"]} | ({"Knot": lines["udp Knot"]} if "udp Knot" in lines else {}),
    }
    print(
        table(lines, limits, f"{names} names of the demo, answers of {size} bytes (UDP: one address each), one worker")
    )
    if "udp Knot" not in lines:
        print(f"\n{' '.join(missing('knotd'))}, so UDP stands beside nothing but its goal; name it with --knotd")
    print(f"\n{idle_count:,} idle connections: {(after - before) / 1024:,.0f} MiB more, {after / 1024:,.0f} MiB in all")
    made = Run("handle_wire", {"rounds": options.rounds, "seconds": options.seconds, "answer bytes": size})
    keep(made, lines, limits)
    made.add("idle connections", {"connections": idle_count, "worker MiB": after / 1024})
    print(f"raw data: {made.write().relative_to(Path.cwd())}")


if __name__ == "__main__":
    sys.exit(main())
