"""Read templates: one, or a page. Published and retired ones are for whoever has a key, drafts for their owner
(a key of its enterprise or of the node, with the scope read-private)."""

from __future__ import annotations

from core.access import EVERYWHERE, OF_ENTERPRISE, Principal, Scope
from core.database import store_errors
from core.identifier import Identifier, fold_case
from core.template_life import State
from registry.room import Registry
from registry.template_store import Held, Listed, find_held, page_of_templates
from registry.verbs.publish_template import unknown

_LAST = "\U0010ffff"


async def read_template(registry: Registry, principal: Principal | None, identifier: Identifier) -> Held:
    """`principal` None: whoever it is, published and retired ones only. Errors: `TemplateUnknown`, `StoreUnavailable`."""
    prefix = await registry.directory.fresh_owner(identifier)
    if prefix is None:
        raise unknown(identifier)
    with store_errors():
        held = await find_held(registry.pool, identifier.key(prefix.suffix_case_sensitive))
    if held is None or (held.state is State.DRAFT and not _owns(principal, prefix.enterprise_id)):
        raise unknown(identifier)
    return held


async def list_templates(
    registry: Registry,
    principal: Principal,
    prefix: str | None,
    state: State | None,
    after: Identifier | None,
    limit: int,
) -> list[Listed]:
    """At most `limit` in order of canonical key, after one identifier; of one prefix, or of all. Errors:
    `StoreUnavailable`."""
    start, below = (f"{fold_case(prefix)}/", f"{fold_case(prefix)}0") if prefix else ("", _LAST)
    if after is not None:
        held = await registry.directory.fresh_owner(after)
        start = max(start, after.key(held is not None and held.suffix_case_sensitive))
    reads = Scope.READ_PRIVATE in principal.scopes
    sees_all = reads and principal.role in EVERYWHERE
    mine = principal.enterprise_id if reads and principal.role in OF_ENTERPRISE else None
    with store_errors():
        return await page_of_templates(registry.pool, start, below, mine, sees_all, state, limit)


def _owns(principal: Principal | None, enterprise_id: int) -> bool:
    if principal is None or Scope.READ_PRIVATE not in principal.scopes:
        return False
    return principal.role in EVERYWHERE or (
        principal.role in OF_ENTERPRISE and principal.enterprise_id == enterprise_id
    )
