"""Drafts of templates: made, changed, given up. Nothing can be registered with them, and they do not resolve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.access import Principal
from core.database import store_errors
from core.identifier import Identifier
from core.template_life import Move, State, require_move
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.template_store import SQL, Held, change_draft, find_held, insert_draft
from registry.template_wish import LINEAGE, Definition, parse_change
from registry.verbs.publish_template import own_prefix, refuse_too_large, refuse_version, says_the_same, taken, unknown


async def make_draft(
    registry: Registry, principal: Principal, origin: Origin, identifier: Identifier, definition: Definition
) -> tuple[Held, bool]:
    """The draft, and whether this call made it. Errors: `BodyInvalid`, `PrefixNotYours`, `PrefixSuspended`,
    `ScopeNotEnough`, `TemplateTaken`, `StoreUnavailable`."""
    prefix = await own_prefix(registry, principal, identifier)
    key = identifier.key(prefix.suffix_case_sensitive)
    refuse_too_large(definition)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["lock_templates"], prefix.key)
            held = await find_held(connection, key)
            if held is not None:
                if held.state is State.DRAFT and says_the_same(definition, held.definition):
                    return held, False
                raise taken(identifier, held)
            await refuse_version(connection, prefix, key, definition)
            await insert_draft(connection, key, str(identifier), prefix.key, definition)
            made = await _logged(connection, origin, "draft-template", key)
    return made, True


async def change(
    registry: Registry, principal: Principal, origin: Origin, identifier: Identifier, body: dict[str, Any]
) -> Held:
    """The whole draft anew; where it came from stays. Errors: those of `make_draft`, `TemplateUnknown`, `TemplateFixed`."""
    prefix = await own_prefix(registry, principal, identifier)
    definition = parse_change(body)
    refuse_too_large(definition)
    key = identifier.key(prefix.suffix_case_sensitive)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["lock_templates"], prefix.key)
            held = await _movable(connection, key, identifier, Move.CHANGE)
            kept = {name: held.definition.facts[name] for name in LINEAGE if name in held.definition.facts}
            definition = replace(definition, facts={**definition.facts, **kept})
            if definition == held.definition:
                return held
            await refuse_version(connection, prefix, key, definition)
            await change_draft(connection, key, definition)
            return await _logged(connection, origin, "change-draft", key)


async def delete_draft(registry: Registry, principal: Principal, origin: Origin, identifier: Identifier) -> None:
    """Errors: `PrefixNotYours`, `PrefixSuspended`, `ScopeNotEnough`, `TemplateUnknown`, `TemplateFixed`, `StoreUnavailable`."""
    prefix = await own_prefix(registry, principal, identifier)
    key = identifier.key(prefix.suffix_case_sensitive)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["lock_templates"], prefix.key)
            held = await _movable(connection, key, identifier, Move.DELETE)
            await connection.execute(SQL["drop_draft"], key)
            await write_audit(connection, [AuditLine(origin, "delete-draft", held.identifier, 0)])


async def _movable(connection: Any, key: str, identifier: Identifier, move: Move) -> Held:
    held = await find_held(connection, key)
    if held is None:
        raise unknown(identifier)
    require_move(held.identifier, held.state, move)
    return held


async def _logged(connection: Any, origin: Origin, action: str, key: str) -> Held:
    """The draft as it now stands, with a line in the audit."""
    held = await find_held(connection, key)
    assert held is not None
    await write_audit(connection, [AuditLine(origin, action, held.identifier, 0)])
    return held
