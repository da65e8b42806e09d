"""What a worker answered, noted where kill -9 does not reach: a number in a mapped file, one for each run of a worker.

The kernel keeps the page when the process dies, so whoever comes next can say exactly how many resolutions were lost with it.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from core.telemetry import is_alive

_BYTES = 8
_SUFFIX = ".answered"


class Noted:
    """The number of this process. `answered[0]` is what `Tally` adds to."""

    def __init__(self, directory: Path, run: UUID) -> None:
        self._path = directory / f"{run}-{os.getpid()}{_SUFFIX}"
        with open(self._path, "w+b") as file:
            file.truncate(_BYTES)
            self._mapped = mmap.mmap(file.fileno(), _BYTES)
        self.answered = memoryview(self._mapped).cast("Q")

    def forget(self) -> None:
        """Everything was delivered."""
        self._path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Left:
    """What a process that is no more had answered."""

    path: Path
    run: UUID
    answered: int


def left_behind(directory: Path) -> Iterator[Left]:
    """The notes of processes that are gone; what is no note of ours is passed over."""
    for path in directory.glob(f"*{_SUFFIX}"):
        run, _, process = path.name.removesuffix(_SUFFIX).rpartition("-")
        try:
            if not is_alive(int(process)):
                yield Left(path, UUID(run), int.from_bytes(path.read_bytes()[:_BYTES], "little"))
        except (ValueError, OSError):
            continue
