"""A day's resolutions: ten million, really sent, each answer judged, and the node's own totals equal to the last one.

    make day                                    # SCALE=0.01 for 100,000 over 300,000 identifiers
    python -m benchmarks.day --scale 0.01 [--directory PLACE] [--again]

Registers 30 million identifiers first (times the scale), starts the node again so that it is cold, and asks for identifiers
by how often real ones are looked up (Zipf), 3 % of them unknown: over HTTP pipelined, a share over the Handle protocol. With
`--again` the same questions are asked once more, of a node that is warm by then. Every status is judged, every hundredth found
answer compared in full. With `--directory` a run that was cut goes on with the next slice. The questions of a slice are written
out before its clock starts, as other generators read theirs from a file: making them is no part of a resolution.

One core is left to the generator, PostgreSQL and Redis; the workers' memory caches may grow to a third of the machine's memory
together.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from tqdm import tqdm

from benchmarks.dataset import Dataset
from benchmarks.questions import Readers
from benchmarks.results import Run
from benchmarks.year import ENTERPRISES, YEAR, options_of, place_of, register
from node.load.arrivals import Outcome, Place, Question, closed_model
from node.load.latencies import Latencies
from node.load.own_node import Plain, plain_node

DAY = 10_000_000
HANDLE_SHARE = 0.3
_SLICES = 20
_CHECK_EVERY = 100
_SETTLE_SECONDS = 30.0


@dataclass
class State:
    """What was done, in a file beside the node's data. `slices` are (answered, seconds) of each that was finished; `begun` is
    more than there are where one was cut; `starts` counts the runs, for after each the node was cold again."""

    path: Path
    registered: bool = False
    starts: int = 0
    begun: int = 0
    cut: int = 0
    checked: int = 0
    slices: list[tuple[int, float]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, path: Path) -> State:
        told = json.loads(path.read_text()) if path.exists() else {}
        told |= {"slices": [(count, spent) for count, spent in told.get("slices", [])]}
        state = cls(path, **told | {"errors": Counter(told.get("errors", {}))})
        if state.begun > len(state.slices):
            state.cut += 1
            state.begun = len(state.slices)
        return state

    def write(self) -> None:
        told = {name: value for name, value in vars(self).items() if name != "path"}
        self.path.write_text(json.dumps(told))

    @property
    def answered(self) -> int:
        return sum(count for count, _ in self.slices)

    def begin(self) -> None:
        self.begun += 1
        self.write()

    def add(self, outcomes: list[Outcome], seconds: float) -> None:
        self.slices.append((sum(outcome.answered for outcome in outcomes), seconds))
        for outcome in outcomes:
            self.errors += outcome.errors
            self.checked += outcome.checked
        self.write()


def questions_of_slice(
    dataset: Dataset, count: int, seed: int, handle_share: float
) -> tuple[list[Question], list[Question]]:
    """What is asked over HTTP, and over the Handle protocol."""
    readers, by_wire = Readers(dataset, seed=seed), int(count * handle_share)
    asked = (
        list(islice(readers.json(_CHECK_EVERY), count - by_wire)),
        list(islice(readers.handle(_CHECK_EVERY), by_wire)),
    )
    gc.freeze()  # half a million objects that no collection need look at
    return asked


async def ask_slice(
    node: Plain, by_http: list[Question], by_wire: list[Question], progress: Callable[[int], None]
) -> list[Outcome]:
    """All questions, over both protocols at once."""
    http, wire = Place("http", "127.0.0.1", node.http_port), Place("handle-tcp", "127.0.0.1", node.handle_port)
    asked = [closed_model(http, iter(by_http), len(by_http), 128, 8, progress=progress)]
    if by_wire:
        asked.append(closed_model(wire, iter(by_wire), len(by_wire), 32, 16, progress=progress))
    return list(await asyncio.gather(*asked))


async def stored_total(node: Plain, at_least: int) -> tuple[int, int]:
    """Resolutions and losses as the node counts them, once it has counted so many, or does not any more."""
    headers, end = {"Authorization": f"Bearer {node.operator}"}, time.monotonic() + _SETTLE_SECONDS
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            async with session.get(f"{node.base_url}/api/v1/usage?by=year") as answer:
                said = await answer.json()
            if said["resolutions"] >= at_least or time.monotonic() > end:
                return int(said["resolutions"]), int(said["lost"]["resolutions"])
            await asyncio.sleep(0.5)


async def run(options: argparse.Namespace, place: Path) -> int:
    total = max(int(YEAR * options.scale), 1_000)
    dataset, state = Dataset(total, ENTERPRISES), State.read(place / "day.json")
    if not state.registered:
        with plain_node(place, options.workers) as node:
            await register(node, dataset)
        state.registered = True
    state.starts += 1
    with plain_node(place, options.workers, memory_cache_bytes=str(options.memory * 2**20 // options.workers)) as node:
        latencies = await ask(node, dataset, state, options)
        counted, lost = await stored_total(node, state.answered)
        memory, disk = node.peak_mebibytes(), node.disk_mebibytes()
    return _report(options, dataset, state, latencies, counted, lost, memory | {"disk": disk})


async def ask(node: Plain, dataset: Dataset, state: State, options: argparse.Namespace) -> Latencies:
    """All slices that are not done yet."""
    latencies, count = Latencies(), max(int(DAY * options.scale), 1_000)
    slices = _SLICES * (2 if options.again else 1)
    with tqdm(total=slices * count // _SLICES, desc="resolving", unit="res", unit_scale=True) as bar:
        _move(bar, len(state.slices) * count // _SLICES)
        for number in range(len(state.slices), slices):
            size, seed = count * (number + 1) // _SLICES - count * number // _SLICES, number % _SLICES
            by_http, by_wire = questions_of_slice(dataset, size, seed, options.handle)
            state.begin()
            began = time.perf_counter()
            outcomes = await ask_slice(node, by_http, by_wire, lambda more: _move(bar, more))
            state.add(outcomes, time.perf_counter() - began)
            for outcome in outcomes:
                latencies.add(outcome.latencies)
    return latencies


def _move(bar: Any, more: int) -> None:
    bar.update(more)


def _parts(state: State) -> dict[str, dict[str, float]]:
    """Figures of the first time, and of the second where there was one."""
    figures = {}
    for name, slices in (("cold", state.slices[:_SLICES]), ("again", state.slices[_SLICES:])):
        if slices:
            answered, seconds = sum(count for count, _ in slices), sum(spent for _, spent in slices)
            figures[name] = {"resolutions": answered, "seconds": seconds, "per second": answered / seconds}
    return figures


def _report(
    options: argparse.Namespace, dataset: Dataset, state: State, latencies: Latencies, counted: int, lost: int,
    memory: dict[str, int],
) -> int:  # fmt: skip
    # A slice that was cut was answered in part, and by nobody counted but the node.
    most = state.answered + state.cut * max((count for count, _ in state.slices), default=0)
    equal = state.answered <= counted <= most
    good = equal and not state.errors
    for name, line in _parts(state).items():
        print(
            f"\n{name}: {line['resolutions']:,} resolutions over {dataset.total:,} identifiers in {line['seconds']:,.1f} s: "
            f"{line['per second']:,.0f}/s"
        )
    for kind, times in state.errors.most_common(10):
        print(f"  ! {times:,} x {kind}")
    print(
        f"answered {state.answered:,}, {state.checked:,} compared in full; the node's stored total {counted:,} (lost with workers "
        f"{lost:,}): {'equal' if equal else 'NOT EQUAL'}"
    )
    if state.cut:
        print(
            f"  {state.cut} slices were cut: what they were answered, at most {most - state.answered:,}, only the node counted"
        )
    print(f"peak memory, and disk, MiB: {memory}")
    if options.keep:
        settings = {
            "scale": options.scale,
            "workers": options.workers,
            "memory caches of all workers, MiB": options.memory,
            "handle share": options.handle,
            "starts": state.starts,
        }
        made = Run("day", settings)
        for name, line in _parts(state).items():
            made.add(name, line)
        counts = {"identifiers": dataset.total, "answered": state.answered, "stored total": counted}
        made.add(
            "counted",
            counts
            | {"compared in full": state.checked, "worker MiB": memory.get("worker-0", 0), "disk MiB": memory["disk"]},
        )
        made.add_histogram("closed loop", latencies)
        made.verdict = "equal" if good else "NOT EQUAL"
        print(f"raw data: {made.write().relative_to(Path.cwd())}")
    return 0 if good else 1


def main() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    options = options_of(__doc__ or "", workers=max((os.cpu_count() or 1) - 1, 1), memory=memory // 3)
    options.handle = HANDLE_SHARE
    with place_of(options.directory) as place, contextlib.suppress(KeyboardInterrupt):
        return uvloop.run(run(options, place))
    return 130


if __name__ == "__main__":
    raise SystemExit(main())
