"""Handing back: an offer of the top level, held against what is here, and what it changed brought in. Knows SQL, no HTTP."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from core.identifier import fold_case
from core.record import record_from_row
from sync.operations.canonical import canonical, digest
from sync.operations.envelope import envelope, read_time, time_text
from sync.operations.shapes import Change, Malformed, Offer, read
from sync.operations.signatures import COUNTERSIGNER, ISSUER, DocumentRefused, require_signed, signed
from sync.signing.keys import Signer, Verifier
from sync.takeover.changes import ChangesImpossible, carried_out, reconcile_words
from sync.takeover.comparing import Compared
from sync.takeover.order_book import LOCK, SOURCE, SQL, Said, move, move_on, refused, status_of
from sync.takeover.states import Event, State

log = logging.getLogger(__name__)

# In a snapshot of the connection: what is held now against what the top level answers from.
Compare = Callable[[Any], Awaitable[Compared]]


class HandingBack:
    """`keys`: those of the top level that are pinned here."""

    def __init__(
        self, pool: Any, sln: str, signer: Signer, keys: Mapping[str, Verifier],
        clock: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        self._pool, self._sln, self._signer, self._keys = pool, sln, signer, keys
        self._clock = clock or (lambda: datetime.now(UTC))

    async def hand_back(self, order_id: str, body: bytes) -> Said:
        """An offer. It is answered when `take_back` has compared; until then, and to the same one again, with 202. The same one
        again later gets the same bytes."""
        try:
            plain, offer = read(Offer, body)
            read_time(offer.ended_at)
            require_signed(plain, self._keys, ISSUER)
        except (Malformed, ValueError) as wrong:
            return refused("bad-message", str(wrong))
        except DocumentRefused as wrong:
            return refused("bad-signature", wrong.reason)
        if offer.order_id != order_id or offer.changes_digest != digest(plain["changes"]):
            return refused("bad-message", "orderId or changesDigest")
        now = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK)
            await move_on(connection, now)
            held = await connection.fetchrow(SQL["hold_order"], order_id)
            if held is None:
                return refused("unknown-order")
            if held["handback"] is not None and held["offer_digest"] == digest(plain):
                return Said(200, bytes(held["handback"]))
            if held["state"] not in (State.ACTIVE, State.RETURNING):
                return refused("order-conflict")
            if held["state"] == State.ACTIVE:
                await move(connection, order_id, State.ACTIVE, Event.OFFER, now)
            if held["state"] == State.ACTIVE or held["offer_digest"] != digest(plain):
                await connection.execute(SQL["keep_offer"], order_id, canonical(plain), digest(plain))
            return await status_of(connection, self._sln, order_id, 202)

    async def take_back(self, compare: Compare) -> Compared | None:
        """Compare for the offer that waits, and decide; what was found, None where nothing was decided. It takes its time, so it is
        for the process of the exchange. Raises as asyncpg and `compare` do."""
        waiting = await self._pool.fetchrow(SQL["waiting_offer"])
        if waiting is None:
            return None
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            found = await compare(connection)
        if found.unsure:
            return None  # what is told next decides
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK)
            held = await connection.fetchrow(SQL["hold_order"], waiting["order_id"])
            if held["state"] != State.RETURNING or held["offer_digest"] != waiting["offer_digest"]:
                return None  # another offer came meanwhile
            await self._handed_back(connection, held, found)
        return found

    async def _handed_back(self, connection: Any, held: Any, found: Compared) -> None:
        """Registration goes on, what the top level changed is brought in, and the order is closed; or nothing of all that."""
        plain, offer = read(Offer, bytes(held["offer"]))
        order_id, now = held["order_id"], self._clock()
        different, told = found.different, found.told
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
            "reconcile": reconcile_words(found.compared, different, offer.changes, told),
        }  # fmt: skip
        event = Event.DIFFERENT if different else Event.COUNTERSIGN
        await move(connection, order_id, State.RETURNING, event, now)
        body = canonical(signed(document, self._signer, COUNTERSIGNER))
        await connection.execute(SQL["keep_handback"], order_id, body)


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
    await connection.execute(SQL["audit_changes"], order_id, len(keys), SOURCE, actor)
