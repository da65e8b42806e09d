"""Let the node make the suffixes: up to ten thousand new identifiers of one content."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.access import Prefix, Principal, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, IdentifierMalformed, MintedOut
from core.identifier import fold_case, parse_identifier, parse_prefix
from core.sqlfiles import load_sql
from core.value_intake import check_size, parse_values
from core.values import HandleValue, pack
from registry.intake import template_named
from registry.minting import DEFAULT_PATTERN, Pattern, parse_pattern, suffix
from registry.room import Registry
from registry.store import NewIdentifier, Origin
from registry.verbs.register import checked_template

_SQL = load_sql("registry", "minting.sql")
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

    Errors: `BodyInvalid`, `PrefixNotYours`, `PrefixSuspended`, `MintedOut`, `StoreUnavailable`.
    """
    problems: list[FieldProblem] = []
    wish = _parse(body, problems)
    template = template_named(body.get("template"), "template", problems)
    if wish is None or problems:
        raise BodyInvalid(errors=tuple(problems))
    prefix = require_writer(principal, await registry.directory.fresh_prefix(fold_case(wish.prefix)), wish.prefix)
    template_id = await checked_template(registry, template, wish.values, "") if template else None
    made: list[str] = []
    for _ in range(_TRIES):
        new = await _new(registry, prefix, wish, template_id, wish.count - len(made), now)
        inserted = await registry.committer.batch(new, origin)
        made += [result.record.identifier for result in inserted if result.created]
        if len(made) == wish.count:
            return made
    raise MintedOut(
        f"Only {len(made)} of {wish.count} could be made; the pattern's numbers are taken",
        f"仅生成 {len(made)}/{wish.count} 个；该规则的编号已被占用",
        identifiers=made,
    )


async def _new(
    registry: Registry, prefix: Prefix, wish: _Wish, template_id: int | None, count: int, now: datetime
) -> list[NewIdentifier]:
    last = count
    if wish.pattern.counts:
        with store_errors():
            last = await registry.pool.fetchval(_SQL["take_numbers"], prefix.key, wish.pattern.text, count)
    packed = pack(wish.values)
    new = []
    for made, number in enumerate(range(last - count + 1, last + 1)):
        if made % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        try:
            identifier = parse_identifier(f"{prefix.shown}/{suffix(wish.pattern, number, now, secrets.randbits)}")
        except IdentifierMalformed as wrong:
            raise BodyInvalid(errors=(wrong.at("pattern"),)) from None
        key = identifier.key(prefix.suffix_case_sensitive)
        new.append(NewIdentifier(key, str(identifier), prefix.key, packed, template_id))
    return new


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
