"""The ceilings beside our own figures: every line once a round, so that each pair is of one run; medians with spread.

    make limits                               # 5 rounds of 5 s, one worker: about 7 minutes
    python -m benchmarks.limits --rounds 5 --seconds 1

Starts a node of its own. A ceiling whose program is not installed is left out, with a sentence.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.ceilings import bare_handle, bare_http, copy_rows, hello, knot, missing, nginx
from benchmarks.first import HELLO, INSERT, KNOWN, REDIS, REGISTER, REGISTER_BATCH, RESOLVE, prepare
from benchmarks.first import limit_lines as first_limits
from benchmarks.first import node_lines as first_lines
from benchmarks.handle_load import answered, checked_sizes, datagrams, pipelined, resolutions
from benchmarks.handle_wire import NAMES, ONE_URI, demo_names
from benchmarks.measured import Measured, interleaved, keep, table
from benchmarks.own_node import Bench, own_node, real_part
from benchmarks.resolving import at_random
from benchmarks.resolving import pipelined as http_pipelined
from benchmarks.results import Run
from benchmarks.wrk import Load
from node.load.own_node import free_port

PIPELINED, TCP, UDP = "resolve, pipelined 16 x 16", "Handle TCP, pipelined", "Handle UDP"
NGINX_RETURN, NGINX_STATIC, BARE = "nginx return", "nginx static file", "bare uvloop protocol, pipelined 16 x 16"
COPY, BARE_HANDLE, KNOT = "COPY, sorted by key, key in place", "bare Handle protocol", "Knot DNS, one URI record a name"
# Ours, and what stands beside it.
_BESIDE = {
    RESOLVE: (NGINX_RETURN, NGINX_STATIC, HELLO, REDIS),
    PIPELINED: (BARE,),
    REGISTER: (INSERT,),
    REGISTER_BATCH: (INSERT, COPY),
    TCP: (BARE_HANDLE,),
    UDP: (KNOT,),
}
Lines = dict[str, Callable[[int], Load]]


@contextmanager
def http_lines(bench: Bench, place: Path, workers: int) -> Iterator[Lines]:
    """What wrk drives, and the ceilings whose programs there are."""
    if missing("wrk", "psql"):
        yield {}
        return
    prepare(bench)
    seconds, model = bench.seconds, real_part()[0]
    path = f"/api/handles/{bench.prefix}/{model}-%08d"

    def constant_answer(url: str) -> Callable[[int], Load]:
        return lambda _: at_random(url, urlsplit(url).path, KNOWN, seconds, place)

    with contextlib.ExitStack() as stack:
        plain, constant = stack.enter_context(hello(workers)), stack.enter_context(bare_http())
        lines = first_lines(bench)
        lines[PIPELINED] = lambda _: http_pipelined(bench.base_url, path, KNOWN, seconds, place)
        lines[BARE] = lambda _: http_pipelined(constant, path, KNOWN, seconds, place)
        ceilings = first_limits(bench, plain)
        ceilings[COPY] = lambda _: copy_rows(bench, *real_part())
        if not missing("nginx"):
            served = stack.enter_context(nginx(place))
            ceilings |= {
                NGINX_RETURN: constant_answer(f"{served}/return"),
                NGINX_STATIC: constant_answer(f"{served}/static"),
            }
        absent = {INSERT: missing("pgbench"), REDIS: missing("redis-benchmark")}
        yield lines | {name: run for name, run in ceilings.items() if not absent.get(name)}


@contextmanager
def handle_lines(bench: Bench, port: int, place: Path, knotd: str | None) -> Iterator[Lines]:
    """Driven by our own generator, which needs nothing."""
    names, seconds = demo_names(bench, NAMES), bench.seconds
    messages, single = resolutions(names), resolutions(names, ONE_URI)
    for _ in range(2):  # the second time it lies ready
        size = checked_sizes(port, messages) // len(messages)
        single = answered(port, single)
    with bare_handle(size) as constant, knot(knotd, place, len(messages)) as other:
        lines: Lines = {
            TCP: lambda _: pipelined(port, messages, seconds),
            BARE_HANDLE: lambda _: pipelined(constant, messages[:1], seconds),
            UDP: lambda _: datagrams(port, single, seconds),
        }
        if other is not None:
            lines[KNOT] = lambda _: datagrams(*other, seconds)
        yield lines


def limits_of(lines: dict[str, Measured]) -> dict[str, dict[str, Measured | float]]:
    return {
        ours: {name.partition(",")[0]: lines[name] for name in ceilings if name in lines}
        for ours, ceilings in _BESIDE.items()
        if ours in lines
    }


def measure(place: Path, options: argparse.Namespace) -> dict[str, Measured]:
    port = free_port()
    with contextlib.ExitStack() as stack:
        node = own_node(place, options.workers, options.seconds, handle_port=str(port))
        bench = stack.enter_context(node)
        lines = stack.enter_context(http_lines(bench, place, options.workers))
        lines |= stack.enter_context(handle_lines(bench, port, place, options.knotd))
        return interleaved(lines, options.rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--knotd", default=shutil.which("knotd"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)  # Knot reads its files as an account of its own
        lines = measure(Path(directory), options)
    limits = limits_of(lines)
    how = f"{options.workers} worker(s), generator on the same cores; {options.rounds} rounds of {options.seconds:g} s, medians"
    print(table(lines, limits, how))
    absent = missing("wrk", "psql", "nginx", "pgbench", "redis-benchmark", *(() if options.knotd else ("knotd",)))
    print("\n".join(["", *(f"left out: {sentence}" for sentence in absent)]))
    made = Run("limits", {"workers": options.workers, "rounds": options.rounds, "seconds": options.seconds, "left out": absent})  # fmt: skip
    keep(made, lines, limits)
    print(f"raw data: {made.write().relative_to(Path.cwd())}")
    return 1 if any(line.wrong for line in lines.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
