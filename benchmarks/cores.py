"""One server core: servers on the first core of the machine, their generator on the last.

Left alone, the scheduler wakes a server on the core of who woke it. Where neither fills a core they then share one, and the rate
that is measured is that of both together; which of two servers has that luck differs from run to run.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.ceilings import started
from benchmarks.own_node import Bench


def keep_apart(benches: Iterable[Bench]) -> None:
    """The workers of these nodes and the limits that run; this process, and what it starts from now on, elsewhere."""
    if sys.platform != "linux":  # nowhere else can a process say so
        return
    cores = sorted(os.sched_getaffinity(0))
    for pid in [*started(), *(pid for bench in benches for pid in _workers(bench))]:
        for thread in _threads(pid):
            os.sched_setaffinity(thread, cores[:1])
    os.sched_setaffinity(0, cores[-1:])


def _workers(bench: Bench) -> list[int]:
    pids: dict[str, int] = json.loads((bench.directory / "data" / "pids.json").read_text())
    return [pid for name, pid in pids.items() if name.startswith("worker-")]


def _threads(pid: int) -> list[int]:
    return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
