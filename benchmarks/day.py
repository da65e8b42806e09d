"""A day's resolutions: ten million, really sent, each answer judged, and the node's own totals equal to the last one.

    make day                                    # SCALE=0.01 for 100,000 over 300,000 identifiers
    python -m benchmarks.day --scale 0.01 [--directory PLACE] [--handle 0.3]

Registers 30 million identifiers first (times the scale), starts the node again so that it is cold, and asks for identifiers
by how often real ones are looked up (Zipf), 3 % of them unknown: over HTTP pipelined, a share over the Handle protocol. The
second half is told apart: memory is warm by then. Every status is judged, every hundredth found answer compared in full.
With `--directory` a run that was cut goes on with the next slice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from hdrh.histogram import HdrHistogram
from tqdm import tqdm

from benchmarks.arrivals import Outcome, Place, closed_model
from benchmarks.dataset import Dataset
from benchmarks.own_node import Plain, plain_node
from benchmarks.questions import Readers
from benchmarks.results import Run
from benchmarks.year import ENTERPRISES, YEAR, options_of, place_of, register

DAY = 10_000_000
HANDLE_SHARE = 0.3
_SLICES = 20
_CHECK_EVERY = 100
_SETTLE_SECONDS = 30.0


@dataclass
class State:
    """What was done, in a file beside the node's data. `begun` is more than `done` where a slice was cut."""

    path: Path
    registered: bool = False
    begun: int = 0
    done: int = 0
    answered: int = 0
    cut: int = 0

    @classmethod
    def read(cls, path: Path) -> State:
        state = cls(path, **json.loads(path.read_text())) if path.exists() else cls(path)
        if state.begun > state.done:
            state.cut += 1
            state.begun = state.done
        return state

    def write(self) -> None:
        told = {name: value for name, value in vars(self).items() if name != "path"}
        self.path.write_text(json.dumps(told))


@dataclass
class Day:
    """What came of all slices."""

    latencies: HdrHistogram = field(default_factory=lambda: HdrHistogram(1, 60_000_000, 3))
    errors: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    checked: int = 0
    seconds: list[tuple[int, float]] = field(default_factory=list)  # answered and seconds of each slice

    def add(self, outcomes: list[Outcome], seconds: float) -> None:
        for outcome in outcomes:
            self.latencies.add(outcome.latencies)
            self.errors += outcome.errors
            self.checked += outcome.checked
        answered = sum(outcome.answered for outcome in outcomes)
        self.answered += answered
        self.seconds.append((answered, seconds))

    def rate(self, slices: slice) -> float:
        chosen = self.seconds[slices]
        return sum(count for count, _ in chosen) / max(sum(seconds for _, seconds in chosen), 1e-9)


async def ask_slice(
    node: Plain, dataset: Dataset, count: int, seed: int, handle: float, progress: Callable[[int], None]
) -> list[Outcome]:
    """So many questions, over both protocols at once."""
    readers = Readers(dataset, seed=seed)
    by_wire = int(count * handle)
    http, wire = Place("http", "127.0.0.1", node.http_port), Place("handle-tcp", "127.0.0.1", node.handle_port)
    asked = [closed_model(http, readers.json(_CHECK_EVERY), count - by_wire, 16, 16, progress=progress)]
    if by_wire:
        asked.append(closed_model(wire, readers.handle(), by_wire, 8, 16, progress=progress))
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
    total, count = max(int(YEAR * options.scale), 1_000), max(int(DAY * options.scale), 1_000)
    dataset, state, day = Dataset(total, ENTERPRISES), State.read(place / "day.json"), Day()
    if not state.registered:
        with plain_node(place, options.workers) as node:
            await register(node, dataset)
        state.registered = True
        state.write()
    with plain_node(place, options.workers) as node:
        with tqdm(
            total=count, initial=state.done * count // _SLICES, desc="resolving", unit="res", unit_scale=True
        ) as bar:
            for number in range(state.done, _SLICES):
                state.begun = number + 1
                state.write()
                began = time.perf_counter()
                size = count * (number + 1) // _SLICES - count * number // _SLICES
                outcomes = await ask_slice(node, dataset, size, number, options.handle, lambda more: _move(bar, more))
                day.add(outcomes, time.perf_counter() - began)
                state.done, state.answered = number + 1, state.answered + sum(one.answered for one in outcomes)
                state.write()
        counted, lost = await stored_total(node, state.answered)
        memory = node.peak_mebibytes()
    return _report(options, dataset, day, state, counted, lost, memory)


def _move(bar: Any, more: int) -> None:
    bar.update(more)


def _report(
    options: argparse.Namespace, dataset: Dataset, day: Day, state: State, counted: int, lost: int, memory: dict[str, int]
) -> int:  # fmt: skip
    half = len(day.seconds) // 2
    cold, warm = day.rate(slice(0, half)), day.rate(slice(half, None))
    equal = counted == state.answered or (state.cut > 0 and counted >= state.answered)
    good = equal and not day.errors
    seconds = sum(one for _, one in day.seconds)
    print(
        f"\n{day.answered:,} resolutions over {dataset.total:,} identifiers in {seconds:,.1f} s: {day.rate(slice(None)):,.0f}/s "
        f"({cold:,.0f}/s from cold, {warm:,.0f}/s in the second half); {day.checked:,} compared in full"
    )
    for kind, times in day.errors.most_common(10):
        print(f"  ! {times:,} x {kind}")
    print(
        f"answered {state.answered:,}; the node's stored total {counted:,} (lost with workers {lost:,}): {'equal' if equal else 'NOT EQUAL'}"
    )
    if state.cut:
        print(
            f"  {state.cut} slices were cut by an interruption: what they were answered the node counted, and nobody else"
        )
    print(f"peak memory, MiB: {memory}")
    if options.keep:
        made = Run("day", {"scale": options.scale, "workers": options.workers, "handle share": options.handle})
        made.add("resolved", {
            "resolutions": day.answered, "identifiers": dataset.total, "seconds": seconds, "cold/s": cold, "warm/s": warm,
            "compared in full": day.checked, "stored total": counted, "worker MiB": memory.get("worker-0", 0),
        })  # fmt: skip
        made.add_histogram("closed loop", day.latencies)
        made.verdict = "equal" if good else "NOT EQUAL"
        print(f"raw data: {made.write().relative_to(Path.cwd())}")
    return 0 if good else 1


def main() -> int:
    options = options_of(__doc__ or "")
    options.handle = HANDLE_SHARE
    with place_of(options.directory) as place, contextlib.suppress(KeyboardInterrupt):
        return uvloop.run(run(options, place))
    return 130


if __name__ == "__main__":
    raise SystemExit(main())
