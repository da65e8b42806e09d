"""The keys that sign tokens: one a day, shared by all workers through PostgreSQL, and gone once nothing needs them."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

from core.database import store_errors
from core.sqlfiles import load_sql
from registry.snms.tokens import SigningKey

_SQL = load_sql("registry", "snms.sql")
_DAY = timedelta(days=1)
_KEPT_DAYS = 3
_UNKNOWN_SECONDS = 1.0


class SigningKeys:
    """One for each worker. A token of 24 hours needs the keys of two days, clocks that differ a third: no more are held."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._keys: dict[date, SigningKey] = {}
        self._unknown: dict[date, float] = {}

    async def current(self, now: datetime) -> SigningKey:
        """The key of today (UTC), made where nobody has made it yet. Raises `StoreUnavailable`."""
        day = now.astimezone(UTC).date()
        if (key := self._keys.get(day)) is None:
            with store_errors():
                await self._pool.execute(_SQL["make_signing_key"], day, secrets.token_bytes(32))
                await self._pool.execute(_SQL["empty_signing_keys"], day - _KEPT_DAYS * _DAY)
                key = await self._read(day)
            assert key is not None
            self._keys = {held: one for held, one in self._keys.items() if held >= day - _DAY}
        return key

    async def of_day(self, day: date, now: datetime) -> SigningKey | None:
        """The key of a day whose tokens may still hold. Raises `StoreUnavailable`."""
        today = now.astimezone(UTC).date()
        if not today - _DAY <= day <= today + _DAY:
            return None
        if (key := self._keys.get(day)) is not None:
            return key
        if self._unknown.get(day, 0.0) > time.monotonic():
            return None
        with store_errors():
            key = await self._read(day)
        if key is None:
            self._unknown = {day: time.monotonic() + _UNKNOWN_SECONDS}
        return key

    async def _read(self, day: date) -> SigningKey | None:
        secret = await self._pool.fetchval(_SQL["find_signing_key"], day)
        if secret is not None:
            self._keys[day] = SigningKey(day, bytes(secret))
        return self._keys.get(day)
