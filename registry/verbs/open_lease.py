"""Lease a range of suffixes: they are nobody else's until they are reported, returned or expired."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.access import Prefix, Principal, Scope, not_yours, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, LeasesTooMany, MintedOut
from core.identifier import fold_case
from core.schemes import scheme_of_prefix
from core.values import pack
from registry.leasing.book import leased_from
from registry.leasing.formula import Formula
from registry.leasing.numbers import end_lease, take_numbers
from registry.leasing.ranges import Ranges, flat, numbers, ranges_from, ranges_of, size, without
from registry.leasing.rows import SQL, Lease, lock_lease, read_lease
from registry.leasing.wishes import LeaseWish, parse_lease
from registry.ownership import wait_for_writers
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.register import checked_template

MAX_OPEN = 1_000  # leases of a prefix
_TRIES = 20
_KEYS_AT_ONCE = 10_000


async def open_lease(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any], now: datetime
) -> Lease:
    """`prefix`, `pattern`, `count`, `until`, `label`, and `template`?, `values`? for what is reported without its own.

    First the numbers are kept from everybody (whoever registers knows of them from then on), then those that are registered
    already are replaced by others; only then the lease is open. Errors: `BodyInvalid`, `PrefixNotYours`, `RoleNotEnough`,
    `ScopeNotEnough`, `PrefixSuspended`, `LeasesTooMany`, `MintedOut`, `StoreUnavailable`.
    """
    problems: list[FieldProblem] = []
    wish = parse_lease(body, now, problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    held = await registry.directory.fresh_prefix(fold_case(wish.prefix))
    prefix = require_writer(principal, held, wish.prefix, Scope.REGISTER)
    if scheme_of_prefix(prefix.key) is not None:  # their suffixes follow a grammar that a pattern knows nothing of
        raise BodyInvalid(
            errors=(FieldProblem("prefix", "scheme-not-leased", "is of another scheme", "属于其他编码体系"),)
        )
    template_id, values = None, wish.values
    if wish.template is not None and values:
        template_id, values = await checked_template(registry, prefix, wish.template, values, "")
    elif wish.template is not None:
        template_id = await _template_id(registry, wish)
    with store_errors():
        lease_id, kept = await _keep(registry, principal, origin, prefix, wish, template_id, pack(values))
        for _ in range(_TRIES):
            taken = await _taken(registry.pool, prefix, wish.formula, lease_id, kept)
            missing = wish.count - size(kept) + size(taken)
            if not missing:
                break
            kept = await _keep_more(registry, principal, prefix, wish, lease_id, without(kept, taken), missing)
        else:
            await _give_up(registry, lease_id)
        if await registry.pool.fetchval(SQL["open_lease"], lease_id, flat(kept)) is None:
            raise not_yours(prefix.shown)  # it was given away meanwhile, and its leases ended
        found = await read_lease(registry.pool, lease_id)
    await registry.directory.prefixes_changed([prefix.key])
    assert found is not None
    return found


async def _keep(
    registry: Registry, principal: Principal, origin: Origin, prefix: Prefix, wish: LeaseWish, template_id: int | None,
    packed: bytes,
) -> tuple[int, Ranges]:  # fmt: skip
    async with registry.pool.acquire() as connection, connection.transaction():
        await _note(connection, principal, prefix)
        if await connection.fetchval(SQL["count_open"], prefix.key) >= MAX_OPEN:
            raise LeasesTooMany(f"{MAX_OPEN} leases are open", f"未结束的租约已达 {MAX_OPEN} 个", limit=MAX_OPEN)
        text = wish.formula.pattern.text
        kept = await take_numbers(connection, prefix.key, text, wish.count, registry.lease_grace)
        made: int = await connection.fetchval(
            SQL["make_lease"], prefix.key, text, wish.formula.moment.date(), flat(kept), template_id, packed, wish.label,
            principal.key, wish.until,
        )  # fmt: skip
        await write_audit(connection, [AuditLine(origin, "lease-suffixes", f"{prefix.shown} lease {made}", 0)])
        await wait_for_writers(connection, SQL["wait_for_registrations"])
    return made, kept


async def _keep_more(
    registry: Registry, principal: Principal, prefix: Prefix, wish: LeaseWish, lease_id: int, kept: Ranges, missing: int
) -> Ranges:
    """Others in place of those that cannot be had. The numbers that are left out are spent: their suffixes are taken."""
    async with registry.pool.acquire() as connection, connection.transaction():
        await _note(connection, principal, prefix)
        more = await take_numbers(connection, prefix.key, wish.formula.pattern.text, missing, registry.lease_grace)
        kept = ranges_of((*kept, *more))
        if await connection.fetchval(SQL["grow_lease"], lease_id, flat(kept)) is None:
            raise not_yours(prefix.shown)
        await wait_for_writers(connection, SQL["wait_for_registrations"])
    return kept


async def _note(connection: Any, principal: Principal, prefix: Prefix) -> None:
    if await connection.fetchval(SQL["note_lease"], prefix.key, principal.enterprise_id) is None:
        raise not_yours(prefix.shown)


async def _taken(pool: Any, prefix: Prefix, formula: Formula, lease_id: int, kept: Ranges) -> Ranges:
    """Those of the numbers whose suffixes are registered, or leased by another pattern."""
    rows = [row for row in await pool.fetch(SQL["leased"], prefix.key) if row["id"] != lease_id]
    others = leased_from(prefix, rows)
    by_key = {key_of(prefix, formula, number): number for number in numbers(kept)}
    keys = list(by_key)
    found = {key for key in keys if others.by_formula and others.find(key, None) is not None}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = await pool.fetch(SQL["registered_among"], keys[start : start + _KEYS_AT_ONCE])
        found.update(row["key"] for row in some)
    return ranges_from(by_key[key] for key in found)


async def _give_up(registry: Registry, lease_id: int) -> None:
    """Raises `MintedOut`."""
    async with registry.pool.acquire() as connection, connection.transaction():
        held = await lock_lease(connection, lease_id)
        await end_lease(connection, held, held.used)
    raise MintedOut(
        "The pattern's numbers are taken; use another pattern", "该规则的编号已被占用，请换用其他规则", identifiers=[]
    )


async def _template_id(registry: Registry, wish: LeaseWish) -> int:
    """Raises `BodyInvalid`."""
    assert wish.template is not None
    template = await registry.directory.fresh_template(wish.template)
    if template is None or template.retired:
        en, zh = "there is no such template in use", "没有可用的该模板"
        raise BodyInvalid(errors=(FieldProblem("template", "template-unknown", en, zh),))
    return template.id


def key_of(prefix: Prefix, formula: Formula, number: int) -> str:
    """The canonical identifier of a number."""
    suffix = formula.suffix(number)
    return f"{prefix.key}/{suffix if prefix.suffix_case_sensitive else fold_case(suffix)}"
