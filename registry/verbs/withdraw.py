"""Withdraw an identifier: it is never deleted and never free again; it answers 410 with the reason and the successor."""

from __future__ import annotations

from typing import Any

import orjson

from core.access import Principal, Scope
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem
from core.identifier import Identifier
from core.record import Record, Status
from core.telemetry import CHANGED
from registry.intake import Withdrawal, parse_withdrawal
from registry.ownership import require_own, writable
from registry.room import Registry
from registry.store import AuditLine, Origin, change_record, lock_record, write_audit
from registry.verbs.publish_template import refuse_template
from registry.verbs.revise import current_version


async def withdraw(
    registry: Registry, principal: Principal, origin: Origin, identifier: Identifier, body: Any, if_match: str | None
) -> Record:
    """Withdraw, with a reason and perhaps a successor. The same withdrawal again is success.

    Errors: `BodyInvalid`, `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `PrefixSuspended`,
    `TemplateFixed`, `IdentifierUnknown`, `IdentifierWithdrawn` (with other words before), `VersionMismatch`,
    `StoreUnavailable`.
    """
    prefix = await writable(registry, principal, identifier, Scope.WITHDRAW)
    await refuse_template(registry, identifier)
    problems: list[FieldProblem] = []
    wish = parse_withdrawal(body, identifier, prefix.suffix_case_sensitive, problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            held = await lock_record(connection, identifier.key(prefix.suffix_case_sensitive))
            require_own(principal, prefix, held)
            if held is not None and _already(held, wish):
                return held
            old = current_version(held, identifier, if_match)
            record = await change_record(
                connection, old, actor=origin.actor, kind="withdraw", reason=wish.reason, packed=old.packed,
                template_id=old.template_id, status=Status.WITHDRAWN, withdrawal=_as_json(wish),
            )  # fmt: skip
            await write_audit(connection, [AuditLine(origin, "withdraw", record.identifier, 1)])
    CHANGED.labels("withdraw").inc()
    registry.on_committed([record])
    return record


def _already(held: Record, wish: Withdrawal) -> bool:
    return held.withdrawn and (held.reason, held.successor) == (wish.reason, wish.successor)


def _as_json(wish: Withdrawal) -> str:
    return orjson.dumps({"reason": wish.reason, "successor": wish.successor}).decode()
