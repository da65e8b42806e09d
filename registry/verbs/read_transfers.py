"""Read transfers: both sides their own, operators and auditors all."""

from __future__ import annotations

from collections.abc import Mapping

from core.access import EVERYWHERE, OF_ENTERPRISE, Principal, Scope, require_role
from core.database import store_errors
from core.errors import ParameterInvalid, TransferUnknown
from core.parameters import Parameters
from registry.room import Registry
from registry.transfers.rows import Transfer, page_of_transfers, read_transfer
from registry.transfers.states import State

MAX_ID = 2**63 - 1


async def find_transfer(
    registry: Registry, principal: Principal, transfer_id: int, scope: Scope = Scope.READ_PRIVATE
) -> Transfer:
    """One transfer. Errors: `RoleNotEnough`, `ScopeNotEnough`, `TransferUnknown` (also for strangers), `StoreUnavailable`."""
    require_role(principal, *OF_ENTERPRISE, *EVERYWHERE, scope=scope)
    with store_errors():
        found = await read_transfer(registry.pool, transfer_id) if transfer_id <= MAX_ID else None
    if found is None or not (
        principal.role in EVERYWHERE or principal.enterprise_id in (found.from_enterprise, found.to_enterprise)
    ):
        raise TransferUnknown(f"There is no transfer {transfer_id}", f"不存在编号为 {transfer_id} 的转让")
    return found


async def list_transfers(
    registry: Registry, principal: Principal, query: Mapping[str, str], before: int, limit: int
) -> list[Transfer]:
    """Newest first; `state`. Errors: `ParameterInvalid`, `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`."""
    require_role(principal, *OF_ENTERPRISE, *EVERYWHERE)
    asked = Parameters(query)
    state = asked.one_of("state", tuple(State))
    if asked.problems:
        raise ParameterInvalid(errors=tuple(asked.problems))
    with store_errors():
        return await page_of_transfers(registry.pool, principal.enterprise_id, before or MAX_ID, limit, state)
