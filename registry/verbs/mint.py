"""Let the node make the suffixes: up to ten thousand new identifiers of one content."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.access import Prefix, Principal, Scope, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, IdentifierMalformed, MintedOut
from core.identifier import fold_case, parse_identifier, parse_prefix
from core.value_intake import check_size, parse_values
from core.values import HandleValue, pack
from registry.intake import template_named
from registry.leasing.book import Leased
from registry.leasing.numbers import take_numbers
from registry.leasing.ranges import Ranges, numbers
from registry.leasing.rows import SQL as LEASES
from registry.minting import DEFAULT_PATTERN, Pattern, parse_pattern, suffix
from registry.ownership import still_writable
from registry.room import Registry
from registry.store import NewIdentifier, Origin, PrefixMoved
from registry.verbs.register import checked_template

MINT_MEMBERS = frozenset(("prefix", "count", "pattern", "values", "template"))
MAX_COUNT = 10_000
_TRIES = 20
_SLICE = 500


@dataclass(frozen=True, slots=True)
class _Wish:
    prefix: str
    count: int
    pattern: Pattern
    values: list[HandleValue]


async def mint(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any], now: datetime
) -> list[str]:
    """The identifiers made, in order. One that exists already is passed over, and another number taken.

    Errors: `BodyInvalid`, `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `PrefixSuspended`, `MintedOut`,
    `QuotaExhausted`, `StoreUnavailable`.
    """
    problems: list[FieldProblem] = []
    wish = _parse(body, problems)
    template = template_named(body.get("template"), "template", problems)
    if wish is None or problems:
        raise BodyInvalid(errors=tuple(problems))
    held = await registry.directory.fresh_prefix(fold_case(wish.prefix))
    prefix = require_writer(principal, held, wish.prefix, Scope.REGISTER)
    template_id = None
    if template is not None:
        template_id, values = await checked_template(registry, prefix, template, wish.values, "")
        wish = replace(wish, values=values)
    limits = registry.allowances.of(principal, prefix.key)
    grant = await registry.allowances.take(limits, wish.count) if limits else None
    if grant is not None and grant.units < wish.count:  # all or nothing: no numbers of the pattern are spent on it
        registry.allowances.give_back(grant, grant.units)
        raise grant.refuse(wish.count)
    made: list[str] = []
    for _ in range(_TRIES):
        new = await _new(registry, principal, prefix, wish, template_id, wish.count - len(made), now)
        try:
            inserted = await registry.committer.batch(new, origin) if new else []
        except PrefixMoved:
            prefix = await still_writable(registry, principal, prefix, Scope.REGISTER)
            continue
        made += [result.record.identifier for result in inserted if result.created]
        if len(made) == wish.count:
            return made
    if grant is not None:
        registry.allowances.give_back(grant, wish.count - len(made))
    raise MintedOut(
        f"Only {len(made)} of {wish.count} could be made; the pattern's numbers are taken",
        f"仅生成 {len(made)}/{wish.count} 个；该规则的编号已被占用",
        identifiers=made,
    )


async def _new(
    registry: Registry,
    principal: Principal,
    prefix: Prefix,
    wish: _Wish,
    template_id: int | None,
    count: int,
    now: datetime,
) -> list[NewIdentifier]:
    """Up to `count` rows: a suffix that somebody has leased by another pattern is passed over."""
    given: Ranges = ((1, count),)
    with store_errors():
        if wish.pattern.counts:
            async with registry.pool.acquire() as connection, connection.transaction():
                given = await take_numbers(connection, prefix.key, wish.pattern.text, count, registry.lease_grace)
        leased = await registry.leases.of(registry.pool, prefix) if prefix.leases else None
    packed = pack(wish.values)
    new: list[NewIdentifier] = []
    open_leases: dict[int, bool] = {}
    for made, number in enumerate(numbers(given)):
        if made % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        try:
            identifier = parse_identifier(f"{prefix.shown}/{suffix(wish.pattern, number, now, secrets.randbits)}")
        except IdentifierMalformed as wrong:
            raise BodyInvalid(errors=(wrong.at("pattern"),)) from None
        identifier.lies_under(prefix.key)
        key = identifier.key(prefix.suffix_case_sensitive)
        if leased is None or not await _still_leased(registry, leased, key, open_leases):
            whose = principal.enterprise_id, prefix.leases
            new.append(NewIdentifier(key, str(identifier), prefix.key, packed, template_id, *whose))
    return new


async def _still_leased(registry: Registry, leased: Leased, key: str, known: dict[int, bool]) -> bool:
    """The book may know of a lease longer than it lasts: numbers that came back must not be passed over, and lost."""
    if (span := leased.find(key, None)) is None:
        return False
    if span.lease not in known:
        with store_errors():
            known[span.lease] = await registry.pool.fetchval(LEASES["still_leased"], span.lease)
    return known[span.lease]


def _parse(body: dict[str, Any], problems: list[FieldProblem]) -> _Wish | None:
    before = len(problems)
    prefix = _prefix(body.get("prefix"), problems)
    count = body.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= MAX_COUNT:
        problems.append(
            FieldProblem(
                "count",
                "number-invalid",
                f"must be a whole number from 1 to {MAX_COUNT}",
                f"必须是 1 到 {MAX_COUNT} 的整数",
            )
        )
    pattern = _pattern(body.get("pattern", DEFAULT_PATTERN), problems)
    values = parse_values(body.get("values"), "values", problems)
    check_size(pack(values), "values", problems)
    if pattern is None or len(problems) > before or not isinstance(count, int):
        return None
    return _Wish(prefix, count, pattern, values)


def _prefix(raw: Any, problems: list[FieldProblem]) -> str:
    try:
        if not isinstance(raw, str):
            raise IdentifierMalformed("prefix-missing", "must be text such as 88.118.8", "必须是文本，例如 88.118.8")
        return parse_prefix(raw)
    except IdentifierMalformed as wrong:
        problems.append(wrong.at("prefix"))
        return ""


def _pattern(raw: Any, problems: list[FieldProblem]) -> Pattern | None:
    try:
        if not isinstance(raw, str):
            raise ValueError("must be text", "必须是文本")
        return parse_pattern(raw)
    except ValueError as wrong:
        en, zh = wrong.args
        problems.append(FieldProblem("pattern", "pattern-invalid", en, zh))
        return None
