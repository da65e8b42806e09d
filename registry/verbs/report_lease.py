"""What a line used of its lease: each becomes a registration. Sent twice, the second time changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.access import Prefix, Principal, Scope, require_writer
from core.database import store_errors
from core.errors import BodyInvalid, BodyTooLarge, Conflict, FieldProblem, LeaseEnded, Problem, StoreUnavailable
from core.identifier import fold_case
from core.problems import brief
from core.template import fit_values
from core.values import HandleValue, pack, unpack
from registry.leasing.formula import Formula, stored_formula
from registry.leasing.numbers import end_lease
from registry.leasing.ranges import contains, flat, ranges_from, ranges_of
from registry.leasing.rows import SQL, Lease, lock_lease
from registry.leasing.wishes import MAX_REPORTED, Reported, parse_report, reported_size
from registry.ownership import MOVES_BORNE
from registry.quotas.spending import commit_batch
from registry.room import Registry
from registry.store import AuditLine, NewIdentifier, Origin, PrefixMoved, write_audit
from registry.verbs.open_lease import key_of
from registry.verbs.read_leases import find_lease
from registry.verbs.register import settle


@dataclass(slots=True)
class Report:
    """`counts` by verdict (created, unchanged, conflict, invalid); `problems` name the number or the item."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, named: dict[str, Any], problem: Problem) -> None:
        self.counts["conflict" if isinstance(problem, Conflict) else "invalid"] += 1
        self.problems.append({**named, "reason": brief(problem)})


@dataclass(slots=True)
class _Rows:
    """What a report asks to be written: by number."""

    new: dict[int, NewIdentifier] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)


class _LeaseMoved(Exception):
    """The lease ended between reading and locking it."""


async def report_lease(
    registry: Registry, principal: Principal, origin: Origin, lease_id: int, body: dict[str, Any], now: datetime
) -> tuple[Lease, Report]:
    """`used` (numbers, "from-to", or objects with `number` or `suffix` and `values`), `final`?: registrations, in one
    transaction with what the lease remembers. Every number reported counts as used, also where its values are refused: it
    was printed, and never goes to another.

    Errors: `LeaseUnknown`, `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `PrefixSuspended`, `BodyInvalid` (not a
    report at all), `BodyTooLarge`, `StoreUnavailable`. For an item: those of `register`, `LeaseEnded`, `BodyInvalid`.
    """
    problems: list[FieldProblem] = []
    items = parse_report(body, problems)
    final = body.get("final", False)
    if not isinstance(final, bool):
        problems.append(FieldProblem("final", "not-boolean", "must be true or false", "必须是 true 或 false"))
    if any(not one.path.startswith("used[") for one in problems):
        raise BodyInvalid(errors=tuple(problems))
    if reported_size(items) > MAX_REPORTED:
        raise BodyTooLarge(
            f"More than {MAX_REPORTED} suffixes in one report",
            f"单次最多报告 {MAX_REPORTED} 个后缀",
            limit=MAX_REPORTED,
        )
    for _ in range(MOVES_BORNE):
        lease = await find_lease(registry, principal, lease_id, Scope.REGISTER)
        held = await registry.directory.fresh_prefix(lease.prefix)
        prefix = require_writer(principal, held, lease.prefix_shown, Scope.REGISTER)
        try:
            return await _report(registry, principal, origin, prefix, lease, items, problems, final=final, now=now)
        except PrefixMoved:
            await registry.directory.refresh_prefixes([prefix.key])
        except _LeaseMoved:
            continue
    raise StoreUnavailable("The lease is changing too fast", "该租约变动过于频繁")


async def _report(
    registry: Registry, principal: Principal, origin: Origin, prefix: Prefix, lease: Lease, items: list[Reported],
    problems: list[FieldProblem], *, final: bool, now: datetime,
) -> tuple[Lease, Report]:  # fmt: skip
    report, rows = Report(), _Rows()
    by_item: dict[str, list[FieldProblem]] = {}
    for problem in problems:
        by_item.setdefault(problem.path.partition(".")[0], []).append(problem)
    for item in items:
        _read_item(registry, principal, prefix, lease, item, by_item.pop(item.path, []), report, rows, now)
    for path, some in by_item.items():
        report.refuse({"item": path}, BodyInvalid(errors=tuple(some)))
    first = _claim(lease, rows.used, origin, final=final, registers=bool(rows.new))
    results = await commit_batch(registry, principal, list(rows.new.values()), origin, first)
    for (number, new), result in zip(rows.new.items(), results, strict=True):
        try:
            if isinstance(result, Problem):
                raise result
            report.counts["created" if settle(new, result).created else "unchanged"] += 1
        except Problem as problem:
            report.refuse({"number": number, "identifier": new.identifier}, problem)
    return await find_lease(registry, principal, lease.id, Scope.REGISTER), report


