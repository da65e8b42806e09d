"""Repair what reconciliation found, on either side."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import orjson

from core.errors import IdentifierMalformed
from core.identifier import fold_case, parse_identifier
from core.record import Status
from core.sqlfiles import load_sql
from core.values import unpack
from sync.escrow.making import SQL
from sync.escrow.rows import Row
from sync.escrow.sending import EscrowClient
from sync.reconcile.comparing import Difference, rows_there

log = logging.getLogger(__name__)
_INDEX = load_sql("sync", "takeover.sql")["index_changes"]
_LOSE_POSITION = load_sql("sync", "standby.sql")["lose_position"]
_MOST_VERSION = 2**31 - 2
_SCAN_SECONDS = 3_600.0


class NobodyToAct(Exception):
    """History names who changed something, and this node has no operator yet."""


async def repair_there(connection: Any, found: Difference) -> int:
    """The next deposit tells them again, as they are here then; what is only there is told as deleted. How many."""
    keys = sorted({*found.here_only, *found.there_only, *found.different})
    await connection.execute(SQL["ask_retelling"], keys)
    return len(keys)


async def repair_here(connection: Any, client: EscrowClient, sln: str, found: Difference) -> int:
    """What differs becomes as it is there, under a higher version and with its history; what is only there comes back and is
    counted in the hour of its registration; what is only here stays, as nothing is ever deleted. All of it or nothing, in one
    entry of the audit. How many. Raises `NobodyToAct`, and as `ask` does."""
    asked = {*found.different, *found.there_only}
    rows = believed(await rows_there(client, sln, sorted(asked)), asked, sln)
    wrong = set(found.different)
    async with connection.transaction():
        actor = await connection.fetchval(SQL["repairer"])
        if actor is None:
            raise NobodyToAct("there is no operator's key")
        for row in rows:
            if row.key in wrong:
                await _replace(connection, row, actor)
            else:
                await connection.execute(SQL["bring_back"], *row)
        keys = [row.key for row in rows]
        await connection.execute(_INDEX, keys)
        prefixes = sorted({key.partition("/")[0] for key in keys if key not in wrong})
        await connection.execute(SQL["count_again"], prefixes, timeout=_SCAN_SECONDS)
        if found.there_only:  # they are as old as they were, and would not be looked for among the new
            await connection.execute(_LOSE_POSITION, "identifiers came back by reconciliation", False)
        await connection.execute(SQL["audit_repair"], actor, sln, len(keys))
    return len(rows)


def believed(rows: Iterable[Row], asked: set[str], sln: str) -> list[Row]:
    """Those that were asked for, once each, of this node and well formed; the others are told in the log and left out."""
    kept: dict[str, Row] = {}
    own = fold_case(sln)
    for row in rows:
        if row.key not in asked or row.key in kept:
            log.warning("the top level's copy gave what nobody asked for: %.80r", row.key)
        elif (why := _strange(row, own)) is not None:
            log.warning("the top level's copy of %.80r is not believed: %s", row.key, why)
        else:
            kept[row.key] = row
    return list(kept.values())


def _strange(row: Row, own: str) -> str | None:
    """What keeps a row from being one of this node's."""
    prefix = row.key.removeprefix("0.NA/").partition("/")[0]
    if prefix != own and not prefix.startswith(own + "."):
        return "another node's prefix"
    whole = (row.version, row.status, *(one for one in (row.template_id, row.owner_id) if one is not None))
    texts = (one for one in (row.shown, row.withdrawal) if one is not None)
    if any(type(one) is not int for one in whole) or any(type(one) is not str for one in texts):
        return "a column of another type"
    if not 1 <= row.version <= _MOST_VERSION or row.status not in list(Status):
        return "no such version or status"
    try:
        parse_identifier(row.key)
        if row.shown is not None and fold_case(str(parse_identifier(row.shown))) != fold_case(row.key):
            return "shown as another identifier"
        if not all(value.type for value in unpack(row.value)):
            return "a value without a type"
        if (row.status == Status.WITHDRAWN) != (row.withdrawal is not None):
            return "withdrawn without a reason, or the reverse"
        if row.withdrawal is not None and not isinstance(orjson.loads(row.withdrawal).get("reason"), str):
            return "withdrawn without a reason"
    except IdentifierMalformed as wrong:
        return wrong.reason
    except (ValueError, TypeError, AttributeError, LookupError) as wrong:
        return f"it cannot be read: {wrong}"[:200]
    return None


async def _replace(connection: Any, row: Row, actor: int) -> None:
    await connection.execute(SQL["note_repair"], row.key, row.version, actor)
    await connection.execute(
        SQL["repair_row"],
        row.key,
        row.version,
        row.status,
        row.template_id,
        row.owner_id,
        row.shown,
        row.withdrawal,
        row.value,
    )
