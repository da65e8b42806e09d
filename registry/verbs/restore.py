"""Take a withdrawal back within the grace period: the identifier says again what it said, as a new version."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.access import Principal, Scope
from core.database import store_errors
from core.errors import GraceOver, IdentifierUnknown, VersionMismatch
from core.identifier import Identifier
from core.negotiation import etag_matches
from core.record import Record, Status
from core.telemetry import CHANGED
from registry.ownership import require_own, writable
from registry.room import Registry
from registry.store import AuditLine, Origin, change_record, lock_record, write_audit


async def restore(
    registry: Registry,
    principal: Principal,
    origin: Origin,
    identifier: Identifier,
    if_match: str | None,
    now: datetime,
) -> Record:
    """Restore a withdrawn identifier; one that is active is left as it is, which is success too.

    Errors: `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `PrefixSuspended`, `IdentifierUnknown`,
    `GraceOver`, `VersionMismatch`, `StoreUnavailable`.
    """
    prefix = await writable(registry, principal, identifier, Scope.REVISE)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            old = await lock_record(connection, identifier.key(prefix.suffix_case_sensitive))
            require_own(principal, prefix, old)
            if old is None:
                raise IdentifierUnknown(f"{identifier} is not registered here", f"{identifier} 未在本节点注册")
            if not old.withdrawn:
                return old
            if if_match is not None and not etag_matches(if_match, old.etag):
                raise VersionMismatch(headers={"ETag": old.etag}, version=old.version)
            _require_grace(old, now, registry.restore_grace)
            record = await change_record(
                connection, old, actor=origin.actor, kind="restore", reason=None, packed=old.packed,
                template_id=old.template_id, status=Status.ACTIVE, withdrawal=None,
            )  # fmt: skip
            await write_audit(connection, [AuditLine(origin, "restore", record.identifier, 1)])
    CHANGED.labels("restore").inc()
    registry.on_committed([record])
    return record


def _require_grace(old: Record, now: datetime, grace: timedelta) -> None:
    if now - old.changed_at > grace:
        raise GraceOver(
            f"{old.identifier} was withdrawn on {old.changed_at:%Y-%m-%d}, more than {grace.days} days ago",
            f"{old.identifier} 于 {old.changed_at:%Y-%m-%d} 注销，已超过 {grace.days} 天",
        )
