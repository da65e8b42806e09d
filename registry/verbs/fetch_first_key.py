"""The applicant fetches the first key of the enterprise, once, when everything is approved."""

from __future__ import annotations

from typing import Any

from core.access import ROLE_SCOPES, Role, in_order, make_key
from core.database import store_errors
from core.errors import FirstKeyTaken
from registry.applications.access import Caller, require_applicant
from registry.applications.states import State, refused
from registry.applications.store import SQL, lock
from registry.keys import KeyWish
from registry.room import Registry
from registry.store import AuditLine, Keyless, Origin, write_audit
from registry.verbs.issue_key import insert_key


async def fetch_first_key(registry: Registry, caller: Caller, origin: Origin | Keyless, number: int) -> dict[str, Any]:
    """A key of the role enterprise, shown this once. An enterprise that was here before has administrators already: a
    further application gives nobody another key to it.

    Errors: `RoleNotEnough`, `ApplicationUnknown`, `ApplicationState`, `FirstKeyTaken`, `StoreUnavailable`.
    """
    require_applicant(caller, number)
    key = make_key()
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            held = await lock(connection, number)
            if held.state is not State.ACTIVE:
                raise refused(held.state, "there is no key to fetch then", "尚无可领取的密钥")
            if held.first_key is not None:
                raise FirstKeyTaken()
            if not held.made_enterprise:
                raise FirstKeyTaken(
                    "The enterprise was here before and has keys of its own", "该企业此前已接入，密钥由其管理员签发"
                )
            scopes = ROLE_SCOPES[Role.ENTERPRISE]
            wish = KeyWish(Role.ENTERPRISE, held.enterprise_id, f"application {number}", None, scopes, ())
            row = await insert_key(connection, key, wish)
            await connection.execute(SQL["keep_first_key"], number, row["id"])
            about = f"{wish.role} {key.key_id} for application {number}"
            await write_audit(connection, [AuditLine(origin, "issue-key", about, 0)])
    return {
        "key": key.text,
        "key_id": key.key_id,
        "role": wish.role.value,
        "scopes": in_order(scopes),
        "enterprise_id": held.enterprise_id,
    }
