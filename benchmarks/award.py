"""The award's two thresholds, played with Locust: 30 million registrations a year, 10 million resolutions a day on average.

    make award                       # about 8 minutes; SCALE=0.05 for a short run on a small registry
    python -m benchmarks.award --scale 0.05 [--web]

Starts its own node on an empty data directory, loads a seeded registry through the bulk door, and plays the real mix: at the
award's average, at ten times that, and in a search for the highest rate that keeps p99 within 50 ms and has no errors, a bulk
job running all the time. Exit status 1 where a threshold is missed. A run that does not reach its rate to 1 % is void.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from hdrh.histogram import HdrHistogram
from tqdm import tqdm

from benchmarks.dataset import Dataset
from benchmarks.questions import number_of_rank
from benchmarks.results import Run
from benchmarks.seeding import Seeded, Seeder
from node.load.own_node import Plain, plain_node

REGISTRATIONS_A_YEAR, RESOLUTIONS_A_DAY = 30_000_000, 10_000_000
AVERAGE_RESOLUTIONS = RESOLUTIONS_A_DAY / 86_400
AVERAGE_REGISTRATIONS = REGISTRATIONS_A_YEAR / 365 / 86_400
PEAK = 10
P99_MILLISECONDS = 50.0
SHORTFALL = 0.01
# Door, share of the resolutions, identifiers a request.
DOORS = (("json", 0.60, 1), ("handle-tcp", 0.20, 1), ("handle-udp", 0.05, 1), ("page", 0.10, 1), ("batch", 0.05, 20))
# Of the registrations, but for revisions, which come on top.
WRITERS = (("register", 0.6, 1), ("register-batch", 0.4, 20), ("revise", 0.2, 1))
_ENTERPRISES, _WITHDRAWN = 300, 50
SEED = 1
_REGISTRY, _LEAST_REGISTRY = 1_000_000, 20_000


@dataclass(frozen=True, slots=True)
class Played:
    """One run at one rate. Rates are identifiers a second; latencies of all doors together, and by door."""

    resolutions: float
    registrations: float
    seconds: float
    told: dict[str, Any]

    def histogram(self, doors: tuple[str, ...] | None = None) -> HdrHistogram:
        whole = HdrHistogram(1, 60_000_000, 3)
        for door, encoded in self.told["histograms"].items():
            if doors is None or door in doors:
                whole.add(HdrHistogram.decode(encoded))
        return whole

    def achieved(self, doors: tuple[tuple[str, float, int], ...]) -> float:
        count = sum(self.told["identifiers"].get(door, 0) for door, _, _ in doors if door != "revise")
        return float(count / self.told["seconds"])

    @property
    def errors(self) -> Counter[str]:
        return Counter(self.told["errors"])

    @property
    def void(self) -> bool:
        """More than 1 % under a rate; of registrations, few as they are, by more than a batch that may not have been due yet."""
        short = self.registrations - self.achieved(WRITERS)
        batch = max(size for _, _, size in WRITERS) / self.told["seconds"]
        return self.achieved(DOORS) < self.resolutions * (1 - SHORTFALL) or short > max(
            self.registrations * SHORTFALL, batch
        )

    @property
    def good(self) -> bool:
        return not self.void and not self.errors and self.p99 <= P99_MILLISECONDS

    @property
    def p99(self) -> float:
        return float(self.histogram().get_value_at_percentile(99)) / 1000


class Stage:
    """A node with a seeded registry, and the plays on it."""

    def __init__(self, place: Path, node: Plain, dataset: Dataset, seeded: Seeded, withdrawn: list[int]) -> None:
        self.place, self.node, self.dataset, self.seeded, self.withdrawn = place, node, dataset, seeded, withdrawn

    def play(
        self, resolutions: float, registrations: float, seconds: float, warm: float = 3.0, web: bool = False
    ) -> Played:
        owners = [owner for owner in self.dataset.enterprises if owner.scheme == "handle"][:50]
        file = self.place / "play.json"
        players = {door: _players(resolutions * share / size) for door, share, size in DOORS}
        players |= {door: _players(registrations * share / size) for door, share, size in WRITERS}
        wish = {
            "seed": SEED, "total": self.dataset.total, "enterprises": len(self.dataset.enterprises), "http_port": self.node.http_port,
            "handle_port": self.node.handle_port, "withdrawn": self.withdrawn, "warm_seconds": warm, "seconds": seconds, "players": players,
            "writers": [{"prefix": owner.prefix, "key": self.seeded.keys[owner.number]} for owner in owners],
        }  # fmt: skip
        file.write_text(json.dumps(wish))
        users = str(sum(count for count, _ in players.values()))
        command = [
            sys.executable,
            "-m",
            "locust",
            "-f",
            "benchmarks/players.py",
            "-u",
            users,
            "-r",
            users,
            "--stop-timeout",
            "5",
        ]
        command += (
            ["--web-port", "8089", "--autostart"]
            if web
            else ["--headless", "-t", f"{math.ceil(seconds + warm) + 1}s", "--only-summary"]
        )
        with (self.place / "locust.log").open("wb") as log:
            done = subprocess.run(command, env={**os.environ, "BIAOJIE_PLAY": str(file)}, stdout=log, stderr=log)
        told = file.with_suffix(".told.json")
        assert told.exists(), (self.place / "locust.log").read_text() + f"\nlocust ended with {done.returncode}"
        played = Played(resolutions, registrations, seconds, json.loads(told.read_text()))
        told.unlink()
        return played

    def search(self, seconds: float, most: float) -> list[Played]:
        """Plays at rising rates until one does not hold, then between the two; the rates are of resolutions."""
        tried: list[Played] = []
        good, bad = AVERAGE_RESOLUTIONS * PEAK, 0.0
        rate = good * 2
        while len(tried) < 9 and (not bad or bad / good > 1.15):
            played = self.play(rate, rate * AVERAGE_REGISTRATIONS / AVERAGE_RESOLUTIONS, seconds)
            tried.append(played)
            say(f"search {rate:,.0f}/s", played)
            good, bad = (rate, bad) if played.good else (good, rate)
            rate = min(good * 2, most) if not bad else math.sqrt(good * bad)
        return tried


def _players(rate: float) -> tuple[int, float]:
    """How many users make the rate, each at most twenty requests a second, and the rate of one."""
    count = min(max(math.ceil(rate / 20), 1), 400) if rate else 0
    return count, rate / count if count else 0.0


def say(title: str, played: Played) -> None:
    whole = played.histogram()
    numbers = "  ".join(
        f"p{name} {whole.get_value_at_percentile(float(name)) / 1000:7.1f}" for name in ("50", "90", "99", "99.9")
    )
    verdict = "VOID: the rate was not reached" if played.void else "held" if played.good else "did not hold"
    print(
        f"{title:<20} resolutions {played.achieved(DOORS):9,.1f}/s of {played.resolutions:9,.1f} intended, registrations "
        f"{played.achieved(WRITERS):7,.1f}/s of {played.registrations:7,.1f}   {numbers} ms   {verdict}", flush=True,
    )  # fmt: skip
    for door in played.told["histograms"]:
        one = played.histogram((door,))
        print(f"    {door:<16} {one.get_total_count():9,} requests   p50 {one.get_value_at_percentile(50) / 1000:7.1f}  p99 {one.get_value_at_percentile(99) / 1000:7.1f} ms")  # fmt: skip
    for kind, times in played.errors.most_common(10):
        print(f"    ! {times:,} x {kind}", flush=True)


async def seed(node: Plain, dataset: Dataset) -> tuple[Seeded, list[int]]:
    """The registry; some popular identifiers are withdrawn afterwards."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        seeder = Seeder(session, node.base_url, node.operator, dataset)
        with tqdm(total=dataset.total, desc="loading the registry", unit="id", unit_scale=True) as bar:
            seeded = await seeder.seed(lambda more: _move(bar, more))
        withdrawn = [number_of_rank(rank, dataset.total) for rank in range(100, 100 + _WITHDRAWN)]
        for number in withdrawn:
            await seeder.withdraw(number, seeded.keys[dataset.owner(number).number])
    return seeded, withdrawn


