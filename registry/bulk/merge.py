"""One chunk of a job into the hot table, in one transaction: rows, history, counters, audit, and that it is done.

Where nothing stands in the range of the chunk its rows are copied straight into the hot table; a row that somebody else
registers meanwhile makes that fail as a whole, and the chunk goes the other way. That way is staged: COPY into a table of
this connection, what exists is compared, new rows are inserted in order of key, rows with other content get a new version.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import polars as pl

from core.record import Record, record_from_row
from core.sqlfiles import load_sql
from core.values import keep_timestamps, pack, unpack
from registry.bulk.jobs import Job, PlannedChunk
from registry.bulk.law import Refused
from registry.bulk.leased import LeasedRows, leased_rows
from registry.bulk.quota import Spending
from registry.bulk.refusals import write_chunk
from registry.bulk.verdict_files import write_verdicts
from registry.store import SQL as REGISTRY_SQL
from registry.store import VALUE_INDEX, AuditLine, Origin, write_audit
from registry.verbs.register import same_content

_SQL = load_sql("registry", "bulk_merge.sql")
_TEMPLATES = load_sql("registry", "templates.sql")
FIRST_SLOT = 32_000  # of the counters: beyond those of any worker
_TRIES = 20
_COPY_BYTES = 256 * 1024
_COLUMNS = ("key", "shown", "template_id", "value")
_WITHDRAWN = ("status", "withdrawal")  # sent only where some row needs them


class Moved(Exception):
    """Somebody registered one of the rows while the chunk was being merged: look again."""


class AlreadyMerged(Exception):
    """Somebody else has finished this chunk."""


@dataclass(slots=True)
class Merged:
    """What a chunk did. `changed` are the keys that have a new version, with it."""

    created: int = 0
    unchanged: int = 0
    changed: list[tuple[str, int]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    not_created: dict[int, str] = field(default_factory=dict)  # place in the chunk → unchanged, changed or refused


async def prepare_connection(connection: Any) -> None:
    await connection.execute(_SQL["make_staging"])


async def merge_chunk(
    connection: Any, job: Job, chunk: PlannedChunk, frame: pl.DataFrame, directory: Path, lane: int, pause: float = 0.0,
    spending: Spending | None = None,
) -> Merged:  # fmt: skip
    """Commit one chunk. `pause` is seconds of rest after each piece that is sent, `spending` what it may create.
    Raises `AlreadyMerged`, and as asyncpg does."""
    straight, spending = True, spending or Spending()
    for _ in range(_TRIES):
        try:
            async with connection.transaction():
                retired, closed = await _retired(connection, frame), await leased_rows(connection, job, frame)
                if (
                    straight
                    and not retired
                    and not closed.places
                    and not await connection.fetchval(_SQL["anybody_there"], chunk.first, chunk.last)
                    and await _all_fit(spending, len(frame))
                ):
                    await copy_rows(connection, "identifier", frame, pause=pause)
                    merged = Merged(created=len(frame))
                else:
                    merged = await _merge_staged(connection, job, chunk, frame, retired, closed, spending, pause)
                write_chunk(directory, chunk.number, merged.refused)
                write_verdicts(directory, chunk.number, frame, merged.not_created)
                await _count(connection, job, chunk, merged, lane, closed.leases)
            return merged
        except asyncpg.UniqueViolationError:
            straight = False
        except Moved:
            pass
        except AlreadyMerged:
            await spending.give_back()
            raise
        await spending.give_back()
    raise Moved(f"chunk {chunk.number} of job {job.id} met other writers {_TRIES} times")


async def count_chunk(connection: Any, chunk: PlannedChunk, frame: pl.DataFrame) -> tuple[int, int, int]:
    """For the plan: (new, same, withdrawn) of a chunk; the rest would change."""
    if not await connection.fetchval(_SQL["anybody_there"], chunk.first, chunk.last):
        return len(frame), 0, 0
    transaction = connection.transaction()
    await transaction.start()
    try:
        await _stage(connection, frame)
        row = await connection.fetchrow(_SQL["count_standing"], chunk.first, chunk.last)
    finally:
        await transaction.rollback()
    return len(frame) - row["standing"], row["same"], row["withdrawn"]


async def sample_chunk(connection: Any, frame: pl.DataFrame, samples: dict[str, list[str]], most: int) -> None:
    """For the plan: some identifiers of each verdict, from the beginning of the chunk."""
    some = frame.head(200)
    found = await connection.fetch(REGISTRY_SQL["find_many"], some["key"].to_list())
    held = {row["key"]: record_from_row(row) for row in found}
    for key, shown, template_id, value in some.select(_COLUMNS).iter_rows():
        record = held.get(key)
        same = record is not None and record.template_id == template_id and same_content(record.packed, value.encode())
        verdict = "new" if record is None else "same" if same else "changed"
        if len(samples[verdict]) < most and not (record is not None and record.withdrawn):
            samples[verdict].append(shown or key)


async def copy_rows(connection: Any, table: str, frame: pl.DataFrame, *numbered: str, pause: float = 0.0) -> None:
    """COPY as text. What JSON escapes with one backslash takes four: the format of COPY and that of bytea double each."""
    columns = [*numbered, *_COLUMNS]
    cells: list[Any] = [*numbered, _doubled("key", 2), _doubled("shown", 2), "template_id", _doubled("value", 4)]
    if frame["withdrawal"].null_count() < len(frame):
        columns += _WITHDRAWN
        cells += [
            pl.when(pl.col("withdrawal").is_null()).then(1).otherwise(2).alias("status"),
            _doubled("withdrawal", 2),
        ]
    lines = frame.select(cells)
    octets = io.BytesIO()
    lines.write_csv(octets, include_header=False, separator="\t", quote_style="never", null_value="\\N")
    await connection.copy_to_table(table, source=_slices(octets.getbuffer(), pause), columns=columns, format="text")


def _doubled(name: str, times: int) -> pl.Expr:
    return pl.col(name).str.replace_all("\\", "\\" * times, literal=True)


async def _slices(octets: memoryview, pause: float) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), _COPY_BYTES):
        yield bytes(octets[start : start + _COPY_BYTES])
        if pause:
            await asyncio.sleep(pause)


async def _stage(connection: Any, frame: pl.DataFrame, pause: float = 0.0) -> None:
    await copy_rows(connection, "bulk_staging", frame.with_row_index("n"), "n", pause=pause)


async def _retired(connection: Any, frame: pl.DataFrame) -> list[int]:
    """Templates of the rows that were retired, perhaps since the job was planned."""
    named = frame["template_id"].drop_nulls().unique().to_list()
    return [row["id"] for row in await connection.fetch(_TEMPLATES["retired_among"], named)] if named else []


async def _merge_staged(
    connection: Any, job: Job, chunk: PlannedChunk, frame: pl.DataFrame, retired: list[int], closed: LeasedRows,
    spending: Spending, pause: float,
) -> Merged:  # fmt: skip
    await _stage(connection, frame, pause)
    refused = await _refuse_retired(connection, chunk, frame, retired) if retired else Merged()
    if closed.places:
        await _refuse_leased(connection, frame, closed, refused)
    standing = await connection.fetchrow(_SQL["standing"], chunk.first, chunk.last)
    same, differing = standing["same"] or [], standing["differing"] or []
    not_created = refused.not_created | dict.fromkeys(same, "unchanged")
    merged = Merged(unchanged=len(same), refused=list(refused.refused), not_created=not_created)
    if differing:
        await _change(connection, job, frame, differing, merged)
    new = len(frame) - len(refused.refused) - len(same) - len(differing)
    if new and new > (granted := await spending.take(new)):
        known = {*refused.not_created, *same, *differing}
        beyond = [place for place in range(len(frame)) if place not in known][granted:]
        await _refuse_beyond(connection, frame, beyond, spending, merged)
        new = granted
    if new:
        said = await connection.execute(_SQL["insert_staged"])
        merged.created = int(said.rpartition(" ")[2])
        if merged.created != new:
            raise Moved
    return merged


async def _all_fit(spending: Spending, rows: int) -> bool:
    """Whether all may be created; if not, it has to be known first which of them exist."""
    if await spending.take(rows) == rows:
        return True
    await spending.give_back()
    return False


async def _refuse_beyond(
    connection: Any, frame: pl.DataFrame, places: list[int], spending: Spending, merged: Merged
) -> None:
    """Takes those rows, for which there is no allowance, out of the staging table."""
    await connection.execute(_SQL["drop_places"], places)
    why = spending.refuse(len(places))
    told = frame[places].select("row", pl.coalesce("shown", "key"))
    merged.refused += [Refused(row, shown, "identifier", why.slug, why.en, why.zh) for row, shown in told.iter_rows()]
    merged.not_created |= dict.fromkeys(places, "refused")


async def _refuse_retired(connection: Any, chunk: PlannedChunk, frame: pl.DataFrame, retired: list[int]) -> Merged:
    """Takes those rows out of the staging table."""
    dropped = sorted(row["n"] for row in await connection.fetch(_SQL["drop_retired"], chunk.first, chunk.last, retired))
    told = frame[dropped].select("row", pl.coalesce("shown", "key"))
    en, zh = "the template was retired", "该模板已停用"
    refused = [Refused(row, shown, "template", "template-retired", en, zh) for row, shown in told.iter_rows()]
    return Merged(refused=refused, not_created=dict.fromkeys(dropped, "refused"))


async def _refuse_leased(connection: Any, frame: pl.DataFrame, closed: LeasedRows, merged: Merged) -> None:
    """Takes rows that would be new out of the staging table; what is registered already is no lease's affair."""
    dropped = sorted(row["n"] for row in await connection.fetch(_SQL["drop_leased"], closed.places))
    told = frame[dropped].select("row", pl.coalesce("shown", "key"))
    en, zh = "the suffix is leased", "该后缀已被租用"
    merged.refused += [Refused(row, shown, "identifier", "suffix-leased", en, zh) for row, shown in told.iter_rows()]
    merged.not_created |= dict.fromkeys(dropped, "refused")


