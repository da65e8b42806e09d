"""Sends what is due, in order, and records what was answered. That it went out is committed before it does."""

from __future__ import annotations

import logging
import random
import time
from typing import Any

from core.errors import PersonalDataLocked
from sync.access.breaker import Breaker, pause_after
from sync.access.outbox import SQL, Outbox
from sync.access.outcomes import Kind, Next, judge, reference_of
from sync.access.transport import Busy, NotSent, OutcomeUnknown, Stopped, Transport
from sync.epp.replies import Reply

log = logging.getLogger(__name__)
_AT_ONCE = 100
_MOST_TEXT = 500


class Sender:
    """`user`: what the top level calls this node's account (`shrUserId`)."""

    def __init__(
        self, pool: Any, outbox: Outbox, transport: Transport, breaker: Breaker, user: str, poll_seconds: float
    ) -> None:
        self._pool, self._outbox, self._transport = pool, outbox, transport
        self._breaker, self._user, self._poll_seconds = breaker, user, poll_seconds

    async def round(self) -> int:
        """How many were answered; stops at the first that was not. Raises as asyncpg does."""
        answered = 0
        for row in await self._pool.fetch(SQL["due_commands"], _AT_ONCE):
            if not self._breaker.allows(time.monotonic()) or not await self._send(row):
                break
            answered += 1
        return answered

    async def _send(self, row: Any) -> bool:
        try:
            document = self._outbox.document(row)
        except PersonalDataLocked as locked:
            await self._pool.execute(SQL["send_again"], row["id"], row["state"], 60.0, locked.en[:_MOST_TEXT])
            log.error("command %s cannot be opened: %s", row["cl_trid"], locked.en)
            return False
        attempts = await self._pool.fetchval(SQL["before_sending"], row["id"])
        try:
            heard = await self._transport.exchange(document, row["cl_trid"])
        except (NotSent, Stopped) as wrong:
            await self._pool.execute(SQL["not_sent"], row["id"], row["state"], self._pause(attempts), _text(wrong))
            await self._failed(row, wrong)
            return False
        except OutcomeUnknown as wrong:
            await self._pool.execute(SQL["send_again"], row["id"], "sent", self._pause(attempts), _text(wrong))
            await self._failed(row, wrong)
            return False
        self._breaker.succeeded()
        await self._record(row, heard.reply, attempts)
        return True

    async def _record(self, row: Any, reply: Reply, attempts: int) -> None:
        kind = Kind(row["kind"])
        step = judge(kind, reply, sent_before=row["state"] == "sent")
        told = (reply.code, reply.reason[:_MOST_TEXT], reply.sv_trid)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["heard"])
            if step is Next.AGAIN:
                why = f"{reply.code} {reply.reason}"[:_MOST_TEXT]
                await connection.execute(SQL["send_again"], row["id"], "queued", self._pause(attempts), why)
            elif step is Next.CHECK:
                await connection.execute(SQL["wait_for_check"], row["id"], *told)
                values = {"shrUserId": self._user, "entCrtType": "1", "entCrtCode": row["about"]}
                await self._outbox.put(connection, Kind.ENTERPRISE_CHECK, row["about"], values, parent=row["id"])
            else:
                await connection.execute(SQL["answered"], row["id"], step.value, *told, reference_of(reply))
                if step is Next.AWAITING:
                    await connection.execute(SQL["poll_soon"], self._poll_seconds)
            if row["parent"] is not None and step in (Next.DONE, Next.FAILED, Next.REFUSED):
                state = "done" if step is Next.DONE else "failed"
                reason = None if step is Next.DONE else told[1]
                await connection.execute(SQL["decide_command"], row["parent"], state, reason, reference_of(reply))
        if step in (Next.FAILED, Next.REFUSED):
            log.warning("%s %s (%s) is %s: %d %s", kind, row["about"], row["cl_trid"], step, reply.code, reply.reason)

    async def _failed(self, row: Any, wrong: Exception) -> None:
        self._breaker.failed(time.monotonic(), random.random(), wrong.seconds if isinstance(wrong, Busy) else 0.0)  # noqa: S311
        if isinstance(wrong, Stopped):
            await self._pool.execute(SQL["stop_sending"], _text(wrong))
            log.error("the top level will not have us; nothing is sent until `biaojie sync send`: %s", wrong)
            return
        await self._pool.execute(SQL["failed_to_hear"], _text(wrong))
        log.warning("%s (%s) is not answered: %s", row["kind"], row["cl_trid"], wrong)

    @staticmethod
    def _pause(attempts: int) -> float:
        return pause_after(attempts, random.random())  # noqa: S311


def _text(wrong: Exception) -> str:
    return str(wrong)[:_MOST_TEXT]
