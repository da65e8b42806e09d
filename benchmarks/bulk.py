"""A bulk job through the public door, beside a raw COPY of the same packed rows in the same run.

    python -m benchmarks.bulk                       # 3,000,000 rows
    python -m benchmarks.bulk --rows 30000000
    python -m benchmarks.bulk --rows 1000000 --latency   # and single registrations at 500/s meanwhile

Starts a node of its own on an empty data directory. Rows are the real components, each with a serial number.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import shutil
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import asyncpg
import polars as pl

from benchmarks.paced import Paced
from benchmarks.results import Run
from node.demo.parts import COMPONENTS, TEMPLATE_ITEMS, TEMPLATE_SUFFIX
from node.load.own_node import Plain, aboard, plain_node
from registry.bulk.merge import copy_rows

_HEADER = ("identifier", "MANUFACTURER", "MODEL", "CATALOGUE_CODE", "CATEGORY", "PACKAGE", "DESCRIPTION", "DATASHEET")
_PREFIX = "88.118.7"


def write_rows(path: Path, start: int, count: int) -> None:
    """Rows start … start + count of an endless list: component after component, each with so many serial numbers."""
    with COMPONENTS.open(encoding="utf-8", newline="") as file:
        components = list(csv.reader(file))[1:]
    components = list({row[1].upper(): row for row in components}.values())
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_HEADER)
        each = 10_000
        numbers = range(start, start + count)
        writer.writerows(
            (f"{_PREFIX}/{row[1]}-{number // (each * len(components)) * each + number % each:08d}", *row)
            for number in numbers
            for row in (components[number // each % len(components)],)
        )


async def come_aboard(session: aiohttp.ClientSession, node: Plain) -> tuple[str, str]:
    """An enterprise with its prefix and template; gives its key and the template."""
    key, template = await aboard(node, _PREFIX), f"{_PREFIX}/{TEMPLATE_SUFFIX}"
    body = {"identifier": template, "items": TEMPLATE_ITEMS}
    headers = {"Authorization": f"Bearer {key}"}
    async with session.post(f"{node.base_url}/api/v1/templates", json=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
    return key, template


async def load(
    session: aiohttp.ClientSession, jobs: str, path: Path, key: str, template: str, title: str, rows: int
) -> dict[str, Any]:
    """One job at the address `jobs`, to its end."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"}
    query = urlencode({"prefix": _PREFIX, "template": template, "auto": "1"})
    began = time.perf_counter()
    with path.open("rb") as file:
        async with session.post(f"{jobs}?{query}", data=file, headers=headers) as answer:
            assert answer.status == 202, await answer.text()
            job = await answer.json()
    sent = time.perf_counter()
    while job["state"] not in ("done", "failed", "cancelled"):
        await asyncio.sleep(0.1)
        async with session.get(f"{jobs}/{job['id']}", headers=headers) as answer:
            job = await answer.json()
    whole = time.perf_counter() - began
    assert job["state"] == "done", job
    said = job["plan"]["seconds"]
    merge = _between(job["merging_at"], job["finished_at"]) or 1.0  # told in whole seconds
    print(
        f"{title}: {rows:,} rows in {whole:.1f} s = {rows / whole:,.0f} rows/s "
        f"(created {job['created']:,}, unchanged {job['unchanged']:,}, refused {job['refused']:,})"
    )
    for stage, seconds in (
        ("upload", sent - began),
        ("read+pack", said["read"]),
        ("sort", said["sort"]),
        ("merge", merge),
    ):
        print(f"  {stage:<10} {seconds:7.1f} s {rows / max(seconds, 1e-3):12,.0f} rows/s")
    return {"rows": rows, "seconds": whole, "merge": merge, **job}  # fmt: skip