async def _change(connection: Any, job: Job, frame: pl.DataFrame, differing: list[int], merged: Merged) -> None:
    """New versions for rows that say something else; each value keeps its time where it did not change, as `revise` does."""
    rows = await connection.fetch(_SQL["lock_differing"], differing)
    if len(rows) != len(differing):
        raise Moved
    now = int(time.time())
    changes: list[tuple[str, bytes, int | None, str | None]] = []
    for row in rows:
        held = record_from_row(row)
        sent, template_id, withdrawal = row["new_value"], row["new_template_id"], row["new_withdrawal"]
        same = held.template_id == template_id and same_content(held.packed, sent)
        if held.owner_id not in (None, row["holder"]):
            merged.refused.append(_transferred(frame["row"][row["n"]], held))
            merged.not_created[row["n"]] = "refused"
        elif held.withdrawn and not (same and same_withdrawal(held, withdrawal)):
            merged.refused.append(_withdrawn(frame["row"][row["n"]], held))
            merged.not_created[row["n"]] = "refused"
        elif same and held.withdrawn == (withdrawal is not None):
            merged.unchanged += 1
            merged.not_created[row["n"]] = "unchanged"
        else:
            values = pack(keep_timestamps(unpack(sent), held.values, now))
            changes.append((held.key, values, template_id, withdrawal))
            merged.changed.append((held.key, held.version + 1))
            merged.not_created[row["n"]] = "changed"
    if changes:
        keys, values_, templates, withdrawals = map(list, zip(*changes, strict=True))
        await connection.execute(_SQL["keep_changes"], keys, job.actor, withdrawals)
        await connection.execute(_SQL["change_many"], keys, values_, templates, withdrawals)


