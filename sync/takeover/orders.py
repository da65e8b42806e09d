"""Orders of the top level: verified, countersigned, obeyed. Knows SQL, no HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from sync.operations.canonical import canonical, digest
from sync.operations.envelope import envelope, read_time
from sync.operations.shapes import Malformed, Order, read
from sync.operations.signatures import COUNTERSIGNER, ISSUER, DocumentRefused, require_signed, signed
from sync.signing.keys import Signer, Verifier
from sync.takeover.order_book import LOCK, SOURCE, SQL, Said, move, move_on, refused, status_of
from sync.takeover.states import Event, State, after


class Orders:
    """`keys`: those of the top level that are pinned here. `automatic`: countersigned at once, else by an operator."""

    def __init__(
        self, pool: Any, sln: str, signer: Signer, keys: Mapping[str, Verifier], *, automatic: bool,
        clock: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        self._pool, self._sln, self._signer, self._keys = pool, sln, signer, keys
        self._automatic = automatic
        self._clock = clock or (lambda: datetime.now(UTC))

    async def receive(self, body: bytes) -> Said:
        """An order; the same one again is answered with the same bytes."""
        try:
            plain, order = read(Order, body)
            effective_at, expires_at = read_time(order.effective_at), read_time(order.expires_at)
            if not effective_at < expires_at:
                raise ValueError("effectiveAt is not before expiresAt")
        except (Malformed, ValueError) as wrong:
            return refused("bad-message", str(wrong))
        content, now = canonical(plain), self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK)
            held = await connection.fetchrow(SQL["hold_order"], order.order_id)
            if held is not None:
                return await self._again(connection, held, digest(plain), now)
            await move_on(connection, now)
            if await connection.fetchrow(SQL["open_order"]) is not None:
                return refused("order-conflict", "另一命令尚未结束")
            values = (order.order_id, digest(plain), content, State.ORDERED.value, now, effective_at, expires_at)
            await connection.execute(SQL["write_order"], *values)
            await connection.execute(SQL["note_event"], order.order_id, State.ORDERED.value, now)
            why = self._refusal(plain, order, expires_at, now)
            if why is not None:
                return await self._answer(connection, plain, order.order_id, "refuse", why, now)
            # At its time, whether anybody countersigns until then or not, and whoever runs then.
            await connection.execute(SQL["freeze"], order.order_id, effective_at)
            if self._automatic:
                return await self._answer(connection, plain, order.order_id, "accept", None, now)
            return await status_of(connection, self._sln, order.order_id, 202)

    async def accept(self, order_id: str) -> Said:
        """By an operator; the top level is told when it asks again."""
        now = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK)
            await move_on(connection, now)
            held = await connection.fetchrow(SQL["hold_order"], order_id)
            if held is None:
                return refused("unknown-order")
            if held["acceptance"] is not None:
                return Said(200, bytes(held["acceptance"]))
            if held["state"] != State.ORDERED:
                return refused("order-conflict")
            return await self._answer(connection, orjson.loads(held["content"]), order_id, "accept", None, now)

    async def take_notice(self, order: Any) -> bool:
        """Of an order that took effect while we were not to be reached: it comes with a heartbeat's answer. Whether it was
        new and holds."""
        try:
            plain, read_order = read(Order, canonical(order))
            effective_at, expires_at = read_time(read_order.effective_at), read_time(read_order.expires_at)
        except (Malformed, ValueError):
            return False
        now = self._clock()
        if self._refusal(plain, read_order, expires_at, now) is not None or now < effective_at:
            return False
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK)
            if await connection.fetchrow(SQL["order"], read_order.order_id) is not None:
                return False
            if await connection.fetchrow(SQL["open_order"]) is not None:
                return False
            state, number = after(None, Event.UNHEARD), read_order.order_id
            values = (number, digest(plain), canonical(plain), state.value, now, effective_at, expires_at)
            await connection.execute(SQL["write_order"], *values)
            await connection.execute(SQL["note_event"], number, state.value, now)
            await connection.execute(SQL["write_audit"], number, state.value, SOURCE)
            await connection.execute(SQL["freeze"], number, now)
        return True

    async def notices(self, said: list[Any]) -> None:
        """What comes with the answer to a heartbeat; anything else is passed over."""
        for one in said:
            if isinstance(one, dict) and one.get("kind") == "takeover-order":
                await self.take_notice(one.get("order"))
            elif isinstance(one, dict) and one.get("kind") == "takeover-expired":
                await self.expiry_confirmed(str(one.get("orderId")))

    async def status(self, order_id: str) -> Said:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK)
            await move_on(connection, self._clock())
            return await status_of(connection, self._sln, order_id, 200)

    async def move_on(self) -> str | None:
        """What time brings about; the state of the order that is open, None where none is."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK)
            return await move_on(connection, self._clock())

    async def expiry_confirmed(self, order_id: str) -> bool:
        """The top level says that the order has run out and that it answers no more."""
        now = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK)
            held = await connection.fetchrow(SQL["hold_order"], order_id)
            if held is None or held["state"] != State.ACTIVE or now < held["expires_at"]:
                return False
            await move(connection, order_id, State.ACTIVE, Event.EXPIRY_CONFIRMED, now)
            await connection.execute(SQL["unfreeze"], order_id)
        return True

    def _refusal(self, plain: dict[str, Any], order: Order, expires_at: datetime, now: datetime) -> str | None:
        try:
            require_signed(plain, self._keys, ISSUER)
        except DocumentRefused as wrong:
            return f"命令签名不被信任 ({wrong.reason})"
        own = self._sln.lower()
        if order.sln.lower() != own or not all(_below(prefix.lower(), own) for prefix in order.prefixes):
            return "前缀不属于本节点 (foreign-prefix)"
        return "命令已过期 (expired)" if expires_at <= now else None

    async def _again(self, connection: Any, held: Any, said: str, now: datetime) -> Said:
        if held["digest"] != said:
            return refused("order-conflict")
        if held["acceptance"] is not None:
            return Said(200, bytes(held["acceptance"]))
        await move_on(connection, now)
        return await status_of(connection, self._sln, held["order_id"], 202)

    async def _answer(
        self, connection: Any, order: dict[str, Any], order_id: str, decision: str, why: str | None, now: datetime
    ) -> Said:
        """Countersign, and keep the bytes."""
        document = {
            **envelope("takeover-acceptance", self._sln, secrets.token_hex(16), now),
            "orderId": order_id, "order": order, "decision": decision,
        }  # fmt: skip
        if why is not None:
            document["refusalText"] = why
        else:
            last = await connection.fetchrow(SQL["last_numbers"])
            document |= {
                "registrationFrozenAt": order["effectiveAt"], "lastStatisticsSeq": last["statistics"],
                "lastOutboxId": last["outbox"],
            }  # fmt: skip
        body = canonical(signed(document, self._signer, COUNTERSIGNER))
        await move(connection, order_id, State.ORDERED, Event.REFUSE if why is not None else Event.COUNTERSIGN, now)
        await connection.execute(SQL["keep_acceptance"], order_id, body)
        return Said(200, body)


def _below(prefix: str, own: str) -> bool:
    return prefix == own or prefix.startswith(own + ".")
