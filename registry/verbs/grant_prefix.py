"""Give an enterprise a prefix: the operator any, or the next free; an enterprise what lies below its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.access import Prefix, PrefixState, Principal, Role, Scope, require_role, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, EnterpriseState, EnterpriseUnknown, FieldProblem, PrefixLimit, PrefixTaken
from core.handle.administration import PREFIX_RECORDS
from core.identifier import fold_case
from core.sqlfiles import load_sql
from registry.fields import read_flag, read_number
from registry.prefix_life import lock_lives, reserve
from registry.prefix_views import is_foreign, prefix_view
from registry.room import Registry
from registry.scheme_prefixes import read_scheme_prefix, require_room
from registry.store import AuditLine, Origin, write_audit

_SQL = load_sql("registry", "onboarding.sql")
PREFIX_MEMBERS = frozenset(("enterprise_id", "scheme", "prefix", "suffix_case_sensitive", "foreign"))
MAX_DELEGATIONS = 4  # below the prefix that the operator gave
TRIES = 20


@dataclass(frozen=True, slots=True)
class _Wish:
    """`shown` None: the next free number below the node's own prefix."""

    enterprise: int
    shown: str | None
    sensitive: bool


async def grant_prefix(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any]
) -> tuple[dict[str, Any], bool]:
    """`enterprise_id`, `scheme`?, `prefix`?, `suffix_case_sensitive`?, `foreign`?: the prefix as it is given, and whether this
    call gave it. Usable at once. Of another scheme `prefix` is the owner part in its own spelling, as `9506000` of gs1.

    An enterprise delegates: one segment more than a prefix of its own, to itself or another, at most `MAX_DELEGATIONS` deep.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `EnterpriseSuspended`, `BodyInvalid`, `PrefixNotYours`, `PrefixSuspended`,
    `PrefixPending`, `PrefixLimit`, `EnterpriseUnknown`, `EnterpriseState`, `PrefixTaken`, `StoreUnavailable`.
    """
    require_role(principal, Role.OPERATOR, Role.ENTERPRISE, scope=Scope.MANAGE)
    wish = _parse(body, registry.node_prefix)
    parent = await _parent(registry, principal, wish)
    with store_errors():
        shown, made = await _grant(registry, origin, wish, parent)
    await registry.directory.prefixes_changed([fold_case(shown)])
    held = registry.directory.prefix(fold_case(shown))
    if held is None or (not made and not wish.shown):
        raise PrefixTaken("Too many prefixes are being granted at once", "同时分配前缀的请求过多")
    content = prefix_view(held, registry.node_prefix)
    if not made and (held.enterprise_id, held.suffix_case_sensitive) != (wish.enterprise, wish.sensitive):
        if principal.role is not Role.OPERATOR:  # whose it is, is not theirs to know
            raise PrefixTaken(f"{shown} is given already", f"{shown} 已被分配", prefix=shown)
        raise PrefixTaken(
            f"{shown} is given to the enterprise {held.enterprise_id}",
            f"{shown} 已分配给编号 {held.enterprise_id} 的企业",
            **content,
        )
    return content, made


async def next_free(connection: Any, node_prefix: str) -> str:
    """The prefix with the next free number right below the node's own."""
    return f"{node_prefix}.{await connection.fetchval(_SQL['next_number'], node_prefix)}"


async def _parent(registry: Registry, principal: Principal, wish: _Wish) -> Prefix | None:
    """The prefix that the wanted one lies below, as far as somebody has one."""
    if principal.role is not Role.OPERATOR:
        if wish.shown is None:
            require_role(principal, Role.OPERATOR, scope=Scope.MANAGE)
        above = (wish.shown or "").rpartition(".")[0]
        held = await registry.directory.fresh_prefix(fold_case(above))
        parent = require_writer(principal, held, above, Scope.MANAGE)
        if _depth(registry, parent) >= MAX_DELEGATIONS:
            en = f"lies more than {MAX_DELEGATIONS} delegations below what the operator gave"
            zh = f"逐级下放最多 {MAX_DELEGATIONS} 层"
            raise BodyInvalid(errors=(FieldProblem("prefix", "prefix-too-deep", en, zh),))
        return parent
    above = fold_case(wish.shown or "").rpartition(".")[0]
    while above:
        found = registry.directory.prefix(above)
        if found is not None and found.state is not PrefixState.REJECTED:
            return found
        above = above.rpartition(".")[0]
    return None


def _depth(registry: Registry, prefix: Prefix) -> int:
    depth, above = 0, prefix.parent
    while above and depth < MAX_DELEGATIONS:
        found = registry.directory.prefix(above)
        depth, above = depth + 1, found.parent if found else None
    return depth


async def _grant(registry: Registry, origin: Origin, wish: _Wish, parent: Prefix | None) -> tuple[str, bool]:
    """The prefix that was asked for or tried last, and whether it was free."""
    shown = ""
    for _ in range(1 if wish.shown else TRIES):  # only a race for the next number comes back
        async with registry.pool.acquire() as connection, connection.transaction():
            await lock_lives(connection)
            await _require_active(connection, wish.enterprise)
            shown = wish.shown or await next_free(connection, registry.node_prefix)
            await require_room(connection, shown, parent)
            made = await reserve(
                connection,
                shown,
                wish.enterprise,
                case_sensitive=wish.sensitive,
                parent=parent,
                state=PrefixState.ACTIVE,
            )
            if made:
                await _require_place(connection, wish.enterprise, registry.enterprise_prefixes)
                action = "grant-prefix" if parent is None else "delegate-prefix"
                await write_audit(connection, [AuditLine(origin, action, shown, 0)])
                return shown, True
    return shown, False


async def _require_place(connection: Any, enterprise: int, most: int) -> None:
    """For the one that was just reserved: with the transaction it goes again."""
    if most and await connection.fetchval(_SQL["has_more_prefixes"], enterprise, most):
        raise PrefixLimit(
            f"The enterprise {enterprise} may have {most} prefixes, and has",
            f"编号 {enterprise} 的企业最多可拥有 {most} 个前缀，现已达上限",
            most=most,
        )


async def _require_active(connection: Any, enterprise: int) -> None:
    state = await connection.fetchval(_SQL["enterprise_state"], enterprise)
    if state is None:
        raise EnterpriseUnknown(f"There is no enterprise {enterprise}", f"不存在编号为 {enterprise} 的企业")
    if state != "active":
        raise EnterpriseState(
            f"The enterprise {enterprise} is {state}", f"编号 {enterprise} 的企业状态为 {state}", state=state
        )


def _parse(body: dict[str, Any], node_prefix: str) -> _Wish:
    problems: list[FieldProblem] = []
    enterprise = read_number(body.get("enterprise_id"), "enterprise_id", problems)
    wanted, sensitive = read_scheme_prefix(body, problems)
    foreign = wanted is not None and is_foreign(fold_case(wanted), node_prefix)
    if wanted is not None and fold_case(wanted) == PREFIX_RECORDS:
        en, zh = "is where the records of prefixes are", "用于存放前缀记录，不能分配"
        problems.append(FieldProblem("prefix", "prefix-reserved", en, zh))
    if "foreign" in body and read_flag(body["foreign"], "foreign", problems) != foreign and not problems:
        en = f"must say whether the prefix lies beside the node's own, {node_prefix}"
        problems.append(
            FieldProblem("foreign", "foreign-wrong", en, f"须与前缀是否在本节点前缀 {node_prefix} 之外一致")
        )
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return _Wish(enterprise, wanted, sensitive)
