"""In whose name an administrator acts: a key of the enterprise whose record is changed, made when it is first needed.

Nobody can send the key: it is who acts in history and audit, it carries the quotas, and revoking it shuts the administrator out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.access import ROLE_SCOPES, Principal, Role, make_key
from core.database import store_errors
from core.exchange import now
from core.handle.administration import Acting, Administrator
from registry.handle.prefix_records import SQL
from registry.keys import MAX_LABEL, KeyWish
from registry.room import Registry
from registry.store import AuditLine, Keyless, Origin, write_audit
from registry.verbs.issue_key import insert_key


@dataclass(frozen=True, slots=True)
class KeyHolder(Administrator):
    """Who calls a Handle door with a key of the node: what is theirs is decided as at every other door, not by HS_ADMIN."""

    principal: Principal


async def principal_for(registry: Registry, acting: Acting, enterprise_id: int) -> Principal:
    """The administrator as a writer of the enterprise. Errors: `CredentialWrong` (the key was revoked), `SourceNotAllowed`,
    `RateLimited`, `StoreUnavailable`."""
    who = acting.administrator
    if isinstance(who, KeyHolder):
        return who.principal
    with store_errors():
        held = await registry.pool.fetchrow(SQL["find_administrator"], who.key, who.index, enterprise_id)
        if held is None:
            async with registry.pool.acquire() as connection, connection.transaction():
                origin = Keyless(acting.source, acting.request_id)
                key_id, _ = await take_aboard(connection, who, enterprise_id, origin)
        else:
            key_id = held["key_id"]
    return await registry.directory.holder(key_id, now(), acting.source)


async def take_aboard(
    connection: Any, who: Administrator, enterprise_id: int, origin: Keyless, *, renew: bool = False
) -> tuple[str, int]:
    """(key id, `api_key.id`) of the administrator's key, made where there is none; with `renew` also in place of one that was
    revoked. Call in a transaction."""
    await connection.execute(SQL["lock_administrators"])
    held = await connection.fetchrow(SQL["find_administrator"], who.key, who.index, enterprise_id)
    if held is not None and not (renew and held["revoked_at"]):
        return held["key_id"], held["id"]
    key = make_key()
    wish = KeyWish(Role.WRITER, enterprise_id, str(who)[:MAX_LABEL], None, ROLE_SCOPES[Role.WRITER], ())
    issued = await insert_key(connection, key, wish)
    await connection.execute(SQL["note_administrator"], who.key, who.index, enterprise_id, issued["id"])
    await write_audit(connection, [AuditLine(origin, "handle-administrator", str(who), 0)])
    return key.key_id, issued["id"]


def origin_of(acting: Acting, principal: Principal) -> Origin:
    return Origin(principal.key, acting.source, acting.request_id)
