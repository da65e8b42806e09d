"""Publish a data template: it binds later registrations, and is itself an identifier that resolves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from core.access import Prefix, Principal, Scope, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, TemplateFixed, TemplateTaken, TemplateUnknown
from core.identifier import Identifier
from core.record import Record
from core.template_life import Move, State, require_move
from core.values import MAX_PACKED_BYTES
from registry.ownership import hold_prefix
from registry.quotas.spending import Unit, one_unit
from registry.room import Registry
from registry.store import AuditLine, Origin, insert_new, write_audit
from registry.template_store import SQL, Held, find_held, insert_template, own_identifier, packed_items
from registry.template_wish import SUFFIX_START, Definition

_SLOT = 0


async def publish(
    registry: Registry, principal: Principal, origin: Origin, identifier: Identifier, definition: Definition
) -> tuple[Held, bool]:
    """The template, and whether this call made it. The same again is success; a published template never changes.

    Errors: `BodyInvalid`, `PrefixNotYours`, `PrefixSuspended`, `ScopeNotEnough`, `TemplateTaken`, `QuotaExhausted`,
    `StoreUnavailable`.
    """
    prefix = await own_prefix(registry, principal, identifier)
    key = identifier.key(prefix.suffix_case_sensitive)
    refuse_too_large(definition)
    async with one_unit(registry, principal, prefix.key) as unit, _transaction(registry.pool) as connection:
        await hold_prefix(connection, principal, prefix)
        await connection.execute(SQL["lock_templates"], prefix.key)
        held = await find_held(connection, key)
        if held is not None:
            if held.state is State.PUBLISHED and says_the_same(definition, held.definition):
                return held, False
            raise taken(identifier, held)
        await refuse_version(connection, prefix, key, definition)
        record, row, made = await _insert(connection, unit, origin, prefix, key, str(identifier), definition)
    _tell(registry, record, row)
    return made, True


async def publish_draft(registry: Registry, principal: Principal, origin: Origin, identifier: Identifier) -> Held:
    """A draft becomes what registrations may name; what is published already stays so.

    Errors: `PrefixNotYours`, `PrefixSuspended`, `ScopeNotEnough`, `TemplateUnknown`, `TemplateState`, `TemplateTaken` (its
    identifier was registered meanwhile), `QuotaExhausted`, `StoreUnavailable`.
    """
    prefix = await own_prefix(registry, principal, identifier)
    key = identifier.key(prefix.suffix_case_sensitive)
    async with one_unit(registry, principal, prefix.key) as unit, _transaction(registry.pool) as connection:
        await hold_prefix(connection, principal, prefix)
        await connection.execute(SQL["lock_templates"], prefix.key)
        held = await find_held(connection, key)
        if held is None:
            raise unknown(identifier)
        require_move(held.identifier, held.state, Move.PUBLISH)
        if held.state is State.PUBLISHED:
            return held
        await connection.execute(SQL["drop_draft"], key)
        record, row, made = await _insert(connection, unit, origin, prefix, key, held.identifier, held.definition)
    _tell(registry, record, row)
    return made


async def _insert(
    connection: Any, unit: Unit, origin: Origin, prefix: Prefix, key: str, shown: str, definition: Definition
) -> tuple[Record, Any, Held]:
    """The template, its own identifier and the audit line. Raises `TemplateTaken`, `QuotaExhausted`."""
    unit.spend()
    row = await insert_template(connection, key, shown, definition)
    new = own_identifier(key, shown, prefix.key, definition.items)
    written = await insert_new(connection, [new], _SLOT) if row is not None else []
    if not written or not written[0].created:
        raise taken(shown, None)
    await write_audit(connection, [AuditLine(origin, "publish-template", shown, 1)])
    made = await find_held(connection, key)
    assert made is not None
    return written[0].record, row, made


@asynccontextmanager
async def _transaction(pool: Any) -> AsyncIterator[Any]:
    """A connection with a transaction. Raises `StoreUnavailable`."""
    with store_errors():
        async with pool.acquire() as connection, connection.transaction():
            yield connection


def _tell(registry: Registry, record: Record, row: Any) -> None:
    """This worker goes by the template at once; others hear of it by the feed, or ask."""
    registry.directory.apply_templates([row])
    registry.on_committed([record])


async def own_prefix(registry: Registry, principal: Principal, identifier: Identifier) -> Prefix:
    """Errors: `PrefixNotYours`, `PrefixSuspended`, `ScopeNotEnough`, `StoreUnavailable`."""
    held = await registry.directory.fresh_owner(identifier)
    return require_writer(principal, held, identifier.prefix, Scope.MANAGE)


async def refuse_version(connection: Any, prefix: Prefix, key: str, definition: Definition) -> None:
    """Raises `BodyInvalid` where another template of the prefix is called so."""
    if definition.version is None:
        return
    holder = await connection.fetchval(SQL["version_holder"], prefix.key, definition.version, key)
    if holder is not None:
        en, zh = f"is the version of {holder} already", f"已是 {holder} 的版本号"
        raise BodyInvalid(errors=(FieldProblem("version", "version-taken", en, zh),))


def refuse_too_large(definition: Definition) -> None:
    """A template is the value of its own identifier, which has a limit. Raises `BodyInvalid`."""
    size = len(packed_items(definition.items))
    if size > MAX_PACKED_BYTES:
        en = f"take {size} bytes as JSON, at most {MAX_PACKED_BYTES} are allowed"
        zh = f"写成 JSON 共 {size} 字节，最多 {MAX_PACKED_BYTES} 字节"
        raise BodyInvalid(errors=(FieldProblem("items", "items-too-large", en, zh),))


def says_the_same(sent: Definition, held: Definition) -> bool:
    """Whether all that was sent is there; what was not sent says nothing."""
    return (
        sent.items == held.items
        and sent.version in (None, held.version)
        and all(held.facts.get(name) == said for name, said in sent.facts.items())
    )


def taken(identifier: Identifier | str, held: Held | None) -> TemplateTaken:
    if held is None:
        return TemplateTaken(f"{identifier} is registered already", f"{identifier} 已被注册")
    en, zh = _WORDS[held.state]
    return TemplateTaken(f"{identifier} {en}", f"{identifier} {zh}", state=held.state.value)


_WORDS = {
    State.DRAFT: ("is a draft", "为草稿"),
    State.PUBLISHED: ("exists with other content", "已存在，且内容不同"),
    State.RETIRED: ("was retired", "已停用"),
}


def unknown(identifier: Identifier | str) -> TemplateUnknown:
    return TemplateUnknown(f"There is no template {identifier}", f"模板不存在: {identifier}")


async def refuse_template(registry: Registry, identifier: Identifier) -> None:
    """A template's identifier says what the template says: it is not changed by itself. Raises `TemplateFixed`."""
    named_so = identifier.suffix.upper().startswith(SUFFIX_START)
    if named_so and await registry.directory.fresh_template(identifier) is not None:
        raise TemplateFixed(
            f"{identifier} is a template; it says what its template says", f"{identifier} 是数据模板，其内容由模板决定"
        )
