"""Change or retire a template that is in use: identifiers keep what they say, new values are held to the new rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from core.access import Principal, require_owner
from core.database import store_errors
from core.identifier import Identifier
from core.record import Record, Status
from core.telemetry import CHANGED
from core.template import Template, template_from_row
from core.template_item import TemplateItem
from core.template_life import Move, State, require_move
from core.values import keep_timestamps, unpack
from core.values import pack as pack_values
from registry.room import Registry
from registry.store import AuditLine, Origin, change_record, lock_record, write_audit
from registry.template_store import SQL, Held, find_held, outlines_text, packed_items, rules_text
from registry.template_wish import Definition
from registry.verbs.publish_template import own_prefix, refuse_too_large, unknown
from registry.verbs.revise import current_version

Change = Callable[[Template], tuple[tuple[TemplateItem, ...], str | None]]


async def change_template(
    registry: Registry, principal: Principal, origin: Origin, identifier: Identifier, change: Change
) -> Template:
    """Give a template other items and facts: what `change` makes of those it has. Its own identifier gets a new version.

    `change` may raise `BodyInvalid`. Other workers follow within a second. Errors: `PrefixNotYours`, `PrefixSuspended`,
    `TemplateUnknown`, `IdentifierWithdrawn`, `StoreUnavailable`.
    """
    key = await _own_key(registry, principal, identifier)
    record: Record | None = None
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            old = await _locked(connection, key, identifier)
            items, facts = change(old)
            if (items, facts) == (old.items, old.facts):
                return old
            refuse_too_large(Definition(items))
            row = await connection.fetchrow(
                SQL["change_template"], old.id, outlines_text(items), rules_text(items), facts
            )
            if items != old.items:
                record = await _tell(connection, origin, key, identifier, items)
            await write_audit(connection, [AuditLine(origin, "change-template", old.identifier, 1 if record else 0)])
    if record:
        CHANGED.labels("template").inc()
        registry.on_committed([record])
    return _known(registry, row)


async def retire_template(
    registry: Registry, principal: Principal, origin: Origin, identifier: Identifier, reason: str | None
) -> tuple[Held, bool]:
    """No new registrations with it; it resolves as before, and identifiers that have it keep it. Whether this call did it.

    Errors: `PrefixNotYours`, `PrefixSuspended`, `ScopeNotEnough`, `TemplateUnknown`, `TemplateState`, `StoreUnavailable`.
    """
    prefix = await own_prefix(registry, principal, identifier)
    key = identifier.key(prefix.suffix_case_sensitive)
    row = None
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["lock_templates"], prefix.key)
            held = await find_held(connection, key)
            if held is None:
                raise unknown(identifier)
            require_move(held.identifier, held.state, Move.RETIRE)
            if held.state is State.RETIRED:
                return held, False
            row = await connection.fetchrow(SQL["retire_template"], held.id, reason)
            await write_audit(connection, [AuditLine(origin, "retire-template", held.identifier, 0)])
            made = await find_held(connection, key)
    registry.directory.apply_templates([row])
    assert made is not None
    return made, True


async def find_template(registry: Registry, principal: Principal, identifier: Identifier) -> Template:
    """A template of one's own that is in use. Errors: `PrefixNotYours`, `TemplateUnknown`, `StoreUnavailable`."""
    require_owner(principal, await registry.directory.fresh_owner(identifier), identifier.prefix)
    template = await registry.directory.fresh_template(identifier)
    if template is None or template.retired:
        raise unknown(identifier)
    return template


async def _own_key(registry: Registry, principal: Principal, identifier: Identifier) -> str:
    return identifier.key((await own_prefix(registry, principal, identifier)).suffix_case_sensitive)


async def _locked(connection: Any, key: str, identifier: Identifier) -> Template:
    row = await connection.fetchrow(SQL["lock_template"], key)
    if row is None or row["retired"]:
        raise unknown(identifier)
    return template_from_row(row)


async def _tell(
    connection: Any, origin: Origin, key: str, identifier: Identifier, items: tuple[TemplateItem, ...]
) -> Record:
    """The new items as the next version of the template's own identifier."""
    old = current_version(await lock_record(connection, key), identifier, None)
    values = keep_timestamps(unpack(packed_items(items)), old.values, int(time.time()))
    return await change_record(
        connection, old, actor=origin.actor, kind="template", reason=None, packed=pack_values(values),
        template_id=old.template_id, status=Status.ACTIVE, withdrawal=None,
    )  # fmt: skip


def _known(registry: Registry, row: Any) -> Template:
    """What this worker goes by from now on."""
    registry.directory.apply_templates([row])
    return template_from_row(row)
