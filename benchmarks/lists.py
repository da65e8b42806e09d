"""Pages of lists, each filter, in a prefix of many rows: `python -m benchmarks.lists --rows 30000000`.

Loads the rows by COPY into a database of its own on embedded servers (kept off any node's), every tenth withdrawn or of another
template, then reads pages as the door does, without HTTP: p50 and p99 in milliseconds, and how many rows a page gave.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from tqdm import tqdm

from benchmarks.own_database import own_database
from benchmarks.results import Run
from core.access import Prefix
from core.parameters import Parameters
from core.record import Status
from node.load.latencies import Latencies
from registry.list_filter import ListFilter, parse_filter
from registry.store import VALUE_INDEX, keys_with_value, page_of_records, records_of, scan_keys

PREFIX = Prefix("88.118.8", "88.118.8", 1, "lists", False, False)
COPY_ROWS = 200_000
LIMIT = 100
_OLD, _NEW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)


def rows(start: int, count: int) -> Iterator[tuple[Any, ...]]:
    """Serial numbers; about 300 bytes of values, of which the serial can be searched by a value that three share."""
    for number in range(start, start + count):
        value = b'[[2001,"MODEL","BAV99,215"],[2002,"SERIAL","SN%d"],[2003,"NOTE","%s"]]' % (number // 3, b"x" * 230)
        withdrawn = number % 1_000 == 0
        yield (
            f"{PREFIX.key}/SN{number:012d}", value, 7 if number % 100_000 == 1 else 1, 2 if withdrawn else 1,
            '{"reason":"r","successor":null}' if withdrawn else None, _NEW if number % 500_000 == 2 else _OLD,
        )  # fmt: skip


async def load(connection: Any, total: int, indexed: bool) -> None:
    columns = ["key", "value", "template_id", "status", "withdrawal", "created_at"]
    await connection.execute("INSERT INTO enterprise (name) VALUES ('lists')")
    await connection.execute("INSERT INTO prefix (prefix, shown, enterprise_id) VALUES ($1, $1, 1)", PREFIX.key)
    with tqdm(total=total, unit="row", unit_scale=True, desc="loading") as bar:
        for start in range(0, total, COPY_ROWS):
            count = min(COPY_ROWS, total - start)
            await connection.copy_records_to_table("identifier", records=rows(start, count), columns=columns)
            bar.update(count)
    await connection.execute(
        "INSERT INTO value_index_wish (prefix, types, state) VALUES ($1, '{SERIAL}', 'ready')", PREFIX.key
    )
    for start in tqdm(range(0, total if indexed else 0, COPY_ROWS), desc="reverse index"):
        first, last = f"{PREFIX.key}/SN{start:012d}", f"{PREFIX.key}/SN{start + COPY_ROWS - 1:012d}"
        await connection.execute(VALUE_INDEX["index_range"], PREFIX.key, first, last, ["SERIAL"])
    await connection.execute("VACUUM ANALYZE")


async def page(pool: Any, wanted: ListFilter, after: str) -> int:
    """As `registry.verbs.read.read_page`, once everything is checked."""
    if wanted.by_key_alone:
        return len(await page_of_records(pool, after, wanted.bounds, LIMIT))
    find = scan_keys if wanted.value is None else keys_with_value
    keys, _ = await find(pool, wanted, after, LIMIT)
    return len(await records_of(pool, keys))


def filters(total: int) -> dict[str, Callable[[], ListFilter]]:
    """Each anew for every page: a place at random."""

    def made(**query: str) -> ListFilter:
        return parse_filter(Parameters(query), PREFIX)

    def serial() -> str:
        return f"SN{random.randrange(total):012d}"

    return {
        "none": lambda: made(),
        "suffix range": lambda: made(suffix_from=serial(), suffix_to=serial()),
        "suffix starts": lambda: made(suffix_starts=serial()[:-4]),
        "withdrawn (1 of 1,000)": lambda: made(status="withdrawn"),
        "active": lambda: made(status="active"),
        "rare template (1 of 100,000)": lambda: replace(made(), template_id=7),
        "usual template": lambda: replace(made(), template_id=1),
        "rare template, withdrawn": lambda: replace(made(), template_id=7, status=Status.WITHDRAWN),
        "created lately (1 of 500,000)": lambda: made(created_since="2026-06-01"),
        "changed before all": lambda: made(changed_before="2020-01-01"),
        "value": lambda: made(value_type="SERIAL", value=f"SN{random.randrange(total) // 3}"),
    }


async def measure(made: Run, name: str, call: Callable[[], Awaitable[int]], times: int) -> None:
    took, gave, latencies = [], [], Latencies()
    for _ in range(times):
        began = time.perf_counter()
        gave.append(await call())
        took.append((time.perf_counter() - began) * 1_000)
        latencies.record(int(took[-1] * 1_000))
    worst = statistics.quantiles(took, n=100)[98]
    print(
        f"{name:32} p50 {statistics.median(took):7.2f} ms   p99 {worst:7.2f} ms   {statistics.mean(gave):6.1f} rows a page"
    )
    made.add(name, {"p50 ms": statistics.median(took), "p99 ms": worst, "rows a page": statistics.mean(gave)})
    made.add_histogram(name, latencies)


async def main(total: int, times: int, indexed: bool, directory: Path) -> None:
    made = Run("lists", {"rows": total, "pages": times, "reverse index": indexed})
    async with own_database(directory) as url:
        connection = await asyncpg.connect(url, command_timeout=3_600)
        await load(connection, total, indexed)
        for name, make in filters(total).items():
            if name == "value" and not indexed:
                continue

            async def call(make: Callable[[], ListFilter] = make) -> int:
                after = f"{PREFIX.key}/SN{random.randrange(total):012d}"
                wanted = make()
                return await page(connection, wanted, after if wanted.value is None else f"{PREFIX.key}/")

            await measure(made, name, call, times)
        await connection.close()
    print(f"raw data: {made.write().relative_to(Path.cwd())}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=30_000_000)
    parser.add_argument("--pages", type=int, default=300, help="of each filter")
    parser.add_argument("--without-index", action="store_true", help="leave out the reverse index, which takes longest")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="biaojie-lists-") as scratch:
        Path(scratch).chmod(0o711)
        asyncio.run(main(options.rows, options.pages, not options.without_index, Path(scratch)))
