"""Change or retire a template that is in use: identifiers keep what they say, new values are held to the new rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from core.access import Principal, require_owner, require_writer
from core.database import store_errors
from core.errors import TemplateUnknown
from core.identifier import Identifier
from core.record import Record, Status
from core.sqlfiles import load_sql
from core.telemetry import CHANGED
from core.template import Template, TemplateItem, template_from_row
from core.values import keep_timestamps, unpack
from core.values import pack as pack_values
from registry.room import Registry
from registry.store import AuditLine, Origin, change_record, lock_record, write_audit
from registry.verbs.publish_template import items_text, packed_items
from registry.verbs.revise import current_version

_SQL = load_sql("registry", "snms.sql")
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
            row = await connection.fetchrow(_SQL["change_template"], old.id, items_text(items), facts)
            if items != old.items:
                record = await _tell(connection, origin, key, identifier, items)
            await write_audit(connection, [AuditLine(origin, "change-template", old.identifier, 1 if record else 0)])
    if record:
        CHANGED.labels("template").inc()
        registry.on_committed([record])
    return _known(registry, row)


async def retire_template(registry: Registry, principal: Principal, origin: Origin, identifier: Identifier) -> Template:
    """No new registrations with it; it resolves as before, and identifiers that have it keep it. Errors: as for changing."""
    key = await _own_key(registry, principal, identifier)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            old = await _locked(connection, key, identifier)
            row = await connection.fetchrow(_SQL["retire_template"], old.id)
            await write_audit(connection, [AuditLine(origin, "retire-template", old.identifier, 0)])
    return _known(registry, row)


async def find_template(registry: Registry, principal: Principal, identifier: Identifier) -> Template:
    """A template of one's own that is in use. Errors: `PrefixNotYours`, `TemplateUnknown`, `StoreUnavailable`."""
    require_owner(principal, await registry.directory.fresh_prefix(identifier.prefix_key), identifier.prefix)
    template = await registry.directory.fresh_template(identifier)
    if template is None or template.retired:
        raise _unknown(identifier)
    return template


async def _own_key(registry: Registry, principal: Principal, identifier: Identifier) -> str:
    prefix = require_writer(principal, await registry.directory.fresh_prefix(identifier.prefix_key), identifier.prefix)
    return identifier.key(prefix.suffix_case_sensitive)


async def _locked(connection: Any, key: str, identifier: Identifier) -> Template:
    row = await connection.fetchrow(_SQL["lock_template"], key)
    if row is None or row["retired"]:
        raise _unknown(identifier)
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


def _unknown(identifier: Identifier) -> TemplateUnknown:
    return TemplateUnknown(f"There is no template {identifier}", f"模板不存在: {identifier}")