async def raw_copy(url: str, rows: int) -> float:
    """Rows/s of COPY with the key in place of the very rows that a job has made, sorted, one connection."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE raw (LIKE identifier INCLUDING ALL)")
    spent, copied = 0.0, 0
    total = await connection.fetchval(
        "SELECT count(*) FROM identifier WHERE key > $1 AND key < $2", f"{_PREFIX}/", f"{_PREFIX}0"
    )
    after = f"{_PREFIX}/"
    while copied < min(rows, total):
        some = await connection.fetch(
            "SELECT key, shown, template_id, convert_from(value, 'UTF8') AS value FROM identifier "
            "WHERE key > $1 AND key < $2 ORDER BY key LIMIT 250000", after, f"{_PREFIX}0",
        )  # fmt: skip
        if not some:
            break
        after = some[-1]["key"]
        frame = pl.DataFrame(
            [tuple(row) for row in some],
            schema={"key": pl.String, "shown": pl.String, "template_id": pl.Int32, "value": pl.String},
            orient="row",
        ).with_columns(pl.lit(None, pl.String).alias("withdrawal"))
        began = time.perf_counter()
        await copy_rows(connection, "raw", frame)
        spent, copied = spent + time.perf_counter() - began, copied + len(some)
    await connection.execute("DROP TABLE raw")
    await connection.close()
    return copied / spent


async def run(options: argparse.Namespace, directory: Path) -> None:
    rows = options.rows
    whole, half = directory / "whole.csv", directory / "half.csv"
    overlap = min(rows, options.second)
    write_rows(whole, 0, rows)
    write_rows(half, rows - overlap // 2, overlap)
    print(f"{rows:,} rows, {whole.stat().st_size / rows:.0f} bytes each; {os.cpu_count()} cores")
    with plain_node(directory, 1) as node:
        jobs = f"{node.base_url}/api/v1/bulk-jobs"
        made = Run(
            "bulk_latency" if options.latency else "bulk",
            {"rows": rows, "second": overlap, "rate": options.rate if options.latency else 0},
        )
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
            key, template = await come_aboard(session, node)
            paced = Paced(node.base_url, _PREFIX, key, options.rate) if options.latency else None
            if paced:
                await asyncio.to_thread(paced.measure, 5.0)
                print(f"single registrations alone: {paced.said()}")
                stop = threading.Event()
                watching = asyncio.create_task(asyncio.to_thread(paced.measure_until, stop))
            first = await load(session, jobs, whole, key, template, "into an empty prefix", rows)
            if paced:
                stop.set()
                await watching
                print(f"single registrations meanwhile: {paced.said()}")
                made.add("single registrations meanwhile", paced.figures())
                made.add_histogram("single registrations meanwhile", paced.latencies())
            second = await load(session, jobs, half, key, template, "half of them there already", overlap)
            memory = node.peak_mebibytes()["bulk"]
            print(f"peak memory of the bulk process: {memory:,.0f} MiB")
            limit = await raw_copy(node.database_url, min(rows, 1_000_000))
            print(f"raw COPY of the same packed rows, key in place, one connection: {limit:,.0f} rows/s; "
                  f"the merge is {first['rows'] / first['merge'] / limit:.2f} of it, the whole {first['rows'] / first['seconds'] / limit:.2f}")  # fmt: skip
    for title, job in (("into an empty prefix", first), ("half of them there already", second)):
        figures = {"rows": job["rows"], "seconds": job["seconds"], "rows/s": job["rows"] / job["seconds"]}
        made.add(title, figures | {"x COPY": job["rows"] / job["seconds"] / limit})
    made.add("memory of the bulk process", {"MiB": memory})
    print(f"raw data: {made.write().relative_to(Path.cwd())}")


def _between(one: str, other: str) -> float:
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--second", type=int, default=3_000_000, help="rows of the half-overlapping file")
    parser.add_argument("--latency", action="store_true", help="register single identifiers meanwhile")
    parser.add_argument("--rate", type=int, default=500)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="biaojie-bench-"))
    directory.chmod(0o711)
    try:
        asyncio.run(run(options, directory))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
