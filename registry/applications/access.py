"""Who stands before an application: its applicant, by token, or somebody with a key."""

from __future__ import annotations

from core.access import EVERYWHERE, Principal, Role, Scope, require_role
from core.database import store_errors
from core.errors import RoleNotEnough
from registry.applications.store import find, unknown
from registry.applications.token import Applicant, SentToken, wrong_token
from registry.room import Registry

Caller = Principal | Applicant


async def applicant_of(registry: Registry, sent: SentToken) -> Applicant:
    """Raises `CredentialWrong`, `StoreUnavailable`."""
    with store_errors():
        held = await find(registry.pool, sent.application)
    if not sent.opens(held.token_digest if held else b"\0" * 32) or held is None:
        raise wrong_token()
    return Applicant(held.id)


def require_reader(caller: Caller, number: int) -> None:
    """Its applicant, an operator or an auditor. Raises `ApplicationUnknown`, `RoleNotEnough`, `ScopeNotEnough`."""
    if isinstance(caller, Applicant):
        _require_own(caller, number)
    else:
        require_role(caller, *EVERYWHERE)


def require_applicant(caller: Caller, number: int) -> None:
    """Raises `ApplicationUnknown`, `RoleNotEnough`."""
    if isinstance(caller, Applicant):
        return _require_own(caller, number)
    raise RoleNotEnough(
        "Only the applicant does this, with the token of the application",
        "此操作仅限申请方凭申请令牌执行",
        needed_role="applicant",
    )


def require_operator(caller: Caller) -> Principal:
    """Raises `RoleNotEnough`, `ScopeNotEnough`."""
    if isinstance(caller, Applicant):
        raise RoleNotEnough("Only an operator does this", "此操作仅限运营方执行", needed_role=Role.OPERATOR)
    require_role(caller, Role.OPERATOR, scope=Scope.MANAGE)
    return caller


def _require_own(applicant: Applicant, number: int) -> None:
    if applicant.application != number:
        raise unknown(number)
