"""Prefixes as rows: reserved, held, settled. Knows SQL, no HTTP and no rules; every call stands in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.access import Prefix, PrefixState
from core.identifier import fold_case
from core.sqlfiles import load_sql

SQL = load_sql("registry", "prefixes.sql")


async def lock_lives(connection: Any) -> None:
    """Alone until the end of the transaction in changing what suspends what."""
    await connection.execute(SQL["lock_lives"])


async def reserve(
    connection: Any, shown: str, enterprise_id: int, *, case_sensitive: bool, parent: Prefix | None, state: PrefixState
) -> bool:
    """Whether the prefix was free; then it is the enterprise's. Call `lock_lives` before."""
    key = fold_case(shown)
    made = await connection.fetchval(
        SQL["reserve_prefix"], key, shown, enterprise_id, case_sensitive, parent.key if parent else None, state.value
    )
    if made is not None:
        await settle(connection, [key])
    return made is not None


async def settle(connection: Any, keys: Iterable[str]) -> list[str]:
    """Judge these prefixes and all below them anew; gives their keys. Call `lock_lives` before."""
    return [row["prefix"] for row in await connection.fetch(SQL["settle_prefixes"], list(keys))]
