"""Allowance to register, lent to this worker in blocks and spent in its memory.

A block comes from PostgreSQL in one conditional update, so no two workers ever have the same unit; what is not spent soon
goes back. A worker that is killed wastes its blocks until they expire, it never exceeds anything. Blocks are at most 1 % of
what is left, so the last hundred are lent one by one.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from core.access import Principal
from core.database import store_errors
from core.directory import Directory
from core.errors import QuotaExhausted, StoreUnavailable
from core.quota import Allowance, Kind, Subject
from core.telemetry import QUOTA_REFUSED
from registry.quotas.ledger import give_back, settle_expired, take

log = logging.getLogger(__name__)
LEASE_SECONDS = 10.0
SLACK_SECONDS = 60.0  # beyond LEASE_SECONDS, until what was spent last is committed or failed
_EMPTY_SECONDS = 1.0  # how long a subject that has spent its own is not asked for again
_TICK_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Lease:
    """A block; not to be spent after `until` (monotonic clock)."""

    number: int
    units: int
    until: float
    retired: bool = False


@dataclass(slots=True)
class _Account:
    """What this worker holds for one subject."""

    limit: Allowance
    lease: Lease | None = None
    empty_until: float = 0.0
    total_is_spent: bool = False
    day_ends: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Grant:
    """`units` may be registered; `parts` has the leases they came from, for each limit. Where `units` is fewer than was
    asked for, `short` says whose limit it is, and why."""

    units: int
    parts: list[list[tuple[Lease, int]]]
    short: QuotaExhausted | None = None

    def refuse(self, identifiers: int) -> QuotaExhausted:
        """The refusal of so many, counted."""
        assert self.short is not None
        QUOTA_REFUSED.labels(str(self.short.extra["limit"])).inc(identifiers)
        return self.short


class Allowances:
    """One for each worker; an account takes about 500 bytes, for as long as it holds something."""

    def __init__(self, pool: asyncpg.Pool[Any], directory: Directory, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._pool = pool
        self._directory = directory
        self._lease_seconds = lease_seconds
        self._accounts: dict[Subject, _Account] = {}
        self._returning: list[Lease] = []  # no longer spent from, with units that are to go back

    def of(self, principal: Principal, prefix_key: str) -> tuple[Allowance, ...]:
        """What limits registrations under the prefix by this caller: mostly nothing."""
        quotas = self._directory.quotas
        if not quotas.limits_registrations or (prefix := self._directory.prefix(prefix_key)) is None:
            return ()
        return quotas.allowances(principal.key, prefix.enterprise_id)

    async def take(self, limits: Sequence[Allowance], wanted: int) -> Grant:
        """As many units as every one of the limits has room for. Raises `StoreUnavailable`."""
        grant = Grant(wanted, [])
        for limit in limits:
            parts = await self._take_one(limit, grant.units)
            grant.parts.append(parts)
            got = sum(units for _, units in parts)
            if got < grant.units:
                grant.units, grant.short = got, self._exhausted(limit)
        self._trim(grant)
        return grant

    def give_back(self, grant: Grant, units: int) -> None:
        """Units that turned out not to be needed."""
        grant.units -= units
        self._trim(grant)

    async def run(self) -> None:
        """Give back what was not spent, and correct what others wasted, for ever."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            with suppress(StoreUnavailable), store_errors():
                await self.give_back_idle(time.monotonic())
                await settle_expired(self._pool)

    async def finish(self) -> None:
        """At the end of the worker: everything goes back. Raises `StoreUnavailable`."""
        with store_errors():
            await self.give_back_idle(math.inf)

    async def give_back_idle(self, now: float) -> None:
        """What may no longer be spent at `now` (monotonic). Raises as asyncpg does: then it is wasted until it expires."""
        for subject, account in list(self._accounts.items()):
            if account.lock.locked():
                continue
            if account.lease is not None and account.lease.until <= now:
                self._retire(account)
            if account.lease is None and account.empty_until <= now:
                del self._accounts[subject]
        while self._returning:
            lease = self._returning.pop()
            units, lease.units = lease.units, 0
            if units:
                await give_back(self._pool, lease.number, units)

    async def _take_one(self, limit: Allowance, wanted: int) -> list[tuple[Lease, int]]:
        account = self._accounts.get(limit.subject)
        if account is None:
            account = self._accounts[limit.subject] = _Account(limit)
        if account.limit != limit:
            self._retire(account)
            account.limit, account.empty_until = limit, 0.0
        parts = _spend(account, wanted)
        if sum(units for _, units in parts) == wanted:
            return parts
        async with account.lock:  # one of those that wait fetches for the others too
            parts += _spend(account, wanted - sum(units for _, units in parts))
            missing = wanted - sum(units for _, units in parts)
            if missing and account.empty_until <= time.monotonic():
                await self._borrow(account, missing)
                parts += _spend(account, missing)
        return parts

    async def _borrow(self, account: _Account, units: int) -> None:
        asked_at = time.monotonic()
        with store_errors():
            lent = await take(self._pool, account.limit, units, self._lease_seconds + SLACK_SECONDS)
        self._accounts.setdefault(account.limit.subject, account)  # it may have been forgotten meanwhile
        self._retire(account)
        account.day_ends = asked_at + lent.seconds_left
        if lent.number is not None:
            until = asked_at + min(self._lease_seconds, lent.seconds_left)
            account.lease = Lease(lent.number, lent.units, until)
        if lent.units < units:
            account.empty_until, account.total_is_spent = asked_at + _EMPTY_SECONDS, lent.total_is_spent

    def _retire(self, account: _Account) -> None:
        if account.lease is not None:
            account.lease.retired = True
            if account.lease.units:
                self._returning.append(account.lease)
            account.lease = None

    def _trim(self, grant: Grant) -> None:
        """Units beyond those of the grant go back to where they came from, the last first."""
        for parts in grant.parts:
            surplus = sum(units for _, units in parts) - grant.units
            while surplus > 0:
                lease, units = parts.pop()
                back = min(units, surplus)
                if back < units:
                    parts.append((lease, units - back))
                surplus -= back
                if lease.retired and not lease.units:
                    self._returning.append(lease)
                lease.units += back

    def _exhausted(self, limit: Allowance) -> QuotaExhausted:
        account = self._accounts.get(limit.subject) or _Account(limit)
        return exhausted(limit, account.total_is_spent, account.day_ends - time.monotonic())


