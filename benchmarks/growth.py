"""How cost grows: rates by the rows that are there, by workers, and by the size of values; a chart of each.

    python -m benchmarks.growth                       # 1, 3, 10, 30 million rows, and 100 where the disk takes them
    SCALE=0.01 python -m benchmarks.growth            # a hundredth of the rows

Each rate is that of a closed loop for some seconds, which asks for rows at random or registers new ones. Rows are filled in
straight into the table between the measurements.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.filling import fill
from benchmarks.results import Run
from node.load.arrivals import Place, Question, closed_model
from node.load.own_node import Plain, aboard, plain_node
from node.load.questions import json_question, register_batch_question, register_question

MILLIONS, LARGEST = (1, 3, 10, 30), 100
VALUE_BYTES = (100, 300, 1_000, 3_000, 10_000)
PREFIX = "88.118.9002"
_ROW_BYTES = 700  # of a row with its key and the log of writing it, on the disk
_USUAL_BYTES = 300
_BATCH = 1_000
_PROBE, _KINDS = 500, ("register one", "register batches of 1,000", "resolve")


@dataclass
class Growth:
    """Points (x, y) by line, of the two charts."""

    by_rows: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    by_size: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


class Asker:
    """Rates of one node. `serial` numbers what is registered, never twice."""

    def __init__(self, node: Plain, key: str, seconds: float, serial: Iterator[int]) -> None:
        self._key, self._seconds, self._serial = key, seconds, serial
        self._place = Place("http", "127.0.0.1", node.http_port)

    async def rates(self, name: str, rows: int, size: int) -> dict[str, float]:
        """Identifiers a second of each kind, with values of so many bytes; `rows` of `name` are there to be resolved."""
        chosen, values = random.Random(rows), values_of(size)
        known = (json_question(f"{name}-{chosen.randrange(rows):010d}") for _ in count())
        single = (register_question(self._key, self._new(), values) for _ in count())
        batches = (register_batch_question(self._key, [self._new() for _ in range(_BATCH)], values) for _ in count())
        return {
            _KINDS[0]: await self._rate(single, _PROBE, 32, 8),
            _KINDS[1]: await self._rate(batches, 8, 4, 1),
            _KINDS[2]: await self._rate(known, _PROBE, 64, 16),
        }

    def _new(self) -> str:
        return f"{PREFIX}/N-{next(self._serial):012d}"

    async def _rate(self, questions: Iterator[Question], probed: int, connections: int, depth: int) -> float:
        """Over about so many seconds; a short run says how many questions that takes."""
        probe = await closed_model(self._place, questions, probed, connections, depth)
        asked = max(int(probe.rate * self._seconds), probed)
        outcome = await closed_model(self._place, questions, asked, connections, depth)
        assert not outcome.errors, outcome.errors
        return outcome.identifiers / outcome.seconds


def values_of(size: int) -> list[dict[str, Any]]:
    """A model, and a description that makes up the bytes."""
    texts = (("MODEL", "BAV99,215"), ("DESCRIPTION", "x" * max(size - 60, 1)))
    return [
        {"index": 2001 + place, "type": kind, "data": {"format": "string", "value": text}}
        for place, (kind, text) in enumerate(texts)
    ]


async def sample(node: Plain, key: str, size: int) -> str:
    """An identifier with values of so many bytes, which the filled rows are like."""
    identifier = f"{PREFIX}/SAMPLE-{size}"
    place = Place("http", "127.0.0.1", node.http_port)
    outcome = await closed_model(place, iter([register_question(key, identifier, values_of(size))]), 1, 1, 1)
    assert outcome.errors.keys() <= {"answer 200 instead of 201"}, outcome.errors  # it may be there already
    return identifier


def by_rows(place: Path, sizes: list[int], workers: list[int], seconds: float, growth: Growth) -> None:
    """One registry that grows; the node is started again for each number of workers."""
    key, name, there, serial = "", f"{PREFIX}/ROW", 0, count()
    for rows in sizes:
        for number in workers:
            with plain_node(place, number) as node:
                key = key or uvloop.run(aboard(node, PREFIX))
                if there < rows:
                    like = uvloop.run(sample(node, key, _USUAL_BYTES))
                    uvloop.run(fill(node.database_url, name, like, there, rows))
                    there = rows
                rates = uvloop.run(Asker(node, key, seconds, serial).rates(name, rows, _USUAL_BYTES))
                for kind, rate in rates.items():
                    _note(growth.by_rows, f"{kind}, {number} worker(s)", rows, rate)


def by_size(place: Path, rows: int, sizes: tuple[int, ...], workers: int, seconds: float, growth: Growth) -> None:
    with plain_node(place, workers) as node:

        async def measure() -> None:
            key, serial = await aboard(node, PREFIX), count()
            for size in sizes:
                name = f"{PREFIX}/B{size}"
                await fill(node.database_url, name, await sample(node, key, size), 0, rows)
                for kind, rate in (await Asker(node, key, seconds, serial).rates(name, rows, size)).items():
                    _note(growth.by_size, kind, size, rate)

        uvloop.run(measure())


def _note(lines: dict[str, list[tuple[float, float]]], title: str, x: float, rate: float) -> None:
    lines.setdefault(title, []).append((x, rate))
    print(f"  {title:<44} {x:>13,.0f}  {rate:>12,.0f}/s", flush=True)


def row_counts(scale: float, free_bytes: int) -> list[int]:
    """In rows; the largest only where the disk takes it with as much again left over."""
    most = int(LARGEST * scale * 1e6)
    counts = [max(int(million * scale * 1e6), 100) for million in MILLIONS]
    return [*counts, most] if free_bytes > 2 * most * _ROW_BYTES else counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=float(os.environ.get("SCALE") or 1.0))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--no-file", dest="keep", action="store_false", help="keep no file of results")
    options = parser.parse_args()
    growth = Growth()
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-") as directory:
        for name in ("rows", "size"):
            (Path(directory) / name).mkdir()
        for place in (Path(directory), Path(directory) / "rows", Path(directory) / "size"):
            place.chmod(0o711)
        sizes = row_counts(options.scale, shutil.disk_usage(directory).free)
        by_rows(Path(directory) / "rows", sizes, options.workers, options.seconds, growth)
        rows = max(int(100_000 * options.scale), 100)
        by_size(Path(directory) / "size", rows, VALUE_BYTES, max(options.workers), options.seconds, growth)
    if options.keep:
        print(f"raw data: {_made(growth, options, sizes).write().relative_to(Path.cwd())}")
    return 0


def _made(growth: Growth, options: argparse.Namespace, sizes: list[int]) -> Run:
    made = Run("growth", {"scale": options.scale, "seconds": options.seconds, "workers": options.workers})
    if len(sizes) == len(MILLIONS):
        made.settings["left out"] = f"{LARGEST} million rows: the disk has no room for them"
    for title, points in growth.by_rows.items():
        made.add(title, {f"{rows:,.0f} rows": rate for rows, rate in points})
    for title, points in growth.by_size.items():
        made.add(f"{title}, by size of values", {f"{size:,.0f} bytes": rate for size, rate in points})
    made.add_chart("identifiers a second by rows that are there", "rows", "per second", growth.by_rows)
    made.add_chart("identifiers a second by bytes of values", "bytes", "per second", growth.by_size)
    return made


if __name__ == "__main__":
    raise SystemExit(main())