def _read_item(
    registry: Registry, principal: Principal, prefix: Prefix, lease: Lease, item: Reported, wrong: list[FieldProblem],
    report: Report, rows: _Rows, now: datetime,
) -> None:  # fmt: skip
    formula = stored_formula(lease.pattern, lease.day)
    numbers = _numbers(item, formula, lease, prefix)
    values, template_id = unpack(lease.value) if item.values is None else item.values, lease.template_id
    if not wrong:
        values = _fitted(registry, template_id, values, item.path, wrong)
    packed = pack(values)
    ended = lease.ended_at is not None or lease.until + registry.lease_grace <= now
    for number in numbers:
        shown = f"{prefix.shown}/{formula.suffix(number)}"
        named = {"number": number, "identifier": shown}
        if not contains(lease.granted, number):
            report.refuse(named, _not_leased(item.path))
        elif ended and not contains(lease.used, number):
            report.refuse(named, LeaseEnded())
        else:
            rows.used.add(number)
            if wrong:
                report.refuse(named, BodyInvalid(errors=tuple(wrong)))
            else:
                key, whose = key_of(prefix, formula, number), (principal.enterprise_id, None)
                rows.new[number] = NewIdentifier(key, shown, prefix.key, packed, template_id, *whose)
    if not numbers:
        report.refuse({"item": item.path}, _not_leased(item.path))


def _numbers(item: Reported, formula: Formula, lease: Lease, prefix: Prefix) -> list[int]:
    if item.numbers is not None:
        return list(range(item.numbers[0], item.numbers[1] + 1))
    text = item.suffix or ""
    number = formula.number(text if prefix.suffix_case_sensitive else fold_case(text), prefix.suffix_case_sensitive)
    return [] if number is None else [number]


def _fitted(
    registry: Registry, template_id: int | None, values: list[HandleValue], path: str, wrong: list[FieldProblem]
) -> list[HandleValue]:
    """The values as the template has them; what is wrong with them is added."""
    if not values:
        en, zh = "the lease has no values of its own: each suffix brings its", "租约未设默认值，须逐个给出 values"
        wrong.append(FieldProblem(f"{path}.values", "values-missing", en, zh))
        return values
    template = registry.directory.template(template_id)
    return fit_values(template, values, f"{path}.values", wrong) if template is not None else values


def _not_leased(path: str) -> BodyInvalid:
    en, zh = "is not a suffix of this lease", "不是该租约的后缀"
    return BodyInvalid(errors=(FieldProblem(path, "not-in-lease", en, zh),))


def _claim(
    lease: Lease, used: set[int], origin: Origin, *, final: bool, registers: bool
) -> Callable[[Any], Awaitable[None]]:
    """Begins the transaction of a report: what is used is remembered, and with `final` the rest goes back. Registering
    leaves an audit entry of its own (`registers`)."""

    async def claim(connection: Any) -> None:
        held = await lock_lease(connection, lease.id)
        if held.ended != (lease.ended_at is not None):
            raise _LeaseMoved
        all_used = ranges_of((*held.used, *ranges_from(used)))
        await connection.execute(SQL["report_use"], lease.id, flat(all_used))
        if final and not held.ended:
            await end_lease(connection, held, all_used)
            await _note_end(connection, origin, lease)
        elif not registers and all_used != held.used:
            await write_audit(
                connection, [AuditLine(origin, "report-lease", f"{lease.prefix_shown} lease {lease.id}", 0)]
            )

    return claim


async def return_lease(registry: Registry, principal: Principal, origin: Origin, lease_id: int) -> Lease:
    """The lease ends: what was not reported goes back to the sequence. Ended before, nothing changes.

    Errors: `LeaseUnknown`, `PrefixNotYours`, `RoleNotEnough`, `ScopeNotEnough`, `StoreUnavailable`.
    """
    lease = await find_lease(registry, principal, lease_id, Scope.REGISTER)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            held = await lock_lease(connection, lease_id)
            if not held.ended:
                await end_lease(connection, held, held.used)
                await _note_end(connection, origin, lease)
    return await find_lease(registry, principal, lease_id, Scope.REGISTER)


async def _note_end(connection: Any, origin: Origin, lease: Lease) -> None:
    await write_audit(connection, [AuditLine(origin, "end-lease", f"{lease.prefix_shown} lease {lease.id}", 0)])
