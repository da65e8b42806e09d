"""A node whose standby data are at a top-level node in a box, orders and offers to it: for the tests of takeover."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from node.operations import keeper_of
from sync.access.transport import NotSent, OutcomeUnknown
from sync.signing.keys import Ed25519Signer
from sync.signing.request import signed_request
from sync.takeover.comparing import Compared
from sync.takeover.doors import PATH
from sync.takeover.keeper import Keeper
from sync.takeover.lines import identifier_line, prefix_line
from sync.takeover.standby import Refused, pages
from sync.toplevel.app import signer_of
from sync.toplevel.takeovers import Wish, hand_back, make_order, send_order
from tests.conftest import Servers
from tests.harness import at, item, text_value
from tests.top_level_box import Peered, peered_here


@dataclass(slots=True)
class Stage:
    peered: Peered
    keeper: Keeper

    @property
    def box(self) -> Any:
        return self.peered.box

    @property
    def account(self) -> Any:
        return self.box.desk.store.one("account_of_client", client="sln-demo")

    @property
    def signer(self) -> Ed25519Signer:
        return signer_of(self.box.desk.store)

    @property
    def url(self) -> str:
        return self.peered.node.anybody.base_url

    def order(self, **more: Any) -> Any:
        return make_order(self.box.desk, self.account, self.signer, Wish(**more))

    async def send(self, order: Any, url: str | None = None) -> str:
        return await send_order(self.box.desk, self.account, self.signer, order["orderId"], url or self.url)

    async def offer(self, order: Any, changes: list[dict[str, Any]] | None = None) -> Any:
        return await hand_back(self.box.desk, self.account, self.signer, order["orderId"], self.url, changes)

    async def hand_back(self, order: Any, changes: list[dict[str, Any]] | None = None) -> Any:
        """The node compares when its keeper ticks; the offer is sent again for the outcome."""
        assert (await self.offer(order, changes))["status"] == 202
        await self.keeper.tick()
        return await self.offer(order)

    async def post(self, path: str, body: bytes, signer: Any = None, **more: Any) -> Any:
        headers = signed_request(
            signer or self.signer, "ntln", more.get("method", "POST"), path, body, request_id=secrets.token_hex(8),
            nonce=secrets.token_urlsafe(18), now=int(time.time()) + more.get("later", 0), media_type="application/json",
        )  # fmt: skip
        return await self.peered.node.anybody.call(
            more.get("method", "POST"),
            path,
            raw=more.get("sent", body) or None,
            headers=headers | more.get("headers", {}),
        )

    async def state(self, order: Any) -> str:
        found = await self.post(f"{PATH}/{order['orderId']}", b"", method="GET")
        assert found.status == 200, found.body
        return str(found.json["state"])


@asynccontextmanager
async def staged(
    database: str, servers: Servers, session: aiohttp.ClientSession, directory: Path
) -> AsyncIterator[Stage]:
    """Three identifiers: A, B with a value that is not public, and one that is withdrawn; all of them are at the box."""
    async with peered_here(database, servers, directory, session) as peered:
        settings = peered.node.settings.model_copy(update={"standby_change_seconds": 0.001})  # at every tick
        keeper = keeper_of(settings, peered.pool)
        assert keeper is not None
        node = peered.node
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/A", "old"))
        private = [text_value(1, "DESC", "seen"), text_value(2, "PRICE", "hidden-price", permissions="1100")]
        await node.owner.post("/api/v1/identifiers", {"identifier": f"{node.prefix}/B", "values": private})
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/gone"))
        await node.owner.post(f"/api/v1/identifiers/{at(node.prefix + '/gone')}/withdraw", {"reason": "x"})
        await keeper.tick()
        yield Stage(peered, keeper)
        await keeper.close()


async def compared(stage: Stage) -> Compared:
    async with (
        stage.peered.pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await stage.keeper._comparison.of(connection)


async def held_here(pool: Any) -> dict[str, bytes]:
    async with pool.acquire() as connection:
        prefixes = {row["prefix"]: prefix_line(row) async for row in pages(connection, "standby_prefixes", "prefix")}
        rows = {row["key"]: identifier_line(row) async for row in pages(connection, "standby_identifiers", "key")}
    return prefixes | rows


def held_there(stage: Stage) -> dict[str, bytes]:
    store, app_id = stage.box.desk.store, stage.account["app_id"]
    keys = [
        row[0] for row in store._database.execute("SELECT key FROM standby_entry UNION SELECT key FROM standby_change")
    ]
    found = {key: store.value("line", app_id=app_id, key=key) for key in keys}
    return {key: bytes(said) for key, said in found.items() if said is not None}


async def older(stage: Stage) -> None:
    """The box is restored from an older copy of itself, which had the whole set and no changes."""
    store, first = stage.box.desk.store, await stage.peered.pool.fetchval("SELECT min(number) FROM standby_change")
    if first is not None:
        for statement in ("drop_changes", "drop_documents"):
            store.run(statement, app_id=stage.account["app_id"], number=2**62)
        store._database.execute("UPDATE standby_stream SET number = ?", (first - 1,))


async def settled(keeper: Keeper) -> None:
    for _ in range(6):
        try:
            await keeper._keep_current()
        except (NotSent, OutcomeUnknown, Refused):
            continue
        return
    raise AssertionError("the top level still lacks something")
