"""How long an older version is still answered after a write was acknowledged.

    python -m benchmarks.freshness [--rounds 500] [--kills 20] [--readers 16]

A node of its own with two workers. Every round revises one identifier that all workers hold in memory and asks every reader's
connection until it tells the new version; what is measured is the last moment at which any of them told an older one. Then
the same with a writer that cannot publish and is killed (-9) as soon as it has acknowledged: only the change feed is left.
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
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from benchmarks.own_node import Bench, own_node
from benchmarks.results import Run
from node.load.latencies import Latencies
from node.load.own_node import free_port

NORMAL_SECONDS, KILLED_SECONDS = 1.0, 5.0  # the promise


class Reader:
    """One connection, so one worker."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url
        self.backwards = 0

    async def version(self) -> int:
        async with self._session.get(self._url) as answer:
            await answer.read()
            return int(answer.headers["ETag"].strip('W/"').partition("-")[0])

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


async def write(session: aiohttp.ClientSession, base_url: str, bench: Bench, identifier: str, text: str) -> int:
    value = {"index": 1, "type": "STATE", "data": {"format": "string", "value": text}}
    headers = {"Authorization": f"Bearer {bench.key}"}
    url = f"{base_url}/api/v1/identifiers/{quote(identifier, safe='')}"
    async with session.put(url, json={"values": [value]}, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return int((await answer.json())["version"])


async def spread(readers: list[Reader], version: int, since: float) -> float:
    return max(await asyncio.gather(*(reader.stale_until(version, since) for reader in readers)))


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


async def measure(bench: Bench, options: argparse.Namespace) -> bool:
    identifier = f"{bench.prefix}/freshness"
    path = f"{bench.base_url}/api/handles/{quote(identifier, safe='')}"
    async with AsyncExitStack() as stack:

        async def session() -> aiohttp.ClientSession:
            connector = aiohttp.TCPConnector(limit=1)
            return await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

        writer = await session()
        body = {
            "identifier": identifier,
            "values": [{"index": 1, "type": "STATE", "data": {"format": "string", "value": "0"}}],
        }
        headers = {"Authorization": f"Bearer {bench.key}"}
        async with writer.post(f"{bench.base_url}/api/v1/identifiers", json=body, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
        readers = [Reader(await session(), path) for _ in range(options.readers)]
        normal = []
        for number in range(options.rounds):
            await asyncio.gather(*(reader.version() for reader in readers))
            version = await write(writer, bench.base_url, bench, identifier, f"n{number}")
            normal.append(await spread(readers, version, time.perf_counter()))
        killed = []
        for number in range(options.kills):
            await asyncio.gather(*(reader.version() for reader in readers))
            with mute_writer(bench) as (base_url, process):
                version = await write(await session(), base_url, bench, identifier, f"k{number}")
                process.kill()
                killed.append(await spread(readers, version, time.perf_counter()))
        backwards = sum(reader.backwards for reader in readers)
    made = Run("freshness", {name: getattr(options, name) for name in ("rounds", "kills", "readers")})
    good = report(made, "normal running", normal, NORMAL_SECONDS) & report(
        made, "writer killed", killed, KILLED_SECONDS
    )
    print(f"answers that went back to an older version: {backwards}")
    made.add("answers that went back", {"answers": backwards})
    made.verdict = "kept" if good and not backwards else "BROKEN"
    print(f"raw data: {made.write().relative_to(Path.cwd())}")
    return good and not backwards


def report(made: Run, title: str, seconds: list[float], promise: float) -> bool:
    if not seconds:
        return True
    stale = Latencies()
    for one in seconds:
        stale.record(round(one * 1e6))
    made.add_histogram(f"stale for, {title}", stale)
    ordered = sorted(seconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    kept = p99 <= promise
    print(
        f"{title:<16} {len(ordered):4d} writes  stale for: p50 {p50 * 1000:7.1f} ms  p99 {p99 * 1000:7.1f} ms  "
        f"most {ordered[-1] * 1000:7.1f} ms   promised {promise:.0f} s: {'kept' if kept else 'BROKEN'}"
    )
    made.add(title, {"writes": len(ordered), "p50 s": p50, "p99 s": p99, "most s": ordered[-1], "promised s": promise})
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--readers", type=int, default=16, help="connections; the kernel spreads them over the workers")
    options: Any = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-") as directory:
        place = Path(directory)
        place.chmod(0o711)
        with own_node(place, 2, 0) as bench:
            return 0 if asyncio.run(measure(bench, options)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
