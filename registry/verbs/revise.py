"""Give an existing identifier new values; what it said before is kept."""

from __future__ import annotations

import time
from typing import Any

from core.access import Prefix, Principal, Scope
from core.database import store_errors
from core.errors import (
    BodyInvalid,
    FieldProblem,
    IdentifierUnknown,
    IdentifierWithdrawn,
    VersionMismatch,
)
from core.identifier import Identifier
from core.negotiation import etag_matches
from core.record import Record, Status
from core.telemetry import CHANGED
from core.template import Template, fit_values
from core.value_intake import check_size
from core.values import MAX_VALUES, HandleValue, keep_timestamps, pack
from registry.intake import Merge, Revision, parse_merge, parse_revision
from registry.ownership import require_own, writable
from registry.room import Registry
from registry.store import AuditLine, Origin, change_record, lock_record, write_audit
from registry.verbs.publish_template import refuse_template
from registry.verbs.register import no_template, same_content


async def revise(
    registry: Registry, principal: Principal, origin: Origin, identifier: Identifier, body: Any, if_match: str | None
) -> Record:
    """Replace the values (and the template, where the body names one). The same content again changes nothing.

    Errors: `BodyInvalid`, `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `PrefixSuspended`,
    `TemplateFixed`, `IdentifierUnknown`, `IdentifierWithdrawn`, `VersionMismatch`, `StoreUnavailable`.
    """
    prefix = await _own_prefix(registry, principal, identifier)
    problems: list[FieldProblem] = []
    wish = parse_revision(body, identifier, prefix.suffix_case_sensitive, problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    return await _change(registry, principal, origin, prefix, identifier, wish, if_match)


async def merge(
    registry: Registry, principal: Principal, origin: Origin, identifier: Identifier, body: Any, if_match: str | None
) -> Record:
    """Set some values and take some away, leaving the others as they are. Errors: those of `revise`."""
    prefix = await _own_prefix(registry, principal, identifier)
    problems: list[FieldProblem] = []
    wish = parse_merge(body, problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    return await _change(registry, principal, origin, prefix, identifier, wish, if_match)


async def _change(
    registry: Registry,
    principal: Principal,
    origin: Origin,
    prefix: Prefix,
    identifier: Identifier,
    wish: Revision | Merge,
    if_match: str | None,
) -> Record:
    named = await _named_template(registry, prefix, wish)
    key = identifier.key(prefix.suffix_case_sensitive)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            held = await lock_record(connection, key)
            require_own(principal, prefix, held)
            old = current_version(held, identifier, if_match)
            template = named if wish.names_template else await registry.directory.template_of(old, connection)
            values = _checked(template, wish.result(old.values), old)
            template_id = template.id if template else None
            if template_id == old.template_id and same_content(old.packed, pack(values)):
                return old
            record = await change_record(
                connection, old, actor=origin.actor, kind="revise", reason=None,
                packed=pack(keep_timestamps(values, old.values, int(time.time()))),
                template_id=template_id, status=Status.ACTIVE, withdrawal=None,
            )  # fmt: skip
            await write_audit(connection, [AuditLine(origin, "revise", record.identifier, 1)])
    CHANGED.labels("revise").inc()
    registry.on_committed([record])
    return record


async def _own_prefix(registry: Registry, principal: Principal, identifier: Identifier) -> Prefix:
    prefix = await writable(registry, principal, identifier, Scope.REVISE)
    await refuse_template(registry, identifier)
    return prefix


def current_version(old: Record | None, identifier: Identifier, if_match: str | None) -> Record:
    """The record that a change starts from. Raises `IdentifierUnknown`, `IdentifierWithdrawn`, `VersionMismatch`."""
    if old is None:
        raise IdentifierUnknown(
            f"{identifier} is not registered; register it with POST /api/v1/identifiers",
            f"{identifier} 尚未注册；请用 POST /api/v1/identifiers 注册",
        )
    if if_match is not None and not etag_matches(if_match, old.etag):
        raise VersionMismatch(
            f"{old.identifier} has the version {old.version} now",
            f"{old.identifier} 当前版本为 {old.version}",
            headers={"ETag": old.etag},
            version=old.version,
        )
    if old.withdrawn:
        raise IdentifierWithdrawn(
            f"{old.identifier} was withdrawn: {old.reason}",
            f"{old.identifier} 已注销：{old.reason}",
            reason=old.reason,
            successor=old.successor,
        )
    return old


async def _named_template(registry: Registry, prefix: Prefix, wish: Revision | Merge) -> Template | None:
    if wish.template is None:
        return None
    template = await registry.directory.fresh_template(wish.template)
    if template is None:
        raise BodyInvalid(errors=(await no_template(registry, prefix, wish.template, "template"),))
    return template


def _checked(template: Template | None, values: list[HandleValue], old: Record) -> list[HandleValue]:
    """What the whole record would be after the change; a template that it has not had is checked as for a new one.
    Raises `BodyInvalid`."""
    problems: list[FieldProblem] = []
    if not values:
        problems.append(FieldProblem("remove", "values-missing", "at least one value must stay", "至少须保留一个值"))
    if len(values) > MAX_VALUES:
        problems.append(
            FieldProblem("values", "values-too-many", f"at most {MAX_VALUES} values", f"最多 {MAX_VALUES} 个值")
        )
    if template is not None:
        held = old.values if template.id == old.template_id else None
        values = fit_values(template, values, "values", problems, held)
    check_size(pack(values), "values", problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return values
