"""A year's registrations: thirty million identifiers through the public bulk door, counted three ways.

    make year                                   # SCALE=0.01 for 300,000
    python -m benchmarks.year --scale 0.01 [--directory PLACE]

With `--directory` the node's data stays there and a run that was cut goes on where it was: the same file is the same job.
Exit status 1 where the stored counters, the rows in PostgreSQL and the signed evidence of the award do not say the same.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from tqdm import tqdm

from benchmarks.dataset import Dataset
from benchmarks.own_node import output
from benchmarks.results import Run
from benchmarks.seeding import Seeded, Seeder
from node.load.own_node import Plain, plain_node

YEAR, ENTERPRISES = 30_000_000, 300


@contextmanager
def place_of(directory: Path | None) -> Iterator[Path]:
    """Where a node of a long run lives: the directory that was named and stays, or one that goes."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o711)
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="biaojie-bench-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


async def register(node: Plain, dataset: Dataset) -> Seeded:
    """Everything, with a progress bar."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        seeder = Seeder(session, node.base_url, node.operator, dataset)
        with tqdm(total=dataset.total, desc="registering", unit="id", unit_scale=True) as bar:

            def more(count: int) -> None:
                bar.update(count)

            return await seeder.seed(more)


async def three_counts(node: Plain) -> dict[str, int]:
    """Registrations as the counters, the table and the signed evidence of the award have them."""
    headers = {"Authorization": f"Bearer {node.operator}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{node.base_url}/api/v1/usage?by=year") as answer,
    ):
        stored = int((await answer.json())["registrations"])
    connection = await asyncpg.connect(node.database_url)
    try:
        rows = int(await connection.fetchval("SELECT count(*) FROM identifier"))
    finally:
        await connection.close()
    path = node.data / "evidence.json"
    output(
        [sys.executable, "-m", "node.cli", "evidence", "make", "--output", str(path)],
        {"BIAOJIE_DATA_DIR": str(node.data)},
    )
    evidence = json.loads(path.read_text("utf-8"))["evidence"]["registrations"]
    counted = {"stored counters": stored, "rows in PostgreSQL": rows, "evidence of the award": int(evidence["counted"])}
    return counted | {"rows as the evidence counted them": int(evidence["rows"])}


async def run(options: argparse.Namespace, place: Path) -> int:
    dataset = Dataset(max(int(YEAR * options.scale), 1_000), ENTERPRISES)
    with plain_node(place, options.workers) as node:
        began = time.perf_counter()
        seeded = await register(node, dataset)
        seconds = time.perf_counter() - began
        counts = await three_counts(node)
        memory, disk = node.peak_mebibytes(), node.disk_mebibytes()
    # What is not of the dataset: the template, which is an identifier too.
    good = set(counts.values()) == {dataset.total + 1}
    print(
        f"\n{dataset.total:,} identifiers of {len(dataset.enterprises)} enterprises in {seconds:,.1f} s = "
        f"{dataset.total / seconds:,.0f}/s (created {seeded.created:,}, there already {seeded.unchanged:,})"
    )
    for name, count in counts.items():
        print(f"  {name:<22} {count:>14,}")
    print("  all the same, the template included" if good else f"  NOT the same; expected {dataset.total + 1:,}")
    print(f"peak memory, MiB: {memory}; disk {disk:,} MiB = {disk / dataset.total * 1e6:,.0f} MiB a million")
    made = Run("year", {"scale": options.scale, "workers": options.workers})
    figures: dict[str, Any] = {
        "identifiers": dataset.total,
        "seconds": seconds,
        "identifiers/s": dataset.total / seconds,
    }
    made.add("registered", figures | {"bulk process MiB": memory.get("bulk", 0), "disk MiB": disk})
    made.add("counted", dict(counts))
    made.verdict = "equal" if good else "NOT EQUAL"
    print(f"raw data: {made.write().relative_to(Path.cwd())}" if options.keep else "")
    return 0 if good else 1


def options_of(about: str, workers: int = 2, memory: int = 0) -> argparse.Namespace:
    """`memory`: MiB for the workers' caches of a benchmark that resolves, and can do so twice."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=float(os.environ.get("SCALE") or 1.0))
    parser.add_argument("--directory", type=Path, help="kept, and gone on with by the next run")
    parser.add_argument("--workers", type=int, default=workers)
    parser.add_argument("--no-file", dest="keep", action="store_false", help="keep no file of results")
    if memory:
        parser.add_argument("--again", action="store_true", help="ask all of it once more, of the warm node")
        parser.add_argument("--memory", type=int, default=memory, help="MiB of all workers' memory caches together")
    return parser.parse_args()


def main() -> int:
    options = options_of(__doc__ or "")
    with place_of(options.directory) as place, contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(run(options, place))
    return 130


if __name__ == "__main__":
    raise SystemExit(main())
