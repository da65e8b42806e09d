"""Deposits back into an empty database: the last full one, then its differentials, in one transaction, and proof that nothing differs.

All deletes of a deposit come before its contents, the later deposit wins (§8.3). The proof are the digests that the last deposit
carries, of ranges of identifiers and of every other kind of object, taken over the original in the same snapshot, and taken again
over what was restored; and the counts of its header.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg

from core.sqlfiles import load_sql
from sync.escrow.making import KINDS, read_ranges
from sync.escrow.making import SQL as MAKING
from sync.escrow.names import FULL, HELD
from sync.escrow.packing import plain_reader
from sync.escrow.proof import Compared, Proof, compare_held
from sync.escrow.reading import DepositInvalid, Gone, Held, read_deposit
from sync.escrow.rows import Row
from sync.escrow.writing import Head

SQL = load_sql("sync", "restore.sql")
_ALL_SECONDS = 6 * 3_600.0
_BATCH = 50_000
_COLUMNS = Row._fields


@dataclass(slots=True)
class Restored:
    """`different`: ranges whose digest is not that of the original, as (first key, rows expected, rows found). `kinds`: every kind
    of object, identifiers first."""

    deposits: list[str] = field(default_factory=list)
    identifiers: int = 0
    rows: int = 0
    ranges: int = 0
    different: list[tuple[str, int, int]] = field(default_factory=list)
    kinds: list[Compared] = field(default_factory=list)


class NotRestored(Exception):
    """What stands in the way; nothing was changed. `found`: what was compared, where it had come to that."""

    def __init__(self, why: str, found: Restored | None = None) -> None:
        super().__init__(why)
        self.found = found


def in_order(heads: dict[Path, Head]) -> list[Path]:
    """The last full deposit and the differentials that stand on it, one on the other. Raises `NotRestored`."""
    newest: dict[str, tuple[int, Path]] = {}
    for path, head in heads.items():
        if head.id not in newest or newest[head.id][0] < head.revision:
            newest[head.id] = (head.revision, path)
    paths = sorted((path for _, path in newest.values()), key=lambda path: heads[path].watermark)
    fulls = [place for place, path in enumerate(paths) if heads[path].kind == FULL]
    if not fulls:
        raise NotRestored("there is no full deposit")
    chain = paths[fulls[-1] :]
    for before, path in pairwise(chain):
        if heads[path].previous != heads[before].id:
            raise NotRestored(
                f"{heads[path].id} stands on {heads[path].previous}, but {heads[before].id} comes before it"
            )
    return chain


def head_of(path: Path) -> Head:
    """Raises `DepositInvalid`, `zipfile.BadZipFile`."""
    with plain_reader(path) as file:
        for piece in read_deposit(file):
            assert isinstance(piece, Head)
            return piece
    raise DepositInvalid("it is empty")


async def restore(connection: Any, paths: list[Path]) -> Restored:
    """`paths`: unpacked zips in order. All of it or nothing. Raises `NotRestored`, `DepositInvalid`, `zipfile.BadZipFile`,
    and as asyncpg does."""
    done = Restored()
    held: dict[tuple[str, str], str] = {}
    head, proof = None, Proof(())
    async with connection.transaction():
        await connection.execute(MAKING["times_in_utc"])
        if await connection.fetchval(SQL["anything_held"]):
            raise NotRestored("the database is not empty")
        await connection.execute(SQL["make_stage"])
        await connection.execute(SQL["make_identifier_stage"])
        for number, path in enumerate(paths):
            head, proof = await _one(connection, path, done, held, staged=number > 0)
        await _write_held(connection, held, done)
        await _prove(connection, proof, head, held, done)
        await connection.execute(SQL["restore_counts"], timeout=_ALL_SECONDS)
        await connection.execute(SQL["restore_live"], timeout=_ALL_SECONDS)
        await connection.execute(SQL["restored_now"])
    return done


async def _prove(
    connection: Any, proof: Proof, head: Head | None, held: dict[tuple[str, str], str], done: Restored
) -> None:
    """Raises `NotRestored`."""
    found = await read_ranges(connection, [one.first for one in proof.ranges[1:]])
    done.ranges = len(proof.ranges)
    done.different = [
        (want.first, want.rows, have.rows) for want, have in zip(proof.ranges, found, strict=True) if want != have
    ]
    done.identifiers = sum(one.rows for one in found)
    wanted = sum(one.rows for one in proof.ranges)
    wrong = (
        f"ranges that differ 差异区段: {len(done.different)}, from {done.different[0][0]!r}" if done.different else ""
    )
    rows = await connection.fetch(MAKING["small_rows"], 0, timeout=_ALL_SECONDS)
    there = {(row["object"], row["key"]): row["content"] for row in rows}
    done.kinds = [
        Compared("identifier", wanted, done.identifiers, wrong), *compare_held(KINDS, proof.kinds, held, there),
    ]  # fmt: skip
    if unlike := [one.object for one in done.kinds if one.wrong]:
        raise NotRestored(f"what was restored differs from the original 与原数据不一致: {', '.join(unlike)}", done)
    if head is not None and head.counts.get(HELD) not in (None, len(there) + 1):
        raise NotRestored(
            f"{len(there)} rows were restored, the header says {head.counts[HELD] - 1} 与头部记录数不一致", done
        )


async def _one(
    connection: Any, path: Path, done: Restored, held: dict[tuple[str, str], str], *, staged: bool
) -> tuple[Head | None, Proof]:
    """A full deposit goes straight into the table, as its rows come in order of key; a differential by way of a stage."""
    table = "restore_identifier" if staged else "identifier"
    head, proof = None, Proof(())
    loop = asyncio.get_running_loop()
    with (
        plain_reader(path) as file,
        ThreadPoolExecutor(1) as reader,
    ):  # one thread: handed from one to another, a document of libxml2 is freed wrongly
        pieces = read_deposit(file)
        while batch := await loop.run_in_executor(reader, _batch, pieces):
            rows, gone = [], []
            for piece in batch:
                match piece:
                    case Row():
                        rows.append(piece)
                    case Held():
                        held[piece.object, piece.key] = piece.content
                    case Gone():
                        gone.append(piece.key)
                    case Head():
                        done.deposits.append(piece.id)
                        head = piece
                    case Proof():
                        proof = piece
            if gone:
                await connection.execute(SQL["restore_deletes"], gone, timeout=_ALL_SECONDS)
            if rows:
                await connection.copy_records_to_table(table, records=rows, columns=_COLUMNS, timeout=_ALL_SECONDS)
    if staged:
        await connection.execute(SQL["merge_identifiers"], timeout=_ALL_SECONDS)
        await connection.execute(SQL["empty_identifier_stage"])
    if not proof.ranges:
        raise DepositInvalid(f"{path.name} has no digests")
    return head, proof


def _batch(pieces: Iterator[Any]) -> list[Any]:
    found: list[Any] = []
    for piece in pieces:
        found.append(piece)
        if len(found) >= _BATCH:
            break
    return found


async def _write_held(connection: Any, held: dict[tuple[str, str], str], done: Restored) -> None:
    """Parents before their children, as the deposits had them in order of key."""
    unknown = {object_ for object_, _ in held} - set(KINDS)
    if unknown:
        raise NotRestored(f"the deposits hold what this version does not know: {', '.join(sorted(unknown))}")
    records = [(object_, key, content) for (object_, key), content in held.items()]
    for object_, key, content in records:
        await connection.execute(
            "INSERT INTO restore_row (object, key, content) VALUES ($1, $2, $3::text::jsonb)", object_, key, content
        )
    for object_ in KINDS:
        try:
            await connection.execute(SQL[f"restore_{object_}"])
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as wrong:
            raise NotRestored(f"{object_}: {wrong}") from None
    await connection.execute(SQL["settle_sequences"])
    done.rows = len(records)


_PART = re.compile(r"_S(\d+)_R(\d+)\.inde$")


def parts_of(files: list[Path]) -> dict[tuple[str, int], list[Path]]:
    """Encrypted parts by deposit (name without part, revision), in order."""
    found: dict[tuple[str, int], list[tuple[int, Path]]] = {}
    for path in files:
        if (match := _PART.search(path.name)) is not None:
            found.setdefault((path.name[: match.start()], int(match[2])), []).append((int(match[1]), path))
    return {name: [path for _, path in sorted(parts)] for name, parts in found.items()}
