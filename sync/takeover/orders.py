"""Orders of the top level: verified, countersigned, obeyed, handed back. Knows SQL, no HTTP."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from core.identifier import fold_case
from core.record import record_from_row
from core.sqlfiles import load_sql
from sync.operations.canonical import canonical, digest
from sync.operations.envelope import envelope, error, read_time, time_text
from sync.operations.shapes import FORMAT, Change, Malformed, Offer, Order, read
from sync.operations.signatures import COUNTERSIGNER, ISSUER, DocumentRefused, require_signed, signed
from sync.signing.keys import Signer, Verifier
from sync.takeover.changes import ChangesImpossible, carried_out, reconcile_words
from sync.takeover.states import Event, State, after, due

log = logging.getLogger(__name__)
SQL = load_sql("sync", "takeover.sql")
_SOURCE = "top level"
_LOCK = "SELECT pg_advisory_xact_lock(7091325401)"  # orders are rare, and one at a time


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: HTTP status, and the bytes of a JSON document."""

    status: int
    body: bytes


# How many pieces of the standby data were compared with what is held now, and how many differ.
Compare = Callable[[Any], Awaitable[tuple[int, int]]]


class Orders:
    """`keys`: those of the top level that are pinned here. `automatic`: countersigned at once, else by an operator."""

    def __init__(
        self, pool: Any, sln: str, signer: Signer, keys: Mapping[str, Verifier], *, automatic: bool, compare: Compare,
        clock: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        self._pool, self._sln, self._signer, self._keys = pool, sln, signer, keys
        self._automatic, self._compare = automatic, compare
        self._clock = clock or (lambda: datetime.now(UTC))

    async def receive(self, body: bytes) -> Said:
        """An order; the same one again is answered with the same bytes."""
        try:
            plain, order = read(Order, body)
            effective_at, expires_at = read_time(order.effective_at), read_time(order.expires_at)
            if not effective_at < expires_at:
                raise ValueError("effectiveAt is not before expiresAt")
        except (Malformed, ValueError) as wrong:
            return _error("bad-message", str(wrong))
        content, now = canonical(plain), self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK)
            held = await connection.fetchrow(SQL["hold_order"], order.order_id)
            if held is not None:
                return await self._again(connection, held, digest(plain), now)
            await self._move_on(connection, now)
            if await connection.fetchrow(SQL["open_order"]) is not None:
                return _error("order-conflict", "另一命令尚未结束")
            values = (order.order_id, digest(plain), content, State.ORDERED.value, now, effective_at, expires_at)
            await connection.execute(SQL["write_order"], *values)
            await connection.execute(SQL["note_event"], order.order_id, State.ORDERED.value, now)
            why = self._refusal(plain, order, expires_at, now)
            if why is not None:
                return await self._answer(connection, plain, order.order_id, "refuse", why, now)
            if self._automatic:
                return await self._answer(connection, plain, order.order_id, "accept", None, now)
            return await self._status(connection, order.order_id, 202)

    async def accept(self, order_id: str) -> Said:
        """By an operator; the top level is told when it asks again."""
        now = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK)
            await self._move_on(connection, now)
            held = await connection.fetchrow(SQL["hold_order"], order_id)
            if held is None:
                return _error("unknown-order")
            if held["acceptance"] is not None:
                return Said(200, bytes(held["acceptance"]))
            if held["state"] != State.ORDERED:
                return _error("order-conflict")
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
            await connection.execute(_LOCK)
            if await connection.fetchrow(SQL["order"], read_order.order_id) is not None:
                return False
            if await connection.fetchrow(SQL["open_order"]) is not None:
                return False
            state, number = after(None, Event.UNHEARD), read_order.order_id
            values = (number, digest(plain), canonical(plain), state.value, now, effective_at, expires_at)
            await connection.execute(SQL["write_order"], *values)
            await connection.execute(SQL["note_event"], number, state.value, now)
            await connection.execute(SQL["write_audit"], number, state.value, _SOURCE)
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
            await connection.execute(_LOCK)
            await self._move_on(connection, self._clock())
            return await self._status(connection, order_id, 200)

    async def hand_back(self, order_id: str, body: bytes) -> Said:
        """An offer. It is answered when `take_back` has compared; until then, and to the same one again, with 202. The same one
        again later gets the same bytes."""
        try:
            plain, offer = read(Offer, body)
            read_time(offer.ended_at)
            require_signed(plain, self._keys, ISSUER)
        except (Malformed, ValueError) as wrong:
            return _error("bad-message", str(wrong))
        except DocumentRefused as refused:
            return _error("bad-signature", refused.reason)
        if offer.order_id != order_id or offer.changes_digest != digest(plain["changes"]):
            return _error("bad-message", "orderId or changesDigest")
        now = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK)
            await self._move_on(connection, now)
            held = await connection.fetchrow(SQL["hold_order"], order_id)
            if held is None:
                return _error("unknown-order")
            if held["handback"] is not None and held["offer_digest"] == digest(plain):
                return Said(200, bytes(held["handback"]))
            if held["state"] not in (State.ACTIVE, State.RETURNING):
                return _error("order-conflict")
            if held["state"] == State.ACTIVE:
                await self._move(connection, order_id, State.ACTIVE, Event.OFFER, now)
            if held["state"] == State.ACTIVE or held["offer_digest"] != digest(plain):
                await connection.execute(SQL["keep_offer"], order_id, canonical(plain), digest(plain))
            return await self._status(connection, order_id, 202)

    async def take_back(self) -> bool:
        """Compare for the offer that waits, and decide; whether one was decided. Takes as long as reading all identifiers, so
        it is for the process of the exchange. Raises as asyncpg does."""
        waiting = await self._pool.fetchrow(SQL["waiting_offer"])
        if waiting is None:
            return False
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            compared, different = await self._compare(connection)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK)
            held = await connection.fetchrow(SQL["hold_order"], waiting["order_id"])
            if held["state"] != State.RETURNING or held["offer_digest"] != waiting["offer_digest"]:
                return False  # another offer came meanwhile
            await self._handed_back(connection, held, compared, different)
        return True

    async def move_on(self) -> str | None:
        """What time brings about; the state of the order that is open, None where none is."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK)
            return await self._move_on(connection, self._clock())

    async def expiry_confirmed(self, order_id: str) -> bool:
        """The top level says that the order has run out and that it answers no more."""
        now = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK)
            held = await connection.fetchrow(SQL["hold_order"], order_id)
            if held is None or held["state"] != State.ACTIVE or now < held["expires_at"]:
                return False
            await self._move(connection, order_id, State.ACTIVE, Event.EXPIRY_CONFIRMED, now)
            await connection.execute(SQL["unfreeze"], order_id)
        return True

    def _refusal(self, plain: dict[str, Any], order: Order, expires_at: datetime, now: datetime) -> str | None:
        try:
            require_signed(plain, self._keys, ISSUER)
        except DocumentRefused as refused:
            return f"命令签名不被信任 ({refused.reason})"
        own = self._sln.lower()
        if order.sln.lower() != own or not all(_below(prefix.lower(), own) for prefix in order.prefixes):
            return "前缀不属于本节点 (foreign-prefix)"
        return "命令已过期 (expired)" if expires_at <= now else None

    async def _again(self, connection: Any, held: Any, said: str, now: datetime) -> Said:
        if held["digest"] != said:
            return _error("order-conflict")
        if held["acceptance"] is not None:
            return Said(200, bytes(held["acceptance"]))
        await self._move_on(connection, now)
        return await self._status(connection, held["order_id"], 202)

    async def _answer(
        self, connection: Any, order: dict[str, Any], order_id: str, decision: str, why: str | None, now: datetime
    ) -> Said:
        """Countersign, and keep the bytes. Registration freezes when the order takes effect, whoever runs then."""
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
            await connection.execute(SQL["freeze"], order_id, read_time(order["effectiveAt"]))
        body = canonical(signed(document, self._signer, COUNTERSIGNER))
        await self._move(
            connection, order_id, State.ORDERED, Event.REFUSE if why is not None else Event.COUNTERSIGN, now
        )
        await connection.execute(SQL["keep_acceptance"], order_id, body)
        return Said(200, body)

    async def _handed_back(self, connection: Any, held: Any, compared: int, different: int) -> None:
        """Registration goes on, what the top level changed is brought in, and the order is closed; or nothing of all that."""
        plain, offer = read(Offer, bytes(held["offer"]))
        order_id, now, told = held["order_id"], self._clock(), []
        if not different:
            try:
                async with connection.transaction():
                    await connection.execute(SQL["unfreeze"], order_id)
                    await bring_in(connection, offer.changes, self._sln, order_id, now)
            except ChangesImpossible as impossible:
                different, told = impossible.count, impossible.told
                log.warning("changes of the top level cannot be brought in: %s", impossible)
        document = {
            **envelope("handback-acceptance", self._sln, secrets.token_hex(16), now),
            "orderId": order_id, "offer": plain, "decision": "refuse" if different else "accept",
            "resumedAt": time_text(max(now, read_time(offer.ended_at))),
            "reconcile": reconcile_words(compared, different, offer.changes, told),
        }  # fmt: skip
        event = Event.DIFFERENT if different else Event.COUNTERSIGN
        await self._move(connection, order_id, State.RETURNING, event, now)
        body = canonical(signed(document, self._signer, COUNTERSIGNER))
        await connection.execute(SQL["keep_handback"], order_id, body)

    async def _move_on(self, connection: Any, now: datetime) -> str | None:
        row = await connection.fetchrow(SQL["open_order"])
        if row is None:
            return None
        state = State(row["state"])
        event = due(state, row["effective_at"], row["expires_at"], now)
        if event is None:
            return state
        state = await self._move(connection, row["order_id"], state, event, now)
        if state is State.ACTIVE:
            await connection.execute(SQL["freeze"], row["order_id"], row["effective_at"])
            return state
        await connection.execute(SQL["unfreeze"], row["order_id"])
        return None

    async def _move(self, connection: Any, order_id: str, state: State, event: Event, now: datetime) -> State:
        reached = after(state, event)
        await connection.execute(SQL["move_order"], order_id, reached.value, now)
        await connection.execute(SQL["note_event"], order_id, reached.value, now)
        await connection.execute(SQL["write_audit"], order_id, reached.value, _SOURCE)
        return reached

    async def _status(self, connection: Any, order_id: str, status: int) -> Said:
        held = await connection.fetchrow(SQL["order"], order_id)
        if held is None:
            return _error("unknown-order")
        history = [
            {"state": row["state"], "at": time_text(row["at"])}
            for row in await connection.fetch(SQL["events"], order_id)
        ]
        said = {
            "format": FORMAT, "kind": "takeover-status", "orderId": order_id, "sln": self._sln, "state": held["state"],
            "since": time_text(held["since"]), "history": history,
        }  # fmt: skip
        return Said(status, orjson.dumps(said))


async def bring_in(connection: Any, changes: list[Change], sln: str, order_id: str, now: datetime) -> None:
    """In the caller's transaction, with history, change feed and audit. Raises `ChangesImpossible`."""
    if not changes:
        return
    rows = await connection.fetch(SQL["hold_identifiers"], [one.key for one in changes])
    if rows and (actor := rows[0]["actor"]) is None:
        raise ChangesImpossible(["history names who changes something, and this node has no operator yet"])
    held = {row["key"]: record_from_row(row) for row in rows}
    fixed = frozenset(row["key"] for row in rows if row["fixed"])
    changed = carried_out(changes, held, fold_case(sln), fixed, int(now.timestamp()))
    keys = [one.key for one in changed]
    why = f"by the top level during {order_id}"
    await connection.execute(SQL["note_changes"], keys, [one.kind for one in changed], why, actor)
    await connection.execute(
        SQL["put_changes"], keys, [one.status.value for one in changed], [one.packed for one in changed],
        [one.withdrawal for one in changed],
    )  # fmt: skip
    await connection.execute(SQL["index_changes"], keys)
    await connection.execute(SQL["audit_changes"], order_id, len(keys), _SOURCE, actor)


def _below(prefix: str, own: str) -> bool:
    return prefix == own or prefix.startswith(own + ".")


def _error(code: str, title: str = "") -> Said:
    status, said = error(code, title)
    return Said(status, orjson.dumps(said))