async def _count(connection: Any, job: Job, chunk: PlannedChunk, merged: Merged, lane: int, leases: int) -> None:
    """Counters, audit, and that the chunk is done: in its transaction. Raises `Moved` where suffixes were leased meanwhile,
    `AlreadyMerged` also where the prefix is another's by now."""
    if merged.created:
        counted = [job.prefix], [merged.created], FIRST_SLOT + lane
        row = await connection.fetchrow(REGISTRY_SQL["count_registrations"], *counted)
        if row["leases"] != leases:
            raise Moved
    if await connection.fetchval(_SQL["finish_chunk"], job.id, chunk.number) is None:
        raise AlreadyMerged
    if touched := merged.created + len(merged.changed):
        if types := await connection.fetchval(VALUE_INDEX["wanted_types"], job.prefix):
            await connection.execute(VALUE_INDEX["index_range"], job.prefix, chunk.first, chunk.last, types)
        origin = Origin(job.actor, job.source, job.request_id or "")
        await write_audit(connection, [AuditLine(origin, "bulk", f"{chunk.first} … {chunk.last}", touched)])
    await connection.execute(
        _SQL["add_to_job"], job.id, merged.created, merged.unchanged, len(merged.changed), len(merged.refused)
    )


def same_withdrawal(held: Record, sent: str | None) -> bool:
    """Whether a withdrawn identifier is to be as withdrawn as it is."""
    if held.withdrawal is None or sent is None:
        return held.withdrawal == sent
    return bool(orjson.loads(held.withdrawal) == orjson.loads(sent))


def _transferred(row: int, held: Record) -> Refused:
    en, zh = "belongs to another enterprise", "已转让，属于其他企业"
    return Refused(row, held.identifier, "identifier", "identifier-transferred", en, zh)


def _withdrawn(row: int, held: Record) -> Refused:
    return Refused(
        row,
        held.identifier,
        "identifier",
        "identifier-withdrawn",
        f"was withdrawn: {held.reason}",
        f"已注销：{held.reason}",
    )