def exhausted(limit: Allowance, total_is_spent: bool, seconds_left: float) -> QuotaExhausted:
    """`seconds_left` until the day of Beijing ends. Handle codes: 603 for a day, 604 for all."""
    zh = "企业" if limit.subject.kind is Kind.ENTERPRISE else "密钥"
    if total_is_spent:
        return QuotaExhausted(
            f"This {limit.subject.kind} may have {limit.total} identifiers registered, and has",
            f"该{zh}的注册总量已达上限（{limit.total}）",
            limit="registrations_total", quota=limit.total, responseCode=604,
        )  # fmt: skip
    return QuotaExhausted(
        f"This {limit.subject.kind} may register {limit.per_day} identifiers a day, and has",
        f"该{zh}今日注册量已达上限（{limit.per_day}）",
        headers={"Retry-After": str(max(math.ceil(seconds_left), 1))},
        limit="registrations_per_day", quota=limit.per_day, responseCode=603,
    )  # fmt: skip


def _spend(account: _Account, wanted: int) -> list[tuple[Lease, int]]:
    """What the lease at hand still gives."""
    lease = account.lease
    if lease is None or not lease.units or lease.until <= time.monotonic() or not wanted:
        return []
    units = min(lease.units, wanted)
    lease.units -= units
    return [(lease, units)]
