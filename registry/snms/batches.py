"""Batches at the SNMS door: a verdict for each item, in order; what is wrong with one never costs another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from core.access import Principal
from core.errors import IdentifierWithdrawn, InternalError, Problem
from core.identifier import fold_case
from registry.room import Registry
from registry.snms.items import handle_of, registration
from registry.snms.writing import change, create_again, remove
from registry.store import Origin
from registry.verbs.register import register_batch

log = logging.getLogger(__name__)
MAX_BATCH = 2_000
_AT_ONCE = 4  # connections that one batch may use; others need theirs
Verdict = Problem | None


async def create_many(registry: Registry, principal: Principal, origin: Origin, items: list[Any]) -> list[Verdict]:
    """New ones are registered in one transaction; those that this door deleted before, each in its own.

    Errors for the whole: `StoreUnavailable`.
    """
    verdicts: list[Verdict] = [None] * len(items)
    bodies: dict[int, dict[str, Any]] = {}
    for position, item in enumerate(items):
        try:
            bodies[position] = registration(item)
        except Problem as problem:
            verdicts[position] = problem
    results = await register_batch(registry, principal, origin, list(bodies.values()))
    met: list[int] = []
    for position, result in zip(bodies, results, strict=True):
        if isinstance(result, Problem):
            verdicts[position] = result
        if isinstance(result, IdentifierWithdrawn):
            met.append(position)

    async def again(position: int) -> None:
        withdrawn = verdicts[position]
        assert isinstance(withdrawn, IdentifierWithdrawn)
        await create_again(registry, principal, origin, bodies[position], withdrawn)

    later = await _each(met, [bodies[position]["identifier"] for position in met], again)
    for position, verdict in zip(met, later, strict=True):
        verdicts[position] = verdict
    return verdicts


async def change_many(registry: Registry, principal: Principal, origin: Origin, items: list[Any]) -> list[Verdict]:
    async def one(item: Any) -> None:
        await change(registry, principal, origin, item)

    return await _each(items, [handle_of(item) or "" for item in items], one)


async def remove_many(registry: Registry, principal: Principal, origin: Origin, handles: list[Any]) -> list[Verdict]:
    async def one(handle: Any) -> None:
        await remove(registry, principal, origin, handle if isinstance(handle, str) else "")

    return await _each(handles, [handle_of(handle) or "" for handle in handles], one)


async def _each(items: Sequence[Any], names: Sequence[str], work: Callable[[Any], Awaitable[None]]) -> list[Verdict]:
    """`work` on all, a few at once; those of one name one after the other, as they were sent."""
    verdicts: list[Verdict] = [None] * len(items)
    lines: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        lines.setdefault(fold_case(name), []).append(position)
    waiting = list(reversed(lines.values()))

    async def serve() -> None:
        while waiting:
            for position in waiting.pop():
                verdicts[position] = await _verdict(work(items[position]))

    await asyncio.gather(*(serve() for _ in range(min(_AT_ONCE, len(lines)))))
    return verdicts


async def _verdict(work: Awaitable[None]) -> Verdict:
    try:
        await work
    except Problem as problem:
        return problem
    except Exception:  # one item must not cost the others their verdicts; the log has the trace
        log.exception("an item of a batch failed")
        return InternalError()
    return None
