"""Single registrations at a fixed rate, in a process of their own: latency counts from the time that was planned."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import threading
import time
from typing import Any

import aiohttp

from node.load.latencies import Latencies

_SENDERS = 64


class Paced:
    """Runs the client below as a process, so that the one who measures is not the one who loads."""

    def __init__(self, base_url: str, prefix: str, key: str, rate: int) -> None:
        self._arguments = ["--base-url", base_url, "--prefix", prefix, "--key", key, "--rate", str(rate)]
        self._last: dict[str, Any] = {}

    def measure(self, seconds: float) -> None:
        stop = threading.Event()
        timer = threading.Timer(seconds, stop.set)
        timer.start()
        self.measure_until(stop)

    def measure_until(self, stop: threading.Event) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.paced", *self._arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        stop.wait()
        said, _ = process.communicate(b"\n", timeout=30)
        self._last = json.loads(said)

    def figures(self) -> dict[str, float]:
        found = self._last
        return {"per second": found["rate"], "p50 ms": found["p50"], "p99 ms": found["p99"], "failed": found["failed"]}

    def latencies(self) -> Latencies:
        return Latencies({int(microseconds): times for microseconds, times in self._last["latencies"].items()})

    def said(self) -> str:
        found = self._last
        return (
            f"{found['rate']:.0f}/s of {found['wanted']:.0f}/s, p50 {found['p50']:.1f} ms, p99 {found['p99']:.1f} ms, "
            f"longest {found['longest']:.0f} ms, failed {found['failed']:.0f}"
        )


async def send(options: argparse.Namespace) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    stopped = loop.run_in_executor(None, sys.stdin.readline)
    began, stamp = time.perf_counter() + 0.2, time.monotonic_ns()
    times: list[float] = []
    failed = 0
    number = 0
    headers = {"Authorization": f"Bearer {options.key}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_SENDERS)) as session:

        async def one(due: float, identifier: str) -> None:
            nonlocal failed
            body = {"identifier": identifier, "values": [{"index": 1, "type": "DESC", "data": "paced"}]}
            async with session.post(f"{options.base_url}/api/v1/identifiers", json=body, headers=headers) as answer:
                await answer.read()
                failed += answer.status != 201
            times.append(time.perf_counter() - due)

        tasks = set()
        while not stopped.done():
            due = began + number / options.rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(one(due, f"{options.prefix}/paced-{stamp}-{number}"))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        spent = time.perf_counter() - began
        await asyncio.gather(*tasks)
    times.sort()
    latencies = Latencies()
    for seconds in times:
        latencies.record(int(seconds * 1e6))

    def at(part: float) -> float:
        return times[min(len(times) - 1, int(len(times) * part))] * 1000

    return {
        "rate": len(times) / spent, "wanted": options.rate, "p50": at(0.5), "p99": at(0.99), "longest": at(1.0),
        "failed": failed, "latencies": latencies.counts,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--base-url", "--prefix", "--key"):
        parser.add_argument(name, required=True)
    parser.add_argument("--rate", type=int, required=True)
    print(json.dumps(asyncio.run(send(parser.parse_args()))))


if __name__ == "__main__":
    main()
