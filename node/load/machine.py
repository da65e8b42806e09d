"""What a measurement says of the machine, and the memory that a node uses on it. From /proc; no name and no path."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

_PROCESSES = Path("/proc")


def machine() -> dict[str, Any]:
    models = [line for line in (_PROCESSES / "cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = next(line for line in (_PROCESSES / "meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "cores": os.cpu_count(),
        "processor": models[0].partition(": ")[2] if models else platform.machine(),
        "memory_gibibytes": round(int(memory.split()[1]) / 2**20, 1),
        "kernel": platform.release(),
    }


def proportional_mebibytes(data: Path) -> float:
    """Memory of all processes of the node on this data directory, pages that several share counted once."""
    parents = {int(place.name): _parent(place) for place in _PROCESSES.iterdir() if place.name.isdigit()}
    top = int((data / "lock").read_text())
    kibibytes = 0
    for pid in parents:
        above: int | None = pid
        while above and above != top:
            above = parents.get(above)
        if above == top:
            kibibytes += _proportional_kibibytes(pid)
    return kibibytes / 1_024


def _parent(place: Path) -> int | None:
    try:
        return int((place / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return None


def _proportional_kibibytes(pid: int) -> int:
    try:
        lines = (_PROCESSES / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