def _move(bar: Any, more: int) -> None:
    bar.update(more)


async def keep_loading(stage: Stage, rows: int) -> None:
    """Bulk jobs one after the other, until cancelled."""
    owner = stage.dataset.enterprises[0]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        seeder = Seeder(session, stage.node.base_url, stage.node.operator, stage.dataset)
        for turn in count():
            write = partial(stage.dataset.write_more, owner, turn * rows, rows)
            await seeder.load(owner, write, stage.seeded.keys[owner.number], stage.seeded.template)


def judge(average: Played, peak: Played, tried: list[Played]) -> tuple[bool, list[str]]:
    """PASS where average and peak held; what the highest rate that held comes to."""
    held = max((one for one in (average, peak, *tried) if one.good), key=lambda one: one.resolutions, default=None)
    lines = []
    passed = average.good and peak.good
    if held is not None:
        day, year = held.achieved(DOORS) * 86_400, held.achieved(WRITERS) * 86_400 * 365
        lines.append(
            f"highest rate held: {held.achieved(DOORS):,.0f} resolutions/s and {held.achieved(WRITERS):,.1f} registrations/s at p99 {held.p99:.1f} ms"
        )
        lines.append(
            f"that is {day:,.0f} resolutions a day ({day / RESOLUTIONS_A_DAY:,.1f} x the threshold) and {year:,.0f} registrations a year ({year / REGISTRATIONS_A_YEAR:,.1f} x)"
        )
    bound = min((one for one in tried if not one.good), key=lambda one: one.resolutions, default=None)
    if bound is not None and bound.void and not bound.errors:
        lines.append(
            f"at {bound.resolutions:,.0f}/s the players, one process on the same cores, did not reach their rate: the node may carry more"
        )
    lines.append(
        f"at the average of the award: {'held' if average.good else 'NOT held'}; at {PEAK} x the average: {'held' if peak.good else 'NOT held'}"
    )
    lines.append("PASS" if passed else "FAIL")
    return passed, lines  # fmt: skip


