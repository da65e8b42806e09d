"""Two commits in one run: their nodes side by side, asked in turn by the same generator, and the ratio of each rate.

    make bench-compare BASE=v0.1.0            # what the working tree does beside that commit
    python -m benchmarks.compare BASE [--rounds 5] [--seconds 2]

Both nodes run all the time; only one is asked at any moment. A ratio above 1 says that the working tree is faster.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import statistics
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import uvloop

from benchmarks.growth import PREFIX, values_of
from benchmarks.results import ROOT, Run
from node.load.arrivals import Place, Question, closed_model
from node.load.own_node import Plain, aboard, plain_node
from node.load.questions import (
    batch_question,
    handle_question,
    json_question,
    page_question,
    register_batch_question,
    register_question,
)

_KNOWN, _BATCH, _BYTES = 10_000, 1_000, 300
_PROBE = 200  # questions


@dataclass(frozen=True, slots=True)
class Line:
    """`warming` are questions asked beforehand, so that memory answers and not the tiers behind it."""

    name: str
    place: Place
    questions: Iterator[Question]
    connections: int
    depth: int
    warming: int = _PROBE


class Side:
    """One of the two nodes."""

    def __init__(self, node: Plain) -> None:
        self._node = node
        self._serial = count()
        self._rates: dict[str, float] = {}
        self.lines: list[Line] = []

    async def prepare(self) -> None:
        key, values = await aboard(self._node, PREFIX), values_of(_BYTES)
        http = Place("http", "127.0.0.1", self._node.http_port)
        batches = (register_batch_question(key, [self._new() for _ in range(_BATCH)], values) for _ in count())
        loaded = await closed_model(http, batches, _KNOWN // _BATCH, 2, 1)
        assert not loaded.errors, loaded.errors
        statuses = ["found"] * 100
        self.lines = [
            Line("register one", http, (register_question(key, self._new(), values) for _ in count()), 32, 8),
            Line("register batches of 1,000", http, batches, 4, 1, 8),
            Line("resolve", http, (json_question(self._known()) for _ in count()), 32, 8, 4 * _KNOWN),
            Line("page", http, (page_question(self._known()) for _ in count()), 32, 2),
            Line("resolve batches of 100", http, (batch_question([self._known() for _ in statuses], statuses) for _ in count()), 8, 1, 100),
            Line("Handle TCP", Place("handle-tcp", "127.0.0.1", self._node.handle_port),
                 (handle_question(self._known(), number & 0xFFFFFFFF) for number in count()), 32, 8, 4 * _KNOWN),
        ]  # fmt: skip

    def _new(self) -> str:
        return f"{PREFIX}/N-{next(self._serial):012d}"

    def _known(self) -> str:
        return f"{PREFIX}/N-{random.randrange(_KNOWN):012d}"

    async def rate(self, line: Line, seconds: float) -> float:
        """Identifiers a second over about so long."""
        asked = max(int(self._rates.get(line.name, 0.0) * seconds), _PROBE if line.depth > 1 else 8)
        outcome = await closed_model(line.place, line.questions, asked, line.connections, line.depth)
        assert not outcome.errors, f"{line.name}: {outcome.errors}"
        self._rates[line.name] = outcome.rate
        return outcome.identifiers / outcome.seconds


def unpacked(commit: str, place: Path) -> Path:
    """The files of a commit, without a work tree that git would remember."""
    packed = subprocess.run(["git", "archive", "--format=tar", commit], cwd=ROOT.parent, capture_output=True)
    if packed.returncode:
        raise SystemExit(f"{commit}: {packed.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        files.extractall(place, filter="data")
    return place


async def compare(sides: dict[str, Side], rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """Rates by line and side; who begins changes every round."""
    for side in sides.values():
        await side.prepare()
        for line in side.lines:
            await closed_model(line.place, line.questions, line.warming, line.connections, line.depth)
            await side.rate(line, seconds)  # says how many questions make up the time
    found: dict[str, dict[str, list[float]]] = {}
    for turn in range(rounds):
        for number in range(len(next(iter(sides.values())).lines)):
            for name in sorted(sides, reverse=bool(turn % 2)):
                line = sides[name].lines[number]
                found.setdefault(line.name, {}).setdefault(name, []).append(await sides[name].rate(line, seconds))
    return found


def report(found: dict[str, dict[str, list[float]]], made: Run) -> None:
    print(f"{'':<28}{'base':>14}{'here':>14}{'here / base':>14}   of the rounds")
    for name, rates in found.items():
        ratios = [here / base for here, base in zip(rates["here"], rates["base"], strict=True)]
        base, here, ratio = (statistics.median(one) for one in (rates["base"], rates["here"], ratios))
        print(f"{name:<28}{base:>12,.0f}/s{here:>12,.0f}/s{ratio:>14.2f}   {min(ratios):.2f}–{max(ratios):.2f}")
        made.add(
            name,
            {"base/s": base, "here/s": here, "here / base": ratio, "least": min(ratios), "most": max(ratios)},
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="a commit, tag or branch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--no-file", dest="keep", action="store_false", help="keep no file of results")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="biaojie-bench-")))
        places = {name: place / name for name in ("base", "here", "code")}
        for one in (place, *places.values()):
            one.mkdir(exist_ok=True)
            one.chmod(0o711)
        code = {"base": unpacked(options.base, places["code"]), "here": ROOT.parent}
        sides = {
            name: Side(stack.enter_context(plain_node(places[name], options.workers, code[name]))) for name in code
        }
        found = uvloop.run(compare(sides, options.rounds, options.seconds))
    made = Run("compare", {"base": options.base, "workers": options.workers, "rounds": options.rounds})
    report(found, made)
    if options.keep:
        print(f"raw data: {made.write().relative_to(Path.cwd())}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
