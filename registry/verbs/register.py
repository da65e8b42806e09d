"""Register identifiers, one or a batch: new rows, never a change of an old one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from core.access import Principal, require_writer
from core.errors import BodyInvalid, FieldProblem, IdentifierConflict, IdentifierWithdrawn, Problem
from core.identifier import Identifier
from core.record import Record
from core.template import check_values
from core.values import HandleValue, difference, unpack, without_timestamps
from registry.intake import Registration, parse_registration
from registry.room import Registry
from registry.store import Inserted, NewIdentifier, Origin

_SLICE = 200  # items of a batch checked before others get their turn


@dataclass(frozen=True, slots=True)
class Registered:
    """What is registered now, and whether it was this call that did it."""

    record: Record
    created: bool


async def register(registry: Registry, principal: Principal, origin: Origin, body: Any) -> Registered:
    """Register one identifier. The same content again is success; anything else leaves what is there.

    Errors: `BodyInvalid` (every problem of the body), `PrefixNotYours`, `PrefixSuspended`, `IdentifierConflict` (with the
    difference), `IdentifierWithdrawn`, `StoreUnavailable`.
    """
    problems: list[FieldProblem] = []
    wish = parse_registration(body, "", problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    new = await _checked(registry, principal, wish, "")
    return settle(new, await registry.committer.one(new, origin))


async def register_batch(
    registry: Registry, principal: Principal, origin: Origin, items: list[Any]
) -> list[Registered | Problem]:
    """Register many; one result for each item, in order. What is wrong with one never costs another.

    Errors for the whole: `StoreUnavailable`. For an item: those of `register`.
    """
    results: list[Registered | Problem | None] = [None] * len(items)
    good: dict[int, NewIdentifier] = {}
    for position, item in enumerate(items):
        if position % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        try:
            problems: list[FieldProblem] = []
            wish = parse_registration(item, f"items[{position}].", problems)
            if wish is None:
                raise BodyInvalid(errors=tuple(problems))
            good[position] = await _checked(registry, principal, wish, f"items[{position}].")
        except Problem as problem:
            results[position] = problem
    inserted = await registry.committer.batch(list(good.values()), origin) if good else []
    for (position, new), result in zip(good.items(), inserted, strict=True):
        try:
            results[position] = settle(new, result)
        except Problem as problem:
            results[position] = problem
    return [result for result in results if result is not None]


async def _checked(registry: Registry, principal: Principal, wish: Registration, path: str) -> NewIdentifier:
    """The wish as a row, once prefix and template allow it."""
    identifier = wish.identifier
    held = await registry.directory.fresh_prefix(identifier.prefix_key)
    prefix = require_writer(principal, held, identifier.prefix)
    template_id = None
    if wish.template is not None:
        template_id = await checked_template(registry, wish.template, wish.values, path)
    return NewIdentifier(
        identifier.key(prefix.suffix_case_sensitive), str(identifier), prefix.key, wish.packed, template_id
    )


async def checked_template(registry: Registry, named: Identifier, values: list[HandleValue], path: str) -> int:
    """The number of the template, once it is there and the values fit it. Raises `BodyInvalid`, `StoreUnavailable`."""
    template = await registry.directory.fresh_template(named)
    problems: list[FieldProblem] = []
    if template is None:
        problems.append(template_unknown(str(named), f"{path}template"))
    else:
        check_values(template, values, f"{path}values", problems)
    if template is None or problems:
        raise BodyInvalid(errors=tuple(problems))
    return template.id


def template_unknown(named: str, path: str) -> FieldProblem:
    return FieldProblem(
        path,
        "template-unknown",
        f"there is no template {named}; publish it with POST /api/v1/templates",
        f"模板 {named} 不存在；请先用 POST /api/v1/templates 发布",
    )


def settle(new: NewIdentifier, inserted: Inserted) -> Registered:
    record = inserted.record
    if inserted.created:
        return Registered(record, True)
    if record.withdrawn:
        raise IdentifierWithdrawn(
            f"{record.identifier} was withdrawn: {record.reason}",
            f"{record.identifier} 已注销：{record.reason}",
            identifier=record.identifier,
            reason=record.reason,
            successor=record.successor,
        )
    if record.template_id == new.template_id and same_content(record.packed, new.packed):
        return Registered(record, False)
    raise _conflict(record, new)


def same_content(held: bytes, sent: bytes) -> bool:
    return held == sent or without_timestamps(held) == sent


def _conflict(record: Record, new: NewIdentifier) -> IdentifierConflict:
    differs = difference(record.values, unpack(new.packed))
    if record.template_id != new.template_id:
        differs.insert(0, {"member": "template", "kind": "changed"})
    return IdentifierConflict(
        f"{record.identifier} is registered with other content (version {record.version})",
        f"{record.identifier} 已注册，但内容不同（版本 {record.version}）",
        identifier=record.identifier,
        version=record.version,
        difference=differs,
    )
