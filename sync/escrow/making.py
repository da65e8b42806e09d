"""Make a deposit: one repeatable-read snapshot streamed into a packed, encrypted and signed set of files.

What a differential carries is exact without a row per registration, and without an index on the hot table. Every row knows the
transaction that wrote it (xmin). A snapshot has a number below which every transaction has ended (`cut_xid`); whatever it does
not show was written by that number or a later one. So the next deposit takes the rows of transactions from `cut_xid` on, less
those transactions that this one has seen already (`told`, mostly none): a transaction's rows are all in a snapshot or none.
Nothing is missed, nothing told twice, whatever the clocks say and whoever writes. deploy/decisions/0023.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import orjson

from core.sqlfiles import load_sql
from sync.escrow.calendar import Base, Plan, stands
from sync.escrow.documents import Report, write_report
from sync.escrow.names import DIFF, FULL, HELD, NODE, RECORD, FileName, deposit_id, watermark_of
from sync.escrow.packing import describe, pack, plain_writer
from sync.escrow.pgp import Certificate, SecretKey
from sync.escrow.proof import Proof, Range, Tally
from sync.escrow.rows import Row, write_delete, write_record
from sync.escrow.writing import (
    END,
    TAIL,
    Head,
    is_node,
    write_head,
    write_node,
    write_proof,
    write_row,
    write_template,
)

log = logging.getLogger(__name__)
SQL = load_sql("sync", "escrow.sql")
RANGES = 256
KINDS = (
    "enterprise", "prefix", "api_key", "template", "visibility_grant", "quota", "mint_sequence", "suffix_lease",
)  # fmt: skip
_BATCH = 2_000
_MOST_RETOLD = 100_000
_SCAN_SECONDS = 3_600.0  # of one statement: a deposit of any size ends, a hanging one too
_SAMPLED = 64


@dataclass(frozen=True, slots=True)
class Packing:
    """Where to, for whom, by whom, and how large a part may be."""

    folder: Path
    sln: str
    agent: Certificate
    signer: SecretKey
    part_bytes: int


@dataclass(slots=True)
class _Cut:
    next_xid: int
    cut_xid: int
    cluster: str
    told: set[int]

    def saw(self, xid: int) -> None:
        if xid >= self.cut_xid:
            self.told.add(xid)


async def make_deposit(connection: Any, plan: Plan, packing: Packing, now: datetime) -> str:
    """The id of the deposit, its files in `<folder>/<id>_R<revision>` and its row in the database; nothing of it stands in
    the database before that. Raises as asyncpg does, `OpenPgpFailed`, OSError."""
    id_ = deposit_id(plan.day)
    folder = packing.folder / f"{id_}_R{plan.revision}"
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(SQL["times_in_utc"])
        seen = await connection.fetchrow(SQL["cut"])
        base = plan.base
        if base is not None and not stands(base, seen["cluster"], seen["next_xid"]):
            base = None  # another cluster, or too long ago
        cut = _Cut(seen["next_xid"], seen["cut_xid"], seen["cluster"], set())
        if base is not None:
            cut.told.update(xid for xid in base.told if xid >= cut.cut_xid)
        head, proof = await _head(connection, plan, base, packing.sln, cut)
        objects, retold = await _write(connection, head, proof, base, cut, folder)
    if base is None and objects != (counted := sum(one.rows for one in proof.ranges)):
        raise OSError(f"{objects} identifiers were written where the snapshot has {counted}")  # never, or the disk lies
    name = FileName(packing.sln, plan.day, head.kind, plan.revision, "inde")
    files = await asyncio.to_thread(pack, folder, name, packing.agent, packing.signer, packing.part_bytes)
    statement = folder / str(FileName(packing.sln, plan.day, head.kind, plan.revision, "rep"))
    statement.write_bytes(
        write_report(Report(id_, head.kind, plan.revision, now, head.watermark, packing.sln, head.counts))
    )
    files[statement.name] = describe(statement)
    async with connection.transaction():
        await connection.execute(
            SQL["keep_deposit"], id_, plan.revision, plan.day, head.kind, head.previous, cut.cluster, cut.cut_xid,
            sorted(cut.told), orjson.dumps(dict(head.counts)).decode(), objects, orjson.dumps(files).decode(), now,
        )  # fmt: skip
        await connection.execute(SQL["retelling_told"], retold, id_)
    log.info("deposit %s R%d (%s) with %d identifiers is made", id_, plan.revision, head.kind, objects)
    return id_


EVERYTHING = (0, 2**62, ())


async def read_ranges(connection: Any, borders: list[str]) -> tuple[Range, ...]:
    """Digests of the identifiers between these keys, the first range before all of them; empty ones are there too."""
    return (await read_ranges_before(connection, borders, EVERYTHING))[0]


async def read_ranges_before(
    connection: Any, borders: list[str], before: tuple[int, int, tuple[int, ...]]
) -> tuple[tuple[Range, ...], int]:
    """`before`: (next transaction, cut, told), which leaves out what came after a deposit; and how many identifiers that is."""
    firsts = ["", *borders]
    next_xid, cut_xid, told = before
    rows = await connection.fetch(
        SQL["range_digests"], firsts, [*borders, END], next_xid, cut_xid, list(told), timeout=_SCAN_SECONDS
    )
    ranges = tuple(Range(first, row["rows"], int(row["total"])) for first, row in zip(firsts, rows, strict=True))
    return ranges, sum(row["newer"] for row in rows)


async def choose_borders(connection: Any, ranges: int) -> list[str]:
    """Keys that cut the table into about so many ranges."""
    rows = await connection.fetchval(SQL["about_rows"])
    percent = 100.0 if rows < ranges * _SAMPLED else 100.0 * ranges * _SAMPLED / rows
    found = await connection.fetch(SQL["range_borders"], percent, ranges)
    return [row["key"] for row in found]


async def _head(connection: Any, plan: Plan, base: Base | None, sln: str, cut: _Cut) -> tuple[Head, Proof]:
    ranges = await read_ranges(connection, await choose_borders(connection, RANGES))
    nodes = sum([is_node(row["shown"]) async for row in _rows(connection, "nodes", cut.next_xid)])
    templates = sum([1 async for _ in _rows(connection, "templates", cut.next_xid)])
    small = Tally()
    async for row in _rows(connection, "small_rows", cut.next_xid):
        small.add(row["object"], row["key"], row["content"])
    counts = {NODE: nodes, RECORD: sum(one.rows for one in ranges) + templates, HELD: small.rows + 1}
    kind = FULL if base is None else DIFF
    previous = None if base is None else base.id
    return Head(deposit_id(plan.day), kind, plan.revision, watermark_of(plan.day), previous, sln, counts), Proof(
        ranges, small.totals(KINDS)
    )


async def _write(
    connection: Any, head: Head, proof: Proof, base: Base | None, cut: _Cut, folder: Path
) -> tuple[int, list[str]]:
    """How many identifiers it carries, and those among them that were told again on request."""
    since, known = (0, frozenset()) if base is None else (base.cut_xid, frozenset(base.told))
    asked = await connection.fetch(SQL["open_retelling"], _MOST_RETOLD, timeout=_SCAN_SECONDS)
    wished = [row["key"] for row in asked]
    told_again = await connection.fetch(SQL["rows_of_keys"], wished, timeout=_SCAN_SECONDS)
    again = {row["key"]: Row(*row) for row in told_again}
    deletes = [write_delete(key) for key in wished if key not in again]

    async def fresh(statement: str) -> AsyncIterator[Any]:
        async for row in _rows(connection, statement, cut.next_xid):
            xid = row["xid"]
            if xid >= since and xid not in known:
                cut.saw(xid)
                yield row

    with plain_writer(folder, f"{head.id}.xml") as entry:
        entry.write(write_head(head, deletes).encode())
        async for row in fresh("nodes"):
            if is_node(row["shown"]):
                entry.write(write_node(row, head.sln).encode())
        async for row in fresh("templates"):
            entry.write(write_template(row).encode())
        async for row in fresh("small_rows"):
            entry.write(write_row(row["object"], row["key"], row["content"]).encode())
        objects = await _write_identifiers(connection, entry, cut, since, sorted(known), again)
        entry.write(write_proof(proof).encode())
        entry.write(TAIL.encode())
    return objects, wished


async def _write_identifiers(
    connection: Any, entry: IO[bytes], cut: _Cut, since: int, known: list[int], again: dict[str, Row]
) -> int:
    """While a batch is put into XML, the one before is compressed, and the next one arrives."""
    objects, writing = 0, None
    async for rows in _batches(connection, cut.next_xid, since, known):
        objects += len(rows)
        text = await asyncio.to_thread(_as_text, rows, cut, again)
        if writing is not None:
            await writing
        writing = asyncio.create_task(asyncio.to_thread(entry.write, text))
    if writing is not None:
        await writing
    entry.write("".join(map(write_record, again.values())).encode())
    return objects + len(again)


def _as_text(rows: list[Any], cut: _Cut, again: dict[str, Row]) -> bytes:
    written = [Row(*tuple(row)[:10]) for row in rows]
    for xid in {row["xid"] for row in rows}:
        cut.saw(xid)
    for row in written if again else ():
        again.pop(row.key, None)
    return "".join(map(write_record, written)).encode()


async def _rows(connection: Any, statement: str, next_xid: int) -> AsyncIterator[Any]:
    """One after the other, however many there are: the small tables of a large node are no small ones."""
    cursor = await connection.cursor(SQL[statement], next_xid, timeout=_SCAN_SECONDS)
    while rows := await cursor.fetch(_BATCH, timeout=_SCAN_SECONDS):
        for row in rows:
            yield row


async def _batches(connection: Any, next_xid: int, since: int, known: list[int]) -> AsyncIterator[list[Any]]:
    cursor = await connection.cursor(SQL["rows_since"], next_xid, since, known, timeout=_SCAN_SECONDS)
    coming = asyncio.create_task(cursor.fetch(_BATCH, timeout=_SCAN_SECONDS))
    try:
        while rows := await coming:
            coming = asyncio.create_task(cursor.fetch(_BATCH, timeout=_SCAN_SECONDS))
            yield rows
    finally:
        coming.cancel()
