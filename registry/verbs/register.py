"""Register identifiers, one or a batch: new rows, never a change of an old one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from core.access import Prefix, Principal, Scope, require_writer
from core.database import store_errors
from core.errors import (
    BodyInvalid,
    FieldProblem,
    IdentifierConflict,
    IdentifierTransferred,
    IdentifierWithdrawn,
    Problem,
    StoreUnavailable,
)
from core.identifier import Identifier
from core.record import Record
from core.sqlfiles import load_sql
from core.template import fit_values
from core.value_intake import check_size
from core.values import HandleValue, difference, pack, unpack, without_timestamps
from registry.intake import Registration, parse_registration
from registry.ownership import MOVES_BORNE, refuse_leased
from registry.quotas.spending import commit_batch, commit_one
from registry.room import Registry
from registry.store import Inserted, NewIdentifier, Origin, PrefixMoved

_SQL = load_sql("registry", "templates.sql")
_SLICE = 200  # items of a batch checked before others get their turn


@dataclass(frozen=True, slots=True)
class Registered:
    """What is registered now, and whether it was this call that did it."""

    record: Record
    created: bool


async def register(registry: Registry, principal: Principal, origin: Origin, body: Any) -> Registered:
    """Register one identifier. The same content again is success; anything else leaves what is there.

    Errors: `BodyInvalid` (every problem of the body), `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`,
    `PrefixSuspended`, `IdentifierConflict` (with the difference), `IdentifierWithdrawn`, `IdentifierTransferred`,
    `SuffixLeased`, `QuotaExhausted`, `StoreUnavailable`.
    """
    problems: list[FieldProblem] = []
    wish = parse_registration(body, "", problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    for _ in range(MOVES_BORNE):
        new = await _checked(registry, principal, wish, "")
        try:
            return settle(new, await commit_one(registry, principal, new, origin))
        except PrefixMoved:
            await registry.directory.refresh_prefixes([new.prefix])
    raise StoreUnavailable("The prefix is changing too fast", "该前缀变动过于频繁")


async def register_batch(
    registry: Registry, principal: Principal, origin: Origin, items: list[Any]
) -> list[Registered | Problem]:
    """Register many; one result for each item, in order. What is wrong with one never costs another.

    Errors for the whole: `StoreUnavailable`. For an item: those of `register`.
    """
    for _ in range(MOVES_BORNE):
        results: list[Registered | Problem | None] = [None] * len(items)
        good = await _good_items(registry, principal, items, results)
        try:
            inserted = await commit_batch(registry, principal, list(good.values()), origin) if good else []
        except PrefixMoved:
            await registry.directory.refresh_prefixes({new.prefix for new in good.values()})
            continue
        for (position, new), result in zip(good.items(), inserted, strict=True):
            try:
                results[position] = result if isinstance(result, Problem) else settle(new, result)
            except Problem as problem:
                results[position] = problem
        return [result for result in results if result is not None]
    raise StoreUnavailable("The prefix is changing too fast", "该前缀变动过于频繁")


async def _good_items(
    registry: Registry, principal: Principal, items: list[Any], results: list[Registered | Problem | None]
) -> dict[int, NewIdentifier]:
    """By position the rows that may be written; what is wrong with the others goes into `results`."""
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
    return good


async def _checked(registry: Registry, principal: Principal, wish: Registration, path: str) -> NewIdentifier:
    """The wish as a row, once prefix and template allow it."""
    identifier = wish.identifier
    held = await registry.directory.fresh_owner(identifier)
    prefix = require_writer(principal, held, identifier.prefix, Scope.REGISTER)
    template_id, packed = None, wish.packed
    if wish.template is not None:
        template_id, values = await checked_template(registry, prefix, wish.template, wish.values, path)
        packed = packed if values is wish.values else pack(values)
    key = identifier.key(prefix.suffix_case_sensitive)
    if prefix.leases:
        await refuse_leased(registry, principal, prefix, key)
    whose = principal.enterprise_id, prefix.leases
    return NewIdentifier(key, str(identifier), prefix.key, packed, template_id, *whose)


async def checked_template(
    registry: Registry, prefix: Prefix, named: Identifier, values: list[HandleValue], path: str
) -> tuple[int, list[HandleValue]]:
    """The number of the template and the values as it has them, once it is there and they fit. `prefix` is what is
    registered under. Raises `BodyInvalid`, `StoreUnavailable`."""
    template = await registry.directory.fresh_template(named)
    if template is None:
        raise BodyInvalid(errors=(await no_template(registry, prefix, named, f"{path}template"),))
    problems: list[FieldProblem] = []
    fitted = fit_values(template, values, f"{path}values", problems)
    if fitted is not values:
        check_size(pack(fitted), f"{path}values", problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return template.id, fitted


async def no_template(registry: Registry, prefix: Prefix, named: Identifier, path: str) -> FieldProblem:
    """Why a template cannot be used that is not among the published: unknown, or a draft of the same enterprise."""
    held = await registry.directory.fresh_owner(named)
    key = named.key(held is not None and held.suffix_case_sensitive)
    with store_errors():
        draft = await registry.pool.fetchval(_SQL["draft_of"], key, prefix.enterprise_id)
    return template_draft(str(named), path) if draft else template_unknown(str(named), path)


def template_draft(named: str, path: str) -> FieldProblem:
    return FieldProblem(
        path,
        "template-draft",
        f"the template {named} is a draft; publish it with POST /api/v1/templates/{named}:publish",
        f"模板 {named} 为草稿；请先用 POST /api/v1/templates/{named}:publish 发布",
    )


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
    if record.owner_id is not None and new.enterprise_id not in (None, record.owner_id):
        raise IdentifierTransferred(
            f"{record.identifier} belongs to another enterprise",
            f"{record.identifier} 已转让，属于其他企业",
            identifier=record.identifier,
        )
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
