"""How long an older version is still answered after a write was acknowledged.

    python -m benchmarks.freshness [--rounds 500] [--kills 20] [--readers 4]

A node of its own with two workers. Every round revises one identifier that all workers hold in memory and asks every reader's
connection, at every door (`benchmarks.reading_doors`), until it tells the new version; what is measured is the last moment at
which any of them told an older one. Then the same with a writer that cannot publish and is killed (-9) as soon as it has acknowledged: only the change feed is left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from benchmarks.own_node import Bench, own_node
from benchmarks.reading_doors import Doors, Version, alias_of, value_of
from benchmarks.results import Run
from node.load.latencies import Latencies
from node.load.own_node import free_port

NORMAL_SECONDS, KILLED_SECONDS = 1.0, 5.0  # the promise


class Reader:
    """One connection at one door, so one worker."""

    def __init__(self, door: str, version: Version) -> None:
        self.door, self.version = door, version
        self.backwards = 0

    async def stale_until(self, version: int, since: float) -> float:
        """Seconds after `since` at which it last told an older version; 0.0 where it never did."""
        last, newest = 0.0, 0
        for _ in range(1_000_000):
            began = time.perf_counter()
            told = await self.version()
            self.backwards += told < newest
            newest = max(newest, told)
            if told >= version:
                return last
            last = began - since
            await asyncio.sleep(0)
        raise SystemExit("the new version never came")


class Spread:
    """How long each write was not known everywhere: by door, and over all."""

    def __init__(self, doors: Iterable[str]) -> None:
        self.by_door: dict[str, list[float]] = {door: [] for door in doors}
        self.everywhere: list[float] = []

    async def watch(self, readers: list[Reader], version: int, since: float) -> None:
        stale = await asyncio.gather(*(reader.stale_until(version, since) for reader in readers))
        for door, seconds in self.by_door.items():
            seconds.append(max(one for one, reader in zip(stale, readers, strict=True) if reader.door == door))
        self.everywhere.append(max(stale))


async def write(session: aiohttp.ClientSession, base_url: str, bench: Bench, identifier: str, version: int) -> None:
    """Revise to `version`, which the record says of itself."""
    headers = {"Authorization": f"Bearer {bench.key}"}
    url = f"{base_url}/api/v1/identifiers/{quote(identifier, safe='')}"
    async with session.put(url, json={"values": [value_of(version)]}, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert (await answer.json())["version"] == version


async def register(session: aiohttp.ClientSession, bench: Bench, identifier: str, value: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {bench.key}"}
    body = {"identifier": identifier, "values": [value]}
    async with session.post(f"{bench.base_url}/api/v1/identifiers", json=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()


@contextmanager
def mute_writer(bench: Bench) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """One more worker on the same database, whose Redis is nowhere: it cannot publish what it commits."""
    port = free_port()
    running = json.loads((bench.directory / "data" / "running.json").read_text())
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BIAOJIE_")} | {
        "BIAOJIE_DATABASE_URL": running["database_url"],
        "BIAOJIE_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "BIAOJIE_DATA_DIR": str(bench.directory / "data"),
        "BIAOJIE_HTTP_PORT": str(port),
        "BIAOJIE_HANDLE_PORT": "0",
    }
    ready = bench.directory / f"ready-{port}"
    command = [sys.executable, "-m", "node.worker", "--number", "9", "--ready-file", str(ready)]
    with (bench.directory / "writer.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        while not ready.exists():
            assert process.poll() is None, (bench.directory / "writer.log").read_text()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


async def measure(bench: Bench, handle_port: int, options: argparse.Namespace) -> bool:
    identifier, alias = f"{bench.prefix}/freshness", f"{bench.prefix}/freshness-alias"
    doors = Doors(bench.base_url, handle_port, identifier, alias)
    async with AsyncExitStack() as stack:
        # A connection for each write, so that either worker is the one that hears of it later.
        writers = aiohttp.TCPConnector(force_close=True)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=writers))
        await register(session, bench, identifier, value_of(1))
        await register(session, bench, alias, alias_of(identifier))
        readers = [
            Reader(door, version)
            for door in doors.openings
            for version in await stack.enter_async_context(doors.open(door, options.readers))
        ]
        normal, killed, version = Spread(doors.openings), Spread(doors.openings), 1
        for _ in range(options.rounds):
            await asyncio.gather(*(reader.version() for reader in readers))
            version += 1
            await write(session, bench.base_url, bench, identifier, version)
            await normal.watch(readers, version, time.perf_counter())
        for _ in range(options.kills):
            await asyncio.gather(*(reader.version() for reader in readers))
            with mute_writer(bench) as (base_url, process):
                version += 1
                await write(session, base_url, bench, identifier, version)
                process.kill()
                await killed.watch(readers, version, time.perf_counter())
        backwards = sum(reader.backwards for reader in readers)
    made = Run("freshness", {name: getattr(options, name) for name in ("rounds", "kills", "readers")})
    good = report(made, {"normal running": (normal, NORMAL_SECONDS), "writer killed": (killed, KILLED_SECONDS)})
    print(f"answers that went back to an older version: {backwards}")
    made.add("answers that went back", {"answers": backwards})
    made.verdict = "kept" if good and not backwards else "BROKEN"
    print(f"raw data: {made.write(options.results)}")
    return good and not backwards


def report(made: Run, spreads: dict[str, tuple[Spread, float]]) -> bool:
    """A line for all doors together, on which the promise is judged; then one for each door."""
    measured = {title: found for title, found in spreads.items() if found[0].everywhere}
    kept = [line(made, title, spread.everywhere, promise) for title, (spread, promise) in measured.items()]
    for title, (spread, promise) in measured.items():
        for door, seconds in spread.by_door.items():
            line(made, f"{title}, {door}", seconds, promise)
    return all(kept)


def line(made: Run, title: str, seconds: list[float], promise: float) -> bool:
    stale = Latencies()
    for one in seconds:
        stale.record(round(one * 1e6))
    made.add_histogram(f"stale for, {title}", stale)
    ordered = sorted(seconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    kept = p99 <= promise
    print(
        f"{title:<36} {len(ordered):4d} writes  stale for: p50 {p50 * 1000:7.1f} ms  p99 {p99 * 1000:7.1f} ms  "
        f"most {ordered[-1] * 1000:7.1f} ms   promised {promise:.0f} s: {'kept' if kept else 'BROKEN'}"
    )
    made.add(title, {"writes": len(ordered), "p50 s": p50, "p99 s": p99, "most s": ordered[-1], "promised s": promise})
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument(
        "--readers", type=int, default=4, help="connections at each door; the kernel spreads them over the workers"
    )
    parser.add_argument("--results", type=Path, help="directory of the raw data; else of this commit")
    options: Any = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-") as directory:
        place = Path(directory)
        place.chmod(0o711)
        handle_port = free_port()
        with own_node(place, 2, 0, handle_port=str(handle_port)) as bench:
            return 0 if asyncio.run(measure(bench, handle_port, options)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
