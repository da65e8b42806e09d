"""Write the record of a prefix: its own row, its secrets sealed beside it, in one transaction with history and audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.access import Scope, require_writer
from core.database import store_errors
from core.errors import IdentifierConflict, PrefixNotYours, VersionMismatch
from core.handle.administration import Acting
from core.handle.authority import octets_of
from core.record import Record
from core.values import HandleValue, pack
from registry.handle.acting import origin_of, principal_for
from registry.handle.prefix_records import (
    change_prefix_record,
    lock_prefix_record,
    make_prefix_record,
    seal_secrets,
    without_secrets,
)
from registry.handle.rights import Standing
from registry.room import Registry
from registry.store import AuditLine, write_audit


async def write_prefix_record(
    registry: Registry, acting: Acting, standing: Standing, values: Sequence[HandleValue]
) -> Record:
    """The record as it is then. Errors: `VersionMismatch` (not the one that was judged any more), `IdentifierConflict` (made
    meanwhile), `PrefixSuspended`, `PersonalDataLocked`, those of `principal_for`."""
    prefix = standing.prefix
    principal = await principal_for(registry, acting, prefix.enterprise_id)
    require_writer(principal, prefix, prefix.shown, Scope.REVISE)
    plain, sealed = without_secrets(values)
    secrets = {index: octets_of(value) or b"" for index, value in sealed.items()}
    origin = origin_of(acting, principal)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            old = await lock_prefix_record(connection, standing.key)
            _require_judged(old, standing)
            before = old.values if old is not None else []
            if old is None:
                made = await make_prefix_record(
                    connection, standing.key, str(standing.identifier), prefix.enterprise_id, pack(plain)
                )
                if made is None:
                    raise IdentifierConflict()
                record = made
            elif pack(plain) == pack([replace(value, timestamp=None) for value in before]) and not secrets:
                return old
            else:
                record = await change_prefix_record(connection, old, prefix.enterprise_id, plain, principal.key)
            await seal_secrets(connection, registry.vault, standing.key, before, plain, secrets)
            await write_audit(connection, [AuditLine(origin, "prefix-record", record.identifier, 0)])
    registry.on_committed([record])
    return record


def _require_judged(old: Record | None, standing: Standing) -> None:
    judged = standing.record
    if (old.version if old else 0) != (judged.version if judged else 0):
        if judged is None and old is not None and old.owner_id != standing.prefix.enterprise_id:
            raise PrefixNotYours(  # left by who had the prefix before: the operator decides (`handle-admin set`)
                f"The record of {standing.prefix.shown} is of its former holder",
                f"{standing.prefix.shown} 的前缀记录属于原持有企业",
            )
        raise VersionMismatch()
