"""The names under a prefix, in order of their canonical form; withdrawn ones are not there any more."""

from __future__ import annotations

from core.access import Prefix
from core.database import store_errors
from core.errors import IdentifierMalformed
from core.identifier import parse_identifier
from registry.handle.prefix_records import SQL
from registry.room import Registry

MAX_PAGE = 1_000
COUNTED = 10_000  # names that are counted one by one
READ_AT_MOST = 100_000  # names read for one page by number


async def names_page(registry: Registry, prefix: Prefix, after: str, limit: int) -> list[str]:
    """Raises `StoreUnavailable`."""
    return await _names(registry, prefix, _start(prefix, after), min(limit, MAX_PAGE))


async def numbered_page(registry: Registry, prefix: Prefix, page: int, size: int) -> list[str]:
    """The page of that number, from 0: what lies before it is read too, a step at a time. Raises `StoreUnavailable`."""
    after, before = f"{prefix.key}/", page * size
    while before:
        keys = await _rows(registry, prefix, after, min(before, COUNTED))
        if not keys:
            return []
        before, after = before - len(keys), keys[-1][0]
    return [shown for _, shown in await _rows(registry, prefix, after, min(size, COUNTED))]


async def count_names(registry: Registry, prefix: Prefix) -> int:
    """Exact up to `COUNTED`; beyond that how many were ever registered, by the stored counters. Raises `StoreUnavailable`."""
    names = await _names(registry, prefix, f"{prefix.key}/", COUNTED + 1)
    if len(names) <= COUNTED:
        return len(names)
    with store_errors():
        return int(await registry.pool.fetchval(SQL["registered_under"], prefix.key))


async def _names(registry: Registry, prefix: Prefix, after: str, limit: int) -> list[str]:
    return [shown for _, shown in await _rows(registry, prefix, after, limit)]


async def _rows(registry: Registry, prefix: Prefix, after: str, limit: int) -> list[tuple[str, str]]:
    """(key, name) of what is there."""
    with store_errors():
        rows = await registry.pool.fetch(SQL["names_of_prefix"], after, f"{prefix.key}/", f"{prefix.key}0", limit)
    return [(row["key"], row["shown"] or row["key"]) for row in rows]


def _start(prefix: Prefix, after: str) -> str:
    """The key to begin after; what is no name of the prefix begins it anew."""
    if after:
        try:
            identifier = parse_identifier(after)
            if identifier.lies_under(prefix.key):
                return identifier.key(prefix.suffix_case_sensitive)
        except IdentifierMalformed:
            pass
    return f"{prefix.key}/"
