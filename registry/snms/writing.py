"""Single identifiers at the SNMS door: the registry's verbs, with the rules that this door has of its own.

Deleting is withdrawing, for one reason of its own; what was withdrawn is not there any more for this door, and what this
door withdrew may be registered again.
"""

from __future__ import annotations

from typing import Any

from core.access import Principal, Scope
from core.errors import BodyInvalid, FieldProblem, IdentifierMalformed, IdentifierUnknown, IdentifierWithdrawn
from core.identifier import Identifier, parse_identifier
from core.record import Record
from registry.room import Registry
from registry.snms.items import registration
from registry.store import Origin
from registry.verbs.read import read_one
from registry.verbs.register import Registered, register
from registry.verbs.reregister import reregister
from registry.verbs.revise import revise
from registry.verbs.withdraw import withdraw

DELETED = "SNMS 删除"


async def create(registry: Registry, principal: Principal, origin: Origin, item: Any) -> Registered:
    """Errors: those of `register`."""
    body = registration(item)
    try:
        return await register(registry, principal, origin, body)
    except IdentifierWithdrawn as withdrawn:
        return await create_again(registry, principal, origin, body, withdrawn)


async def create_again(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any], withdrawn: IdentifierWithdrawn
) -> Registered:
    """What a registration does that met a withdrawn identifier. Raises `withdrawn` where it was not this door's doing."""
    if withdrawn.extra.get("reason") != DELETED:
        raise withdrawn
    return await reregister(registry, principal, origin, body, DELETED)


async def change(registry: Registry, principal: Principal, origin: Origin, item: Any) -> Record:
    """Errors: those of `revise`; a withdrawn identifier is not there."""
    body = registration(item)
    identifier = named(body["identifier"])
    try:
        return await revise(registry, principal, origin, identifier, body, None)
    except IdentifierWithdrawn as gone:
        raise IdentifierUnknown(gone.en, gone.zh) from None


async def remove(registry: Registry, principal: Principal, origin: Origin, handle: str) -> Record:
    """Errors: `IdentifierUnknown` for a withdrawn one too, `PrefixNotYours`, `PrefixSuspended`, `StoreUnavailable`."""
    identifier = named(handle)
    await find(registry, principal, identifier, Scope.WITHDRAW)
    try:
        return await withdraw(registry, principal, origin, identifier, {"reason": DELETED}, None)
    except IdentifierWithdrawn as gone:
        raise IdentifierUnknown(gone.en, gone.zh) from None


async def find(
    registry: Registry, principal: Principal, identifier: Identifier, scope: Scope = Scope.READ_PRIVATE
) -> Record:
    """Errors: `PrefixNotYours`, `IdentifierUnknown` for a withdrawn one too, `StoreUnavailable`."""
    record = await read_one(registry, principal, identifier, scope)
    if record.withdrawn:
        raise IdentifierUnknown(f"{record.identifier} was withdrawn", f"{record.identifier} 已注销")
    return record


def named(handle: str) -> Identifier:
    """Raises `BodyInvalid`."""
    try:
        return parse_identifier(handle)
    except IdentifierMalformed as wrong:
        raise BodyInvalid(errors=(FieldProblem("handle", wrong.reason, wrong.en, wrong.zh),)) from None
