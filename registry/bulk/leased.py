"""Which rows of a chunk have suffixes that somebody leased. A prefix without leases costs one small question a chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from core.access import Prefix
from core.directory import prefix_from_row
from core.sqlfiles import load_sql
from registry.bulk.jobs import Job
from registry.leasing.book import Leased, leased_from
from registry.leasing.rows import SQL as LEASES

_SQL = load_sql("registry", "bulk_merge.sql")
_DIRECTORY = load_sql("core", "directory.sql")


@dataclass(frozen=True, slots=True)
class LeasedRows:
    """`places` in the chunk; `leases` of the prefix when it was looked at."""

    leases: int
    places: list[int]


async def leased_rows(connection: Any, job: Job, frame: pl.DataFrame) -> LeasedRows:
    leases: int = await connection.fetchval(_SQL["leases_of_prefix"], job.prefix)
    if not leases:
        return LeasedRows(0, [])
    prefix = prefix_from_row(await connection.fetchrow(_DIRECTORY["one_prefix"], job.prefix))
    leased = leased_from(prefix, await connection.fetch(LEASES["leased"], job.prefix))
    return LeasedRows(leases, _places(prefix, leased, frame, job.actor))


def _places(prefix: Prefix, leased: Leased, frame: pl.DataFrame, actor: int) -> list[int]:
    """Whole columns first: by length and by the text in front of the number; few rows are left to be read one by one."""
    key, found = pl.col("key"), pl.lit(value=False)
    for formula, _ in leased.by_formula:
        before = formula.suffix(0)[: formula.before]
        before = before if prefix.suffix_case_sensitive else before.upper()
        found |= key.str.starts_with(f"{prefix.key}/{before}")
    some = frame.select("key").with_row_index("n").filter(found)
    return [n for n, text in some.iter_rows() if leased.find(text, actor) is not None]