async def run(options: argparse.Namespace, place: Path) -> int:
    scale = options.scale
    total = max(int(_REGISTRY * scale), _LEAST_REGISTRY)
    seconds = max(60.0 * min(scale, 1.0), 6.0)
    with plain_node(place, options.workers) as node:
        dataset = Dataset(total, _ENTERPRISES)
        seeded, withdrawn = await seed(node, dataset)
        stage = Stage(place, node, dataset, seeded, withdrawn)
        loading = asyncio.create_task(keep_loading(stage, max(total // 50, 1_000)))
        try:
            if options.web:
                print("Locust's page: http://127.0.0.1:8089/   stop: Ctrl-C", flush=True)
                await asyncio.to_thread(
                    stage.play, AVERAGE_RESOLUTIONS * PEAK, AVERAGE_REGISTRATIONS * PEAK, 0, web=True
                )
                return 0
            plays = {}
            for title, times in (("average", 1), (f"peak, {PEAK} x", PEAK)):
                plays[title] = await asyncio.to_thread(
                    stage.play, AVERAGE_RESOLUTIONS * times, AVERAGE_REGISTRATIONS * times, seconds
                )
                say(title, plays[title])
            average, peak = plays.values()
            tried = await asyncio.to_thread(stage.search, max(seconds / 4, 5.0), 50_000.0) if peak.good else []
        finally:
            loading.cancel()
            with suppress(asyncio.CancelledError):
                await loading
    passed, lines = judge(average, peak, tried)
    print("\n" + "\n".join(lines))
    _keep(options, average, peak, tried, passed)
    return 0 if passed else 1


def _keep(options: argparse.Namespace, average: Played, peak: Played, tried: list[Played], passed: bool) -> None:
    made = Run("award", {"scale": options.scale, "workers": options.workers, "seed": SEED})
    for title, one in (
        ("average", average),
        ("peak", peak),
        *((f"search {play.resolutions:.0f}/s", play) for play in tried),
    ):
        for door, encoded in one.told["histograms"].items():
            made.add_histogram(f"{title}, {door}", HdrHistogram.decode(encoded))
        made.add(title, {
            "intended resolutions/s": one.resolutions, "resolutions/s": one.achieved(DOORS), "registrations/s": one.achieved(WRITERS),
            "p99 ms": one.p99, "errors": sum(one.errors.values()), "held": one.good,
        })  # fmt: skip
    made.verdict = "PASS" if passed else "FAIL"
    print(f"raw data: {made.write()}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scale", type=float, default=float(os.environ.get("SCALE") or 1.0), help="of registry and times"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--web", action="store_true", help="ten times the average with Locust's web page, until Ctrl-C")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-") as directory:
        place = Path(directory)
        place.chmod(0o711)
        return asyncio.run(run(options, place))


if __name__ == "__main__":
    raise SystemExit(main())
