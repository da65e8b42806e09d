"""Drains the poll queue: a message is acted upon and committed, then acknowledged.

Acting means that its verdict or its order stands in the tables that the registry follows, in the transaction that keeps the
message; the registry applies either once. So a message is neither lost nor applied twice, wherever a crash falls.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from core.identifier import fold_case
from core.top_level import Wish
from sync.access.messages import Audit, Finding, Last, Meaning, read_audit, reason_of, understand
from sync.access.outbox import SQL, Outbox
from sync.access.transport import Transport
from sync.epp.commands import Command, write_command
from sync.epp.replies import Data, Queued, Reply

log = logging.getLogger(__name__)
MOST_DELIVERIES = 3  # of what cannot be read
_MOST_MESSAGES = 2_000  # in one go: the next comes at once
_DELIVERED, _EMPTY, _DONE, _NOT_FIRST = 1301, 1300, 1000, 2303
_NO_TIME = datetime.fromtimestamp(0, UTC)
_WAITING = ("sent", "awaiting")


class Inbox:
    def __init__(self, pool: Any, outbox: Outbox, transport: Transport) -> None:
        self._pool, self._outbox, self._transport = pool, outbox, transport

    async def drain(self) -> int:
        """How many were acknowledged, until the queue is empty. Raises as `Transport.exchange` and as asyncpg do."""
        for number in range(_MOST_MESSAGES):
            reply, document = await self._ask("req")
            if reply.code == _EMPTY:
                return number
            if reply.code != _DELIVERED or reply.queue is None:
                await self._pool.execute(SQL["failed_to_hear"], f"poll: {reply.code} {reply.reason}"[:500])
                return number
            if (ack := await self._take(reply.queue, reply.data, document)) is None:
                return number
            await self._acknowledge(reply.queue.id, *ack)
        return _MOST_MESSAGES

    async def _ask(self, operation: str, message: str | None = None, cl_trid: str | None = None) -> tuple[Reply, bytes]:
        number = cl_trid or await self._outbox.number(self._pool)
        values = {"op": operation} | ({"msgID": message} if message else {})
        heard = await self._transport.exchange(write_command(Command("poll", "", values, number)), number)
        return heard.reply, heard.document

    async def _acknowledge(self, message: str, row: int, cl_trid: str) -> None:
        reply, _ = await self._ask("ack", message, cl_trid)
        if reply.code not in (_DONE, _NOT_FIRST):  # the latter: acknowledged before, and the answer was lost
            await self._pool.execute(SQL["failed_to_hear"], f"poll ack: {reply.code} {reply.reason}"[:500])
            return
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["acknowledged"], row)
            await connection.execute(SQL["noted_acknowledgement"])

    async def _take(self, queue: Queued, data: Data | None, document: bytes) -> tuple[int, str] | None:
        """Its row and the clTRID to acknowledge it under; None: not yet."""
        at = queue.at or _NO_TIME
        async with self._pool.acquire() as connection, connection.transaction():
            fresh = await self._outbox.number(connection)
            row = await connection.fetchrow(SQL["take_message"], queue.id, at, fresh)
            cl_trid = row["ack_cl_trid"]
            if row["acked_at"] is not None:
                await connection.execute(SQL["new_acknowledgement"], row["id"], fresh)
                cl_trid = fresh
            if row["made_of"] == "new":
                finding = await self._act(connection, row["id"], read_audit(data, at), queue.text, document)
            else:
                finding = Finding(row["made_of"])
        if finding in (Finding.UNKNOWN, Finding.UNREADABLE):
            log.warning("message %s of the top level is %s; somebody should look at it", queue.id, finding)
        if finding is Finding.UNREADABLE and row["deliveries"] < MOST_DELIVERIES:
            return None
        return row["id"], cl_trid

    async def _act(
        self, connection: Any, message: int, audit: Audit | None, text: str | None, document: bytes
    ) -> Finding:
        if audit is None:
            empty = (None,) * 6
            await connection.execute(SQL["keep_message"], message, *empty, text, Finding.UNREADABLE.value, document)
            return Finding.UNREADABLE
        prefix = fold_case(audit.prefix) if audit.prefix else None
        command = await connection.fetchrow(SQL["command_awaiting"], audit.cl_trid, prefix)
        meaning = await self._understood(connection, audit, prefix, command)
        await connection.execute(
            SQL["keep_message"], message, prefix, audit.cl_trid, audit.sv_trid, audit.reference, audit.state,
            audit.result, audit.text, meaning.finding.value, None,
        )  # fmt: skip
        if meaning.accepted is not None:
            state, reason = ("done", None) if meaning.accepted else ("refused", reason_of(audit))
            await connection.execute(SQL["decide_command"], command["id"], state, reason, audit.reference)
        for wish in meaning.orders:
            await connection.execute(SQL["give_order"], message, prefix, wish.value, reason_of(audit))
        return meaning.finding

    async def _understood(self, connection: Any, audit: Audit, prefix: str | None, command: Any) -> Meaning:
        found = await connection.fetchrow(SQL["last_applied"], prefix, audit.cl_trid)
        last = None
        if found is not None:
            last = Last(found["queued_at"], (found["sv_trid"], found["state"], found["audit_result"]))
        waiting = command is not None and command["state"] in _WAITING
        held: str | None = None
        if prefix is not None and not waiting:
            held = await connection.fetchval(SQL["order_in_force"], prefix)
        return understand(audit, last, waiting=waiting, held=Wish(held).value if held else None)
