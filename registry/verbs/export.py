"""Export a prefix: what is asked for, checked; the rows are read by a process of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.access import Principal, require_owner
from core.database import store_errors
from core.errors import IdentifierMalformed, ParameterInvalid
from core.identifier import MAX_BYTES, fold_case, parse_identifier
from core.parameters import Parameters
from registry.export.formats import ENCODINGS, FORMATS, NAMES, Order
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.read import named_prefix

WHAT = ("identifiers", "templates")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`name` is that of the file, `shown` the prefix as its owner writes it."""

    order: Order
    shown: str
    name: str


async def wish_export(registry: Registry, principal: Principal, query: Mapping[str, str]) -> Wanted:
    """`prefix`, `format`, `template`, `names`, `encoding`, `what`.

    Errors: `ParameterInvalid`, `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`.
    """
    named = named_prefix(query.get("prefix"))
    prefix = require_owner(principal, await registry.directory.fresh_prefix(fold_case(named)), named)
    asked = Parameters(query)
    format_ = asked.one_of("format", FORMATS, "ndjson") or "ndjson"
    names, encoding = asked.one_of("names", NAMES, "zh") or "zh", asked.one_of("encoding", tuple(ENCODINGS), "utf-8")
    what = asked.one_of("what", WHAT, "identifiers")
    template = await _template(registry, asked)
    if encoding != "utf-8" and format_ != "csv":
        asked.wrong("encoding", "encoding-fixed", "is utf-8 but for CSV", "除 CSV 外只能为 utf-8")
    if asked.problems:
        raise ParameterInvalid(errors=tuple(asked.problems))
    ending = "templates.ndjson" if what == "templates" else format_
    order = Order(
        prefix.key, format_, template, names, encoding or "utf-8", what == "templates", principal.enterprise_id
    )
    return Wanted(order, prefix.shown, f"{prefix.shown}.{ending}")


async def note_export(registry: Registry, origin: Origin, wanted: Wanted) -> None:
    """Into the audit: who took a whole prefix with him. Errors: `StoreUnavailable`."""
    with store_errors():
        async with registry.pool.acquire() as connection:
            await write_audit(connection, [AuditLine(origin, "export", wanted.shown, 0)])


async def _template(registry: Registry, asked: Parameters) -> str | None:
    """Its canonical key."""
    text = asked.text("template", 4 * MAX_BYTES)
    if text is None:
        return None
    try:
        found = await registry.directory.fresh_template(parse_identifier(text))
    except IdentifierMalformed as wrong:
        asked.problems.append(wrong.at("template"))
        return None
    if found is None:
        asked.wrong("template", "template-unknown", "there is no such template", "该模板不存在")
    return found.key if found else None
