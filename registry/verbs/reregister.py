"""Register again what a delete at the SNMS door withdrew: the next version of the same row, never another row."""

from __future__ import annotations

import time
from typing import Any

from core.access import Principal, Scope
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, IdentifierUnknown
from core.record import Status
from core.telemetry import CHANGED
from core.values import keep_timestamps, pack
from registry.intake import parse_registration
from registry.ownership import require_own, writable
from registry.room import Registry
from registry.store import AuditLine, Inserted, NewIdentifier, Origin, change_record, lock_record, write_audit
from registry.verbs.register import Registered, checked_template, settle


async def reregister(registry: Registry, principal: Principal, origin: Origin, body: Any, reason: str) -> Registered:
    """As `register`, for an identifier that was withdrawn for `reason` (and names no successor).

    What was withdrawn for another reason stays so: a recall is not taken back by a machine that sends its list again.
    Errors: those of `register`, and `IdentifierUnknown`.
    """
    problems: list[FieldProblem] = []
    wish = parse_registration(body, "", problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    named = wish.identifier
    prefix = await writable(registry, principal, named, Scope.REGISTER)
    template_id, values = None, wish.values
    if wish.template is not None:
        template_id, values = await checked_template(registry, prefix, wish.template, wish.values, "")
    new = NewIdentifier(named.key(prefix.suffix_case_sensitive), str(named), prefix.key, pack(values), template_id)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            old = await lock_record(connection, new.key)
            require_own(principal, prefix, old)
            if old is None:
                raise IdentifierUnknown(f"{named} is not registered here", f"{named} 未在本节点注册")
            if not old.withdrawn or (old.reason, old.successor) != (reason, None):
                return settle(new, Inserted(False, old))
            record = await change_record(
                connection, old, actor=origin.actor, kind="reregister", reason=None,
                packed=pack(keep_timestamps(values, [], int(time.time()))),
                template_id=template_id, status=Status.ACTIVE, withdrawal=None,
            )  # fmt: skip
            await write_audit(connection, [AuditLine(origin, "reregister", record.identifier, 1)])
    CHANGED.labels("reregister").inc()
    registry.on_committed([record])
    return Registered(record, True)
