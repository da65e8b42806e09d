"""Publish a data template: it binds later registrations, and is itself an identifier that resolves."""

from __future__ import annotations

from typing import Any

import orjson

from core.access import Principal, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, IdentifierMalformed, TemplateFixed, TemplateTaken
from core.identifier import Identifier, parse_identifier
from core.record import Record
from core.sqlfiles import load_sql
from core.template import Template, TemplateItem, parse_items
from core.values import HandleValue, pack
from registry.room import Registry
from registry.store import AuditLine, NewIdentifier, Origin, insert_new, write_audit

_SQL = load_sql("registry", "onboarding.sql")
SUFFIX_START = "META_"
VALUE_INDEX = 1  # the definition, as JSON text; a template describes other identifiers and has no template of its own
_SLOT = 0


async def publish_template(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any]
) -> tuple[Template, bool]:
    """`identifier` (`<prefix>/META_…`), `items`. The same again is success; a published template never changes.

    Errors: `BodyInvalid`, `PrefixNotYours`, `PrefixSuspended`, `TemplateTaken`, `StoreUnavailable`.
    """
    problems: list[FieldProblem] = []
    identifier = _identifier(body.get("identifier"), problems)
    items = parse_items(body.get("items"), problems)
    if identifier is None or problems:
        raise BodyInvalid(errors=tuple(problems))
    return await publish(registry, principal, origin, identifier, items, None)


async def publish(
    registry: Registry,
    principal: Principal,
    origin: Origin,
    identifier: Identifier,
    items: tuple[TemplateItem, ...],
    facts: str | None,
) -> tuple[Template, bool]:
    """As `publish_template`, for what has been read already; `facts` is JSON text. Errors: but for the body, the same."""
    prefix = require_writer(principal, await registry.directory.fresh_prefix(identifier.prefix_key), identifier.prefix)
    key = identifier.key(prefix.suffix_case_sensitive)
    new = NewIdentifier(key, str(identifier), prefix.key, packed_items(items), None)
    written: list[Record] = []
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            made = await connection.fetchval(
                _SQL["publish_template"],
                key,
                str(identifier),
                items_text(items),
                facts,
            )
            if made is not None:
                written = [result.record for result in await insert_new(connection, [new], _SLOT) if result.created]
                if not written:
                    raise _taken(identifier)
                await write_audit(connection, [AuditLine(origin, "publish-template", str(identifier), 1)])
    if written:
        registry.on_committed(written)
    template = await registry.directory.fresh_template(identifier)
    if template is None or template.items != items or template.retired or _differ(facts, template.facts):
        raise _taken(identifier)
    return template, made is not None


def as_json(template: Template) -> dict[str, Any]:
    return {"identifier": template.identifier, "items": [item.as_json() for item in template.items]}


def items_text(items: tuple[TemplateItem, ...]) -> str:
    """The items as JSON text: what the table holds, and what the template's own identifier says."""
    return orjson.dumps([item.as_json() for item in items]).decode()


def packed_items(items: tuple[TemplateItem, ...]) -> bytes:
    return pack([HandleValue(VALUE_INDEX, "TEMPLATE", items_text(items))])


def _differ(sent: str | None, held: str | None) -> bool:
    """Whether the facts that were sent are others than those that are held (in the order that PostgreSQL gives them)."""
    return sent is not None and (held is None or orjson.loads(sent) != orjson.loads(held))


def _taken(identifier: Identifier) -> TemplateTaken:
    return TemplateTaken(f"{identifier} exists with other content", f"{identifier} 已存在，且内容不同")


def _identifier(raw: Any, problems: list[FieldProblem]) -> Identifier | None:
    try:
        if not isinstance(raw, str):
            raise IdentifierMalformed(
                "identifier-missing", "must be text such as 88.118.8/META_part", "必须是文本，例如 88.118.8/META_part"
            )
        identifier = parse_identifier(raw)
        if not identifier.suffix.startswith(SUFFIX_START):
            raise IdentifierMalformed(
                "template-name",
                f"the suffix of a template starts with {SUFFIX_START}",
                f"模板标识的后缀以 {SUFFIX_START} 开头",
            )
    except IdentifierMalformed as wrong:
        problems.append(wrong.at("identifier"))
        return None
    return identifier


async def refuse_template(registry: Registry, identifier: Identifier) -> None:
    """A template's identifier says what the template says: it is not changed by itself. Raises `TemplateFixed`."""
    named_so = identifier.suffix.upper().startswith(SUFFIX_START)
    if named_so and await registry.directory.fresh_template(identifier) is not None:
        raise TemplateFixed(f"{identifier} is a template", f"{identifier} 是数据模板")
