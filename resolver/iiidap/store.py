"""Registration data out of PostgreSQL: enterprises, their prefixes, and what their applications said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from core.database import store_errors
from core.sqlfiles import load_sql
from resolver.iiidap.body import Registration
from resolver.iiidap.query import NamePattern, splits_character

_SQL = load_sql("resolver", "iiidap.sql")
_MOST_PREFIXES = 100  # of one enterprise, in one answer


class RegistrationData:
    """Every call raises `StoreUnavailable`. `name` and `prefix` are the node's own: it is registered too."""

    def __init__(self, pool: Any, prefix: str, name: str) -> None:
        self._pool = pool
        self._prefix = prefix
        self._name = name

    async def of_prefix(self, prefix: str) -> Registration | None:
        if prefix == self._prefix:
            return await self._node()
        with store_errors():
            row = await self._pool.fetchrow(_SQL["by_prefix"], prefix)
        return None if row is None else registration_from_row(row)

    async def of_name(self, name: str) -> list[Registration]:
        """All prefixes of the enterprise that has this name, however it is written; the node itself by its own."""
        with store_errors():
            rows = await self._pool.fetch(_SQL["by_name"], name, _MOST_PREFIXES)
            ours = await self._pool.fetchval(_SQL["same_name"], self._name, name)
        return [*([await self._node()] if ours else []), *map(registration_from_row, rows)]

    async def matching(self, pattern: NamePattern, most: int) -> list[Registration]:
        """Whose names fit the pattern, `most` of them at most, by name."""
        if not pattern.open_ended:
            return (await self.of_name(pattern.stem))[:most]
        with store_errors():
            rows = await self._pool.fetch(_SQL["by_stem"], pattern.stem, most)
            ours = await self._pool.fetchval(_SQL["begins_so"], self._name, pattern.stem)
        found = [registration_from_row(row) for row in rows if not splits_character(row["after"])]
        return [*([await self._node()] if ours else []), *found][:most]

    async def personal(self, application_id: int | None) -> dict[str, str]:
        """Masked personal data by field."""
        if application_id is None:
            return {}
        with store_errors():
            rows = await self._pool.fetch(_SQL["masked"], application_id)
        return {row["field"]: row["masked"] for row in rows}

    async def _node(self) -> Registration:
        with store_errors():
            born = await self._pool.fetchval(_SQL["node_born"])
        return Registration(self._prefix, born, False, self._name, None, node_itself=True)


def registration_from_row(row: Any) -> Registration:
    return Registration(
        row["shown"],
        row["created_at"],
        row["suspended"],
        row["name"],
        row["enterprise_id"],
        row["credit_code"],
        orjson.loads(row["form"]) if row["form"] else {},
        application_id=row["application_id"],
    )


def others_of(first: Registration, found: Iterable[Registration]) -> list[str]:
    """The other prefixes of the same enterprise."""
    return [one.shown for one in found if one is not first and one.enterprise_id == first.enterprise_id]
