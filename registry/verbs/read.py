"""Read identifiers as their owner sees them: one, or a page of a prefix."""

from __future__ import annotations

from core.access import Principal, require_owner
from core.database import store_errors
from core.errors import FieldProblem, IdentifierMalformed, IdentifierUnknown, ParameterInvalid
from core.identifier import Identifier, fold_case, parse_identifier, parse_prefix
from core.record import Record
from registry.room import Registry
from registry.store import find_record, page_of_records

MAX_PAGE = 1_000
DEFAULT_PAGE = 100


async def read_one(registry: Registry, principal: Principal, identifier: Identifier) -> Record:
    """One record from the database itself. Errors: `PrefixNotYours`, `IdentifierUnknown`, `StoreUnavailable`."""
    prefix = require_owner(principal, await registry.directory.fresh_prefix(identifier.prefix_key), identifier.prefix)
    with store_errors():
        record = await find_record(registry.pool, identifier.key(prefix.suffix_case_sensitive))
    if record is None:
        raise IdentifierUnknown(f"{identifier} is not registered here", f"{identifier} 未在本节点注册")
    return record


async def read_page(
    registry: Registry, principal: Principal, prefix_text: str | None, after: str | None, limit: int
) -> list[Record]:
    """At most `limit` records in order of canonical key, after the identifier `after`.

    Errors: `ParameterInvalid`, `PrefixNotYours`, `StoreUnavailable`.
    """
    named = named_prefix(prefix_text)
    prefix = require_owner(principal, await registry.directory.fresh_prefix(fold_case(named)), named)
    after_key = None
    if after:
        start = _named_after(after)
        if start.prefix_key != prefix.key:
            raise _parameter("after", "after-differs", f"is not under the prefix {named}", f"不在前缀 {named} 之下")
        after_key = start.key(prefix.suffix_case_sensitive)
    with store_errors():
        return await page_of_records(registry.pool, prefix.key, after_key, limit)


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


def _named_after(text: str) -> Identifier:
    try:
        return parse_identifier(text)
    except IdentifierMalformed as wrong:
        raise ParameterInvalid(errors=(wrong.at("after"),)) from None


def _parameter(name: str, slug: str, en: str, zh: str) -> ParameterInvalid:
    return ParameterInvalid(errors=(FieldProblem(name, slug, en, zh),))
