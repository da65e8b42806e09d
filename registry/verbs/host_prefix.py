"""Say where a prefix is answered: here, or at its enterprise's own node."""

from __future__ import annotations

from typing import Any

import orjson

from core.access import Principal, Scope, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem
from core.identifier import fold_case
from registry.hosting import parse_hosting, refuse_itself
from registry.prefix_life import SQL, lock_lives
from registry.prefix_views import prefix_view
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit


async def host_prefix(
    registry: Registry, principal: Principal, origin: Origin, named: str, body: dict[str, Any]
) -> dict[str, Any]:
    """`hosting`, `site`? or `service`?: the prefix as it is then. The top level hears of the route; the same again is success.

    What was registered here stays, and is not written any more once the prefix is hosted elsewhere.

    Errors: `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `EnterpriseSuspended`, `PrefixPending` (the top level has not
    approved it), `PrefixSuspended`, `BodyInvalid`, `StoreUnavailable`.
    """
    held = await registry.directory.fresh_prefix(fold_case(named))
    prefix = require_writer(principal, held, named, Scope.MANAGE)
    problems: list[FieldProblem] = []
    wish = parse_hosting(body, "", problems)
    if wish is not None and wish.site is not None:
        refuse_itself(wish.site.get("service"), prefix.key, problems)
    if wish is None or problems:
        raise BodyInvalid(errors=tuple(problems))
    site = orjson.dumps(wish.site).decode() if wish.site else None
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            await lock_lives(connection)
            whose = await connection.fetchval(SQL["host_prefix"], prefix.key, wish.hosting.value, site)
            if whose is not None:
                await connection.execute(SQL["ask_for_route"], prefix.key, whose)
                await write_audit(connection, [AuditLine(origin, "host-prefix", prefix.shown, 0)])
    await registry.directory.prefixes_changed([prefix.key])
    found = registry.directory.prefix(prefix.key)
    assert found is not None
    return prefix_view(found, registry.node_prefix)
