"""Read identifiers as their owner sees them: one, or a page of a prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.access import EVERYWHERE, OF_ENTERPRISE, Prefix, Principal, Scope, require_owner, require_role
from core.database import store_errors
from core.errors import FieldProblem, IdentifierMalformed, IdentifierUnknown, ParameterInvalid, ValueIndexNotReady
from core.identifier import MAX_BYTES, Identifier, fold_case, parse_identifier, parse_prefix
from core.parameters import Parameters
from core.record import Record
from registry.list_filter import parse_filter
from registry.ownership import owner_of, readable, require_own
from registry.room import Registry
from registry.store import (
    VALUE_INDEX,
    find_record,
    keys_owned_elsewhere,
    keys_with_value,
    page_of_records,
    records_of,
    scan_keys,
)

MAX_PAGE = 1_000
DEFAULT_PAGE = 100


async def read_one(
    registry: Registry, principal: Principal, identifier: Identifier, scope: Scope = Scope.READ_PRIVATE
) -> Record:
    """One record from the database itself. Errors: `PrefixNotYours`, `IdentifierUnknown`, `StoreUnavailable`."""
    prefix = await readable(registry, principal, identifier, scope)
    with store_errors():
        record = await find_record(registry.pool, identifier.key(prefix.suffix_case_sensitive))
    require_own(principal, prefix, record)
    if record is None:
        raise IdentifierUnknown(f"{identifier} is not registered here", f"{identifier} 未在本节点注册")
    return record


@dataclass(frozen=True, slots=True)
class Page:
    """`next` is the identifier to go on after, None at the end."""

    records: list[Record]
    next: str | None


async def read_page(registry: Registry, principal: Principal, query: Mapping[str, str], limit: int) -> Page:
    """At most `limit` records in order of canonical key: `prefix`, `after`, and the filters of `registry.list_filter`.

    With a filter, and where identifiers were transferred away, a page may have fewer, even none: it goes on while `next` is
    there. Errors: `ParameterInvalid`, `PrefixNotYours`, `ScopeNotEnough`, `ValueIndexNotReady`, `StoreUnavailable`.
    """
    named = named_prefix(query.get("prefix"))
    prefix = require_owner(principal, await registry.directory.fresh_prefix(fold_case(named)), named)
    page = await _page_of(registry, prefix, query, limit)
    if principal.role in EVERYWHERE:
        return page
    return Page([one for one in page.records if owner_of(one, prefix) == principal.enterprise_id], page.next)


async def read_transferred(registry: Registry, principal: Principal, query: Mapping[str, str], limit: int) -> Page:
    """What the caller's enterprise owns under prefixes that are not its own, in order of canonical key; operators and auditors
    name an `enterprise`. Errors: `ParameterInvalid`, `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`."""
    require_role(principal, *OF_ENTERPRISE, *EVERYWHERE)
    asked = Parameters(query)
    enterprise = principal.enterprise_id or asked.number("enterprise")
    after = ""
    if text := query.get("after"):
        try:
            start = parse_identifier(text)
            held = await registry.directory.fresh_owner(start)
            after = start.key(held is not None and held.suffix_case_sensitive)
        except IdentifierMalformed as wrong:
            asked.problems.append(wrong.at("after"))
    if enterprise is None and not asked.problems:
        asked.wrong("enterprise", "parameter-missing", "must be the number of an enterprise", "必须是企业编号")
    if asked.problems or enterprise is None:
        raise ParameterInvalid(errors=tuple(asked.problems))
    with store_errors():
        keys = await keys_owned_elsewhere(registry.pool, enterprise, after, limit)
        records = await records_of(registry.pool, keys)
    return Page(records, records[-1].identifier if len(keys) == limit and records else None)


async def _page_of(registry: Registry, prefix: Prefix, query: Mapping[str, str], limit: int) -> Page:
    asked = Parameters(query)
    after = _after(asked, query.get("after"), prefix)
    wanted = parse_filter(asked, prefix)
    if template := asked.text("template", 4 * MAX_BYTES):
        wanted = replace(wanted, template_id=await _template(registry, asked, template))
    if wanted.value is not None:
        await _require_index(registry, asked, prefix, wanted.value[0])
    if asked.problems:
        raise ParameterInvalid(errors=tuple(asked.problems))
    with store_errors():
        if wanted.by_key_alone:
            records = await page_of_records(registry.pool, after, wanted.bounds, limit)
            return Page(records, records[-1].identifier if len(records) == limit else None)
        find = scan_keys if wanted.value is None else keys_with_value
        keys, end = await find(registry.pool, wanted, after, limit)
        records = await records_of(registry.pool, keys)
    if wanted.value is not None:
        records = [record for record in records if wanted.passes(record)]
    return Page(records, end)


def _after(asked: Parameters, text: str | None, prefix: Prefix) -> str:
    """The key to start after."""
    if text:
        try:
            start = parse_identifier(text)
            if start.lies_under(prefix.key):
                return start.key(prefix.suffix_case_sensitive)
            en, zh = f"is not under the prefix {prefix.shown}", f"不在前缀 {prefix.shown} 之下"
            asked.wrong("after", "after-differs", en, zh)
        except IdentifierMalformed as wrong:
            asked.problems.append(wrong.at("after"))
    return f"{prefix.key}/"


async def _template(registry: Registry, asked: Parameters, text: str) -> int | None:
    try:
        found = await registry.directory.fresh_template(parse_identifier(text))
    except IdentifierMalformed as wrong:
        asked.problems.append(wrong.at("template"))
        return None
    if found is None:
        asked.wrong("template", "template-unknown", "there is no such template", "该模板不存在")
        return None
    return found.id


async def _require_index(registry: Registry, asked: Parameters, prefix: Prefix, kind: str) -> None:
    """Raises `ValueIndexNotReady`."""
    with store_errors():
        wish = await registry.pool.fetchrow(VALUE_INDEX["read_wish"], prefix.key)
    if wish is None or kind not in wish["types"]:
        asked.wrong(
            "value_type",
            "value-type-not-indexed",
            f"is not indexed; PUT /api/v1/prefixes/{prefix.shown}/value-index with it",
            f"尚未建立索引；请用 PUT /api/v1/prefixes/{prefix.shown}/value-index 添加",
        )
    elif wish["state"] != "ready":
        raise ValueIndexNotReady()


def named_prefix(text: str | None) -> str:
    """The query parameter `prefix`, which must be there. Raises `ParameterInvalid`."""
    if not text:
        raise _parameter(
            "prefix", "prefix-missing", "must name a prefix, for instance 88.118.8", "必须给出前缀，例如 88.118.8"
        )
    try:
        return parse_prefix(text)
    except IdentifierMalformed as wrong:
        raise ParameterInvalid(errors=(wrong.at("prefix"),)) from None


def _parameter(name: str, slug: str, en: str, zh: str) -> ParameterInvalid:
    return ParameterInvalid(errors=(FieldProblem(name, slug, en, zh),))
