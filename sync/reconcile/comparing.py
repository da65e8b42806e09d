"""Which identifiers differ between here and the copy that the top level made of our deposits: exactly those.

Both sides cut the keys into the same ranges and add up 64-bit digests of their rows; only ranges whose count or sum differ are
listed row by row. PostgreSQL does the adding in one pass, on all its processors. What was written after the last accepted
deposit is left out here, as the copy cannot have it yet.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from sync.escrow.making import SQL, choose_borders, read_ranges_before
from sync.escrow.names import read_utc
from sync.escrow.proof import Range
from sync.escrow.rows import Row
from sync.escrow.sending import EscrowClient, NotTaken
from sync.escrow.writing import END

RANGES = 4_096
_PAGE = 50_000
_LIST_SECONDS = 600.0
_ASK_SECONDS = 600.0  # sums over tens of millions, at the other end


class NothingToCompare(Exception):
    """No deposit has been accepted yet, or the top level stands at another one."""


@dataclass(slots=True)
class Difference:
    """Keys, in order. `untold`: how many were added or changed here since the last accepted deposit, so that the next one tells
    them; they are compared by nothing. `changed`: those among them that the other side has too, as they were."""

    compared: int = 0
    untold: int = 0
    ranges: int = 0
    different_ranges: int = 0
    here_only: list[str] = field(default_factory=list)
    there_only: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    @property
    def none(self) -> bool:
        return not (self.here_only or self.there_only or self.different)


async def compare(connection: Any, client: EscrowClient, sln: str, ranges: int = RANGES) -> Difference:
    """Reads in one snapshot; changes nothing. Raises `NothingToCompare`, `NotTaken`, `Refused`, and as asyncpg does."""
    found = Difference()
    path = f"/ops/v1/reconcile/{sln}"
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        base = await connection.fetchrow(SQL["accepted_deposit"])
        if base is None:
            raise NothingToCompare("no deposit has been accepted yet")
        cut = await connection.fetchrow(SQL["cut"])
        if cut["cluster"] != base["cluster"]:
            raise NothingToCompare("the last accepted deposit is of another database; send a full one first")
        before = (cut["next_xid"], base["cut_xid"], tuple(base["told"]))
        borders = await choose_borders(connection, ranges)
        ends = [*borders, None]
        here, found.untold, answer = await _both(connection, client, path, borders, ends, before)
        if answer["base"] != base["id"]:
            raise NothingToCompare(
                f"the top level stands at {answer['base']}, the last accepted deposit is {base['id']}"
            )
        found.ranges, found.compared = len(here), sum(one.rows for one in here)
        for one, end, (rows, total) in zip(here, ends, answer["ranges"], strict=True):
            if (one.rows, one.total) != (rows, int(total)):
                found.different_ranges += 1
                await _list(connection, client, path, one.first, end, before, found)
        await _sort_out(connection, found)
    return found


async def _both(
    connection: Any, client: EscrowClient, path: str, borders: list[str], ends: list[str | None], before: Any
) -> tuple[tuple[Range, ...], int, Any]:
    """Both sides add up at the same time: each takes a minute for tens of millions."""
    asked = [[first, end] for first, end in zip(["", *borders], ends, strict=True)]
    there = asyncio.create_task(client.ask(path, {"ranges": asked}, _ASK_SECONDS))
    try:
        here, untold = await read_ranges_before(connection, borders, before)
        return here, untold, await there
    finally:
        there.cancel()


async def _list(
    connection: Any, client: EscrowClient, path: str, first: str, end: str | None, before: Any, found: Difference
) -> None:
    """One range, row by row."""
    here = await _digests_here(connection, first, end, before)
    there = await _digests_there(client, path, first, end)
    found.here_only += sorted(here.keys() - there.keys())
    found.there_only += sorted(there.keys() - here.keys())
    found.different += sorted(key for key in here.keys() & there.keys() if here[key] != there[key])


async def _digests_here(connection: Any, first: str, end: str | None, before: Any) -> dict[str, int]:
    digests: dict[str, int] = {}
    while True:
        rows = await connection.fetch(
            SQL["digests_between"],
            first,
            end or END,
            before[0],
            before[1],
            list(before[2]),
            _PAGE,
            timeout=_LIST_SECONDS,
        )
        digests.update((row["key"], row["digest"]) for row in rows)
        if len(rows) < _PAGE:
            return digests
        first = rows[-1]["key"] + "\x01"  # the least text after it; no identifier has control characters


async def _digests_there(client: EscrowClient, path: str, first: str, end: str | None) -> dict[str, int]:
    digests: dict[str, int] = {}
    while True:
        rows = (await client.ask(path, {"between": [first, end]}, _ASK_SECONDS))["digests"]
        digests.update((key, digest) for key, digest in rows)
        if len(rows) < _PAGE:
            return digests
        first = rows[-1][0] + "\x01"


async def _sort_out(connection: Any, found: Difference) -> None:
    """What is here after all was changed since the deposit."""
    rows = await connection.fetch(SQL["keys_held"], found.there_only)
    found.changed = sorted(row["key"] for row in rows)
    newer = set(found.changed)
    found.there_only = [key for key in found.there_only if key not in newer]


async def rows_there(client: EscrowClient, sln: str, keys: list[str]) -> list[Row]:
    """As the top level's copy has them, whatever it says. Raises `NotTaken` for what is no list of rows, and as `ask` does."""
    rows: list[Row] = []
    for start in range(0, len(keys), 1_000):
        answer = await client.ask(f"/ops/v1/reconcile/{sln}", {"keys": keys[start : start + 1_000]})
        try:
            rows += [_row(one) for one in answer["rows"][:1_000]]
        except (TypeError, ValueError, KeyError, AttributeError) as wrong:
            raise NotTaken(f"the rows of the copy cannot be read: {wrong}"[:300]) from None
    return rows


def _row(said: Any) -> Row:
    version, status, template_id, owner_id, created, changed, key, shown, withdrawal, value = said
    at = None if changed is None else read_utc(changed)
    content = value.encode()
    if not isinstance(key, str):
        raise TypeError("a key is no text")
    return Row(version, status, template_id, owner_id, read_utc(created), at, key, shown, withdrawal, content)
