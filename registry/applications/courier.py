"""Carry what was decided here to the top level, and its verdicts back: one worker at a time, from rows of `top_level_task`.

A task is written in the transaction that decided it, so a crash loses nothing; it may be told twice, which the interface
allows for. A verdict is applied once: whoever finds the task decided already leaves it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson

from core.access import Hosting, PrefixState
from core.database import store_errors
from core.directory import Directory
from core.errors import StoreUnavailable
from core.sealing import Vault
from core.top_level import (
    EnterpriseFacts,
    Order,
    PrefixFacts,
    RouteFacts,
    TopLevel,
    TopLevelUnavailable,
    Verdict,
    Wish,
)
from registry.applications.states import MOVES, Actor, Move, State
from registry.applications.store import TASKS, lock, make_move, open_image, open_personal
from registry.hosting import site_of
from registry.prefix_life import SQL as PREFIXES
from registry.prefix_life import lock_lives, settle
from registry.store import AuditLine, Keyless, write_audit

log = logging.getLogger(__name__)
LOCK = 0x6269616F746F706C  # "biaotopl"
DEADLINE_SECONDS, MAX_ATTEMPTS = 10.0, 30
_EVERY_SECONDS = 0.5
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 2.0, 3_600.0
_AT_ONCE, _WAITING = 50, 1_000


class Courier:
    """One for each worker; whichever holds the advisory lock does a round."""

    def __init__(self, pool: Any, directory: Directory, vault: Vault, top_level: TopLevel) -> None:
        self._pool, self._directory, self._vault, self._top_level = pool, directory, vault, top_level

    async def run(self) -> None:
        """For ever; a lost database is waited for."""
        while True:
            try:
                await self.round()
            except StoreUnavailable:
                pass  # the feed says so, once for all
            except asyncpg.PostgresError:
                log.exception("the top level could not be served; trying again")
            await asyncio.sleep(_EVERY_SECONDS)

    async def round(self) -> bool:
        """Whether there was something to do, and this worker did it. Raises `StoreUnavailable`."""
        with store_errors():
            if not (await self._pool.fetchval(TASKS["anything_open"]) or await self._top_level.orders()):
                return False
            async with self._pool.acquire() as connection:
                if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
                    return False
                try:
                    await self._serve(connection)
                finally:
                    if not connection.is_closed():
                        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)
        return True

    async def _serve(self, connection: Any) -> None:
        for task in await connection.fetch(TASKS["due_tasks"], _AT_ONCE):
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    await self._tell(connection, task)
            except (TopLevelUnavailable, TimeoutError) as wrong:
                await self._delay(connection, task, str(wrong) or "no answer in time")
            else:
                await self._handed_over(connection, task["id"])
        waiting = [row["id"] for row in await connection.fetch(TASKS["waiting_tasks"], _WAITING)]
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                verdicts = await self._top_level.verdicts(waiting) if waiting else ()
                orders = await self._top_level.orders()
        except (TopLevelUnavailable, TimeoutError) as wrong:
            log.warning("the top level gives no verdicts: %s", str(wrong) or "no answer in time")
            return
        for verdict in verdicts:
            await self.apply(connection, verdict)
        for order in orders:
            await self.obey(connection, order)

    async def _tell(self, connection: Any, task: Any) -> None:
        facts = await connection.fetchrow(TASKS["enterprise_facts"], task["enterprise_id"], task["application_id"])
        if task["kind"] == "enterprise":
            form = orjson.loads(facts["form"] or "{}")
            reference = facts["top_level_reference"]
            enterprise = EnterpriseFacts(facts["id"], facts["name"], facts["credit_code"], reference, form)
            await self._top_level.submit_enterprise(task["id"], enterprise, self._disclosure(task))
            return
        if task["kind"] == "update":
            form = orjson.loads(facts["form"] or "{}")
            enterprise = EnterpriseFacts(
                facts["id"], facts["name"], facts["credit_code"], facts["top_level_reference"], form
            )
            await self._top_level.update_enterprise(
                task["id"], enterprise, frozenset(task["changed"]), self._disclosure(task)
            )
            return
        row = await connection.fetchrow(PREFIXES["one_of_prefixes"], task["prefix"])
        if task["kind"] == "prefix":
            prefix = PrefixFacts(row["shown"], facts["id"], facts["top_level_reference"])
            await self._top_level.submit_prefix(task["id"], prefix)
        else:
            site = orjson.loads(row["site"]) if row["site"] else None
            if site and "service" in site:  # this node says which site that is
                site = None
            await self._top_level.publish_route(task["id"], RouteFacts(row["shown"], row["hosting"], site))

    def _disclosure(self, task: Any) -> _Disclosure:
        return _Disclosure(self._pool, self._vault, task["application_id"])

    async def _delay(self, connection: Any, task: Any, why: str) -> None:
        wait = min(_FIRST_WAIT_SECONDS * 2 ** task["attempts"], _LONGEST_WAIT_SECONDS)
        state = await connection.fetchval(TASKS["task_delayed"], task["id"], why[:500], wait, MAX_ATTEMPTS)
        log.warning("top-level task %d (%s) not handed over, now %s: %s", task["id"], task["kind"], state, why)

    async def _handed_over(self, connection: Any, number: int) -> None:
        async with connection.transaction():
            await lock_lives(connection)
            task = await connection.fetchrow(TASKS["lock_task"], number)
            changed = await self._submitted(connection, task)
        await self._directory.prefixes_changed(changed)

    async def _submitted(self, connection: Any, task: Any) -> list[str]:
        """What being handed over means for the application and its prefix; the prefixes that it changed."""
        if await connection.fetchval(TASKS["task_submitted"], task["id"]) is None or task["application_id"] is None:
            return []
        held = await lock(connection, task["application_id"])
        if held.state is not State.APPROVED:
            return []
        await make_move(connection, held.id, held.state, Move.HAND_OVER, Actor.NODE, None, None)
        await connection.execute(PREFIXES["move_prefix"], held.prefix, PrefixState.SUBMITTED.value)
        return [held.prefix] if held.prefix else []

    async def apply(self, connection: Any, verdict: Verdict) -> None:
        """Once, however often it is heard. Raises as asyncpg does."""
        async with connection.transaction():
            await lock_lives(connection)
            task = await connection.fetchrow(TASKS["lock_task"], verdict.task)
            if task is None or task["state"] not in ("queued", "submitted"):
                return
            if verdict.stuck:
                await connection.execute(TASKS["task_stuck"], verdict.task, verdict.reason)
                return
            changed = await self._submitted(connection, task)  # decided before it was noted as handed over
            state = "accepted" if verdict.accepted else "refused"
            await connection.execute(TASKS["task_decided"], verdict.task, state, verdict.reason)
            about = f"{task['kind']} {task['prefix'] or task['enterprise_id']}"
            await write_audit(connection, [AuditLine(Keyless(), f"top-level-{state}", about, 0)])
            if verdict.accepted and verdict.reference:
                await connection.execute(TASKS["keep_reference"], task["enterprise_id"], verdict.reference)
            if task["kind"] not in ("route", "update"):
                changed += await self._decide(connection, task, verdict)
        await self._directory.prefixes_changed(changed)

    async def obey(self, connection: Any, order: Order) -> None:
        """A prefix suspended, let go or ended by order, and its application with it, once. Raises as asyncpg does."""
        async with connection.transaction():
            await lock_lives(connection)
            if not await self._top_level.order_applied(connection, order.number):
                return
            reason = None if order.wish is Wish.RESUME else order.reason
            if await connection.fetchval(PREFIXES["hold_by_top_level"], order.prefix, reason) is None:
                log.warning("the top level orders %s of %s, which is not here", order.wish, order.prefix)
                return
            if order.wish is Wish.REVOKE:
                await connection.execute(PREFIXES["move_prefix"], order.prefix, PrefixState.REVOKED.value)
            move = Move(order.wish.value)
            for row in await connection.fetch(TASKS["lock_application_of_prefix"], order.prefix):
                if State(row["state"]) in MOVES[move].leads:
                    state, actor = State(row["state"]), Actor.TOP_LEVEL
                    await make_move(connection, row["id"], state, move, actor, None, order.reason)
            changed = await settle(connection, [order.prefix])
            await write_audit(
                connection, [AuditLine(Keyless(), f"top-level-{order.wish}", f"prefix {order.prefix}", 0)]
            )
        await self._directory.prefixes_changed(changed)

    async def _decide(self, connection: Any, task: Any, verdict: Verdict) -> list[str]:
        """The application and its prefix, accepted with the prefix, refused with the first refusal."""
        held = await lock(connection, task["application_id"])
        if held.state is not State.PENDING or (verdict.accepted and task["kind"] == "enterprise"):
            return []
        move, prefix = (Move.ACCEPT, PrefixState.ACTIVE) if verdict.accepted else (Move.REFUSE, PrefixState.REJECTED)
        await make_move(connection, held.id, held.state, move, Actor.TOP_LEVEL, None, verdict.reason)
        if not verdict.accepted:
            await connection.execute(TASKS["refuse_rest"], held.id)
        await connection.execute(PREFIXES["move_prefix"], held.prefix, prefix.value)
        if verdict.accepted and (site := site_of(held.form)):  # where the applicant wants to answer by themselves
            own_node, told = Hosting.OWN_NODE.value, orjson.dumps(site).decode()
            await connection.execute(PREFIXES["host_prefix"], held.prefix, own_node, told)
        if verdict.accepted and held.prefix:  # wherever it is answered, the top level may want to hear it
            await connection.execute(PREFIXES["ask_for_route"], held.prefix, task["enterprise_id"])
        return await settle(connection, [held.prefix]) if held.prefix else []


class _Disclosure:
    """The `PersonalData` of an application: each reading is audited in the transaction that reads."""

    def __init__(self, pool: Any, vault: Vault, application: int) -> None:
        self._pool, self._vault, self._application = pool, vault, application

    async def __call__(self) -> dict[str, str]:
        async with self._audited("") as connection:
            return await open_personal(connection, self._vault, self._application)

    async def image(self, kind: str) -> tuple[str, bytes] | None:
        async with self._audited(f": {kind}") as connection:
            return await open_image(connection, self._vault, self._application, kind)

    @asynccontextmanager
    async def _audited(self, what: str) -> AsyncIterator[Any]:
        async with self._pool.acquire() as connection, connection.transaction():
            about = f"application {self._application} to the top level{what}"
            await write_audit(connection, [AuditLine(Keyless(), "disclose-personal-data", about, 0)])
            yield connection
