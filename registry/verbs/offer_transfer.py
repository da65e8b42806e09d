"""Offer an identifier or a whole prefix to another enterprise. It changes hands when that one accepts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.access import EVERYWHERE, Hosting, Prefix, Principal, Scope, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, TransferBlocked, TransferOpen
from core.identifier import fold_case
from registry.ownership import hold_prefix, owner_of, require_own, writable
from registry.room import Registry
from registry.store import AuditLine, Origin, lock_record, write_audit
from registry.transfers.rows import SQL, Transfer, read_transfer
from registry.transfers.states import State
from registry.transfers.wishes import TransferWish, parse_transfer
from registry.verbs.publish_template import refuse_template
from registry.verbs.revise import current_version


async def offer_transfer(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any], now: datetime
) -> Transfer:
    """`object` or `prefix`, `to_enterprise`, `reason`, `until`? (30 days): offered where the giving enterprise asks, proposed
    where the operator does.

    Errors: `BodyInvalid` (an unknown or inactive receiver too), `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`,
    `PrefixSuspended`, `PrefixPending`, `TemplateFixed`, `IdentifierUnknown`, `IdentifierWithdrawn`, `TransferOpen`,
    `TransferBlocked` (hosted elsewhere), `StoreUnavailable`.
    """
    problems: list[FieldProblem] = []
    wish = parse_transfer(body, now, problems)
    if wish is None:
        raise BodyInvalid(errors=tuple(problems))
    prefix = await _named_prefix(registry, principal, wish)
    key = wish.identifier.key(prefix.suffix_case_sensitive) if wish.identifier else prefix.key
    state = State.PROPOSED if principal.role in EVERYWHERE else State.OFFERED
    consent = None if state is State.PROPOSED else principal.key
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            prefix = await hold_prefix(connection, principal, prefix, wish.identifier is not None)
            giver, shown = prefix.enterprise_id, prefix.shown
            if wish.identifier is not None:
                held = await lock_record(connection, key)
                require_own(principal, prefix, held)
                record = current_version(held, wish.identifier, None)
                giver, shown = owner_of(record, prefix), record.identifier
            await _require_receiver(connection, wish.to_enterprise, giver)
            await connection.execute(SQL["expire_transfers"], key)
            made = await connection.fetchval(
                SQL["make_transfer"], "identifier" if wish.identifier else "prefix", prefix.key, key, shown, giver,
                wish.to_enterprise, wish.reason, wish.until, state.value, principal.key, consent,
            )  # fmt: skip
            if made is None:
                raise TransferOpen(f"There is an open transfer of {shown}", f"{shown} 已有未办结的转让")
            await write_audit(connection, [AuditLine(origin, "offer-transfer", f"{shown} transfer {made}", 0)])
        found = await read_transfer(registry.pool, made)
    assert found is not None
    return found


async def _named_prefix(registry: Registry, principal: Principal, wish: TransferWish) -> Prefix:
    if wish.identifier is not None:
        prefix = await writable(registry, principal, wish.identifier, Scope.MANAGE)
        await refuse_template(registry, wish.identifier)
        return prefix
    held = await registry.directory.fresh_prefix(fold_case(wish.prefix))
    prefix = require_writer(principal, held, wish.prefix, Scope.MANAGE)
    if prefix.hosting is not Hosting.HERE:
        raise TransferBlocked(
            f"{prefix.shown} is hosted at its enterprise's own node; host it here first",
            f"{prefix.shown} 由企业自有节点提供服务，请先改回由本节点托管",
            reason="hosted-elsewhere",
        )
    return prefix


async def _require_receiver(connection: Any, receiver: int, giver: int) -> None:
    """Raises `BodyInvalid`."""
    state = await connection.fetchval(SQL["enterprise_state"], receiver)
    slug, en, zh = "", "", ""
    if receiver == giver:
        slug, en, zh = "receiver-itself", "has it already", "已是其所有者"
    elif state is None:
        slug, en, zh = "receiver-unknown", "there is no such enterprise", "没有该企业"
    elif state != "active":
        slug, en, zh = "receiver-inactive", "the enterprise is not active", "该企业当前不可用"
    if slug:
        raise BodyInvalid(errors=(FieldProblem("to_enterprise", slug, en, zh),))
