"""Whose an identifier is: its prefix's enterprise's, or of the one that it was transferred to by itself.

The prefix is known to every worker; that an identifier has an owner of its own stands in its row, and is read with it.
Before the row is read nobody but the prefix's enterprise pays for the question; after it, `require_own` is certain.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import asyncpg

from core.access import EVERYWHERE, OF_ENTERPRISE, Prefix, Principal, Scope, not_yours, require_owner, require_writer
from core.database import store_errors
from core.errors import PrefixNotYours, StoreUnavailable, SuffixLeased
from core.identifier import Identifier
from core.record import Record
from core.sqlfiles import load_sql
from registry.leasing.rows import SQL as LEASES
from registry.room import Registry
from registry.store import SQL

_PREFIXES = load_sql("registry", "transfers.sql")
_LONGEST_WAIT_MILLISECONDS = 2_000
MOVES_BORNE = 5  # how often a prefix may change under a writer before it gives up


async def readable(
    registry: Registry, principal: Principal, identifier: Identifier, scope: Scope = Scope.READ_PRIVATE
) -> Prefix:
    """The prefix of an identifier that may be the caller's; `require_own` decides. Errors: those of `require_owner`,
    `StoreUnavailable`."""
    held = await registry.directory.fresh_owner(identifier)
    try:
        return require_owner(principal, held, identifier.prefix, scope)
    except PrefixNotYours:
        if held is None or not await _given_to(registry, principal, held, identifier):
            raise
        require_owner(principal, replace(held, enterprise_id=principal.enterprise_id or 0), identifier.prefix, scope)
        return held


async def writable(registry: Registry, principal: Principal, identifier: Identifier, scope: Scope) -> Prefix:
    """As `readable`, and the prefix can be written. Errors: those of `require_writer` too."""
    held = await readable(registry, principal, identifier, scope)
    require_writer(principal, _as_if_theirs(held, principal), identifier.prefix, scope)
    return held


def require_own(principal: Principal, prefix: Prefix, record: Record | None) -> None:
    """The record is the caller's, not only its prefix. Raises `PrefixNotYours`; what is not there is left to others."""
    if record is None or principal.role in EVERYWHERE:
        return
    if principal.enterprise_id != owner_of(record, prefix):
        raise PrefixNotYours(
            f"{record.identifier} belongs to another enterprise",
            f"{record.identifier} 属于其他企业",
            identifier=record.identifier,
        )


def owner_of(record: Record, prefix: Prefix) -> int:
    return prefix.enterprise_id if record.owner_id is None else record.owner_id


async def still_writable(registry: Registry, principal: Principal, prefix: Prefix, scope: Scope) -> Prefix:
    """The prefix as it is now, which just turned out to have moved. Errors: those of `require_writer`, `StoreUnavailable`."""
    await registry.directory.refresh_prefixes([prefix.key])
    return require_writer(principal, registry.directory.prefix(prefix.key), prefix.shown, scope)


async def hold_prefix(connection: Any, principal: Principal, prefix: Prefix, of_another: bool = False) -> Prefix:
    """The prefix, which does not change hands before the caller's transaction ends. Raises `PrefixNotYours`; with
    `of_another` what lies below it may be the caller's all the same."""
    enterprise = await connection.fetchval(_PREFIXES["hold_prefix"], prefix.key)
    if not of_another and principal.role not in EVERYWHERE and enterprise != principal.enterprise_id:
        raise not_yours(prefix.shown)
    return replace(prefix, enterprise_id=enterprise)


async def wait_for_writers(connection: Any, statement: str) -> None:
    """The last statement before what writers believe of a prefix changes: it waits for those that are under way and holds up
    the others until the commit. Raises `StoreUnavailable` where they take long, instead of keeping everybody waiting."""
    await connection.execute(f"SET LOCAL lock_timeout = {_LONGEST_WAIT_MILLISECONDS}")
    try:
        await connection.execute(statement)
    except asyncpg.LockNotAvailableError:
        raise StoreUnavailable("Others are writing; call again", "正在写入，请稍后重试") from None


async def refuse_leased(registry: Registry, principal: Principal, prefix: Prefix, key: str) -> None:
    """Raises `SuffixLeased` where somebody else has leased this suffix, `StoreUnavailable`."""
    with store_errors():
        leased = await registry.leases.of(registry.pool, prefix)
        found = leased.find(key, principal.key)
        if found is None or not await registry.pool.fetchval(LEASES["still_leased"], found.lease):
            return
        if await registry.pool.fetchrow(SQL["find_one"], key) is not None:
            return  # reported: it is registered, and no longer the lease's affair
    raise SuffixLeased(
        f"The suffix is leased (lease {found.lease})", f"该后缀已被租用（租约 {found.lease}）", lease=found.lease
    )


async def _given_to(registry: Registry, principal: Principal, prefix: Prefix, identifier: Identifier) -> bool:
    if principal.role not in OF_ENTERPRISE:
        return False
    with store_errors():
        owner = await registry.pool.fetchval(SQL["owner_of"], identifier.key(prefix.suffix_case_sensitive))
    return owner is not None and owner == principal.enterprise_id


def _as_if_theirs(prefix: Prefix, principal: Principal) -> Prefix:
    """For rules about the prefix itself, once it is known that the caller may be the owner of something below it."""
    return prefix if principal.enterprise_id is None else replace(prefix, enterprise_id=principal.enterprise_id)
