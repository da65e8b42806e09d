"""A top-level node in a box in this process, and a node that peers with it: for the tests of peering."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from core.database import open_pool
from core.settings import Settings
from node.peering import peer_of
from node.toplevel_runner import prepare
from sync.access.peer import Peer
from sync.toplevel.app import make_app, open_store
from sync.toplevel.desk import Desk
from sync.toplevel.tcp_door import TcpDoor
from tests.applicant import Application, apply
from tests.conftest import Servers
from tests.harness import Api, Node, free_port, settings_for, take_aboard, until, worker_here


@dataclass(slots=True)
class Box:
    """`desk` is where tests turn dials and read the store."""

    settings: Settings
    desk: Desk
    tcp_port: int
    api: Api
    app: web.Application

    def turn(self, **dials: Any) -> None:
        assert self.desk.turn(dials) == []

    @property
    def calm(self) -> dict[str, int]:
        return dict.fromkeys(
            (
                "reject",
                "vanish",
                "lose_answer",
                "duplicate",
                "reorder",
                "bad_signature",
                "http_error",
                "garbage",
                "forget",
            ),
            0,
        )


@asynccontextmanager
async def box_here(directory: Path, session: aiohttp.ClientSession, **more: Any) -> AsyncIterator[Box]:
    """A box on ports of its own; the settings are those of a node that peers with it."""
    port = free_port()
    settings = settings_for("postgresql://nowhere/none", "redis://nowhere", data_dir=directory, toplevel_port=port)
    found = prepare(settings)
    store = open_store(directory / "toplevel")
    desk = Desk(store)
    door = TcpDoor(desk)
    assert desk.turn({"audit_delay_milliseconds": 0}) == []
    app = make_app(desk, directory / "toplevel")
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    tcp_port = await door.open("127.0.0.1", 0)
    peered = {
        "peering_url": found.url, "peering_user": "demo", "peering_server_keys": found.server_key,
        "peering_client_id": "sln-demo", "peering_password": found.password, "peering_poll_seconds": 0.2,
        "peering_idle_poll_seconds": 0.2, "peering_timeout_seconds": 2.0, "data_dir": directory,
    }  # fmt: skip
    update = {**peered, **more}
    if update.get("peering_url") == "tcp":
        update["peering_url"] = f"tcp://127.0.0.1:{tcp_port}"
    try:
        yield Box(settings.model_copy(update=update), desk, tcp_port, Api(f"http://127.0.0.1:{port}", session), app)
    finally:
        await door.close()
        await runner.cleanup()
        store.close()


@dataclass(slots=True)
class Peered:
    node: Node
    box: Box
    peer: Peer
    pool: Any

    async def applied(self, **more: Any) -> Application:
        """An application with all that the top level asks for, approved here."""
        application = await apply(self.node, **more)
        assert (await application.image("legal-person-id-front")).status == 200
        await application.must("review", "approve")
        return application

    async def until_state(self, application: Application, state: str, seconds: float = 20) -> None:
        async def reached() -> bool:
            await self.peer.tick()
            return await application.state() == state

        await until(reached, seconds)


@asynccontextmanager
async def peered_here(
    database: str, servers: Servers, directory: Path, session: aiohttp.ClientSession, **more: Any
) -> AsyncIterator[Peered]:
    """A worker, a box, and the exchange between them, which the test makes tick."""
    async with box_here(directory, session, **more) as box:
        settings = settings_for(
            database, servers.redis_url,
            **{name: getattr(box.settings, name) for name in Settings.model_fields if name.startswith("peering_")},
            data_dir=directory,
        )  # fmt: skip
        pool = await open_pool(database, connections=4, timeout_seconds=5)
        async with worker_here(settings) as base_url:
            node = await take_aboard(settings, Api(base_url, session))
            peer = peer_of(settings, pool)
            yield Peered(node, box, peer, pool)
            await peer.close()
        await asyncio.wait_for(pool.close(), 5)
