"""Prefixes that this node answers for: taken in and let go by the administrators of the server.

Those are who the record of the node's own prefix names: `ADD_PREFIX` homes, `DELETE_PREFIX` unhomes. A prefix that nobody has
is given to the enterprise of the node's prefix.
"""

from __future__ import annotations

from dataclasses import replace

from core.access import ROLE_SCOPES, Hosting, Prefix, Principal, Role
from core.handle.administration import PREFIX_RECORDS, Acting
from core.handle.authority import Named, Power
from core.identifier import Identifier
from registry.handle.acting import origin_of, principal_for
from registry.handle.names import described_prefix, is_prefix_record, not_responsible, parse_name
from registry.handle.rights import not_allowed, stand
from registry.room import Registry
from registry.store import Origin
from registry.verbs.grant_prefix import grant_prefix
from registry.verbs.host_prefix import host_prefix
from registry.verbs.suspend_prefix import resume_prefix, suspend_prefix

_UNHOMED = "unhomed by a Handle administrator 由 Handle 管理员停止服务"


async def home(registry: Registry, acting: Acting, record: Identifier) -> None:
    """Errors: `AdministratorNotAllowed`, those of `grant_prefix`, `host_prefix` and `resume_prefix`."""
    operator, origin, enterprise = await _as_operator(registry, acting, record, Power.ADD_PREFIX)
    held = await registry.directory.fresh_prefix(described_prefix(record))
    if held is None:
        body = {"enterprise_id": enterprise, "prefix": record.suffix}
        await grant_prefix(registry, operator, origin, body)
        return
    if held.hosting is not Hosting.HERE:
        await host_prefix(registry, operator, origin, held.key, {"hosting": "here"})
    if held.suspended and held.reason == _UNHOMED:
        await resume_prefix(registry, operator, origin, held.key)


async def unhome(registry: Registry, acting: Acting, record: Identifier) -> None:
    """Suspended, and not answered. Errors: `AdministratorNotAllowed`, `NotResponsible`, those of `suspend_prefix`."""
    operator, origin, _ = await _as_operator(registry, acting, record, Power.DELETE_PREFIX)
    if await registry.directory.fresh_prefix(described_prefix(record)) is None:
        raise not_responsible(str(record))
    body = {"reason": _UNHOMED, "stop_answering": True}
    await suspend_prefix(registry, operator, origin, described_prefix(record), body)


def homed(registry: Registry, after: str, limit: int) -> list[str]:
    """The records of the prefixes that are answered here, in order of prefix."""
    begin = described_prefix(parse_name(after)) if after else ""
    answered = sorted(registry.directory.answered_prefixes(), key=_key_of_prefix)
    return [f"{PREFIX_RECORDS}/{prefix.shown}" for prefix in answered if prefix.key > begin][:limit]


def _key_of_prefix(prefix: Prefix) -> bytes:
    return prefix.key.encode()


async def _as_operator(
    registry: Registry, acting: Acting, record: Identifier, power: Power
) -> tuple[Principal, Origin, int]:
    """The administrator with the rights of an operator, for as long as the call takes."""
    if not is_prefix_record(record):
        raise not_allowed(record)
    root = parse_name(registry.node_prefix)
    who = Named(acting.administrator.key, acting.administrator.index)
    if await registry.directory.fresh_prefix(registry.node_prefix) is None:
        raise not_allowed(record)
    standing = await stand(registry, who, root)
    if power & ~standing.over_prefix:
        raise not_allowed(record)
    enterprise = standing.prefix.enterprise_id
    principal = await principal_for(registry, acting, enterprise)
    operator = replace(principal, role=Role.OPERATOR, enterprise_id=None, scopes=ROLE_SCOPES[Role.OPERATOR])
    return operator, origin_of(acting, principal), enterprise
