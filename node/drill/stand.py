"""What a drill stands on: a database of its own, a whole worker, the exchange with a box, and the box, all in this process."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
from pydantic import SecretStr

from core.database import open_pool
from core.migrate import migrate
from core.settings import Settings
from node import toplevel_runner
from node.console import Refused
from node.keys import make_operator_key
from node.operations import keeper_of, monitor_of
from node.peering import peer_of
from node.worker import serving
from sync.access.peer import Peer
from sync.monitoring.monitor import Monitor
from sync.takeover.keeper import Keeper
from sync.toplevel.desk import Desk

_CALM = ("reject", "vanish", "lose_answer", "duplicate", "reorder", "bad_signature", "http_error", "garbage", "forget")
_DEADLINE = aiohttp.ClientTimeout(total=20)


@dataclass(slots=True)
class Clock:
    """Of statistics: hours pass as data. It begins more than a day ago, so that a day can pass."""

    passed: timedelta = field(default_factory=lambda: timedelta(hours=-26))

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.passed


@dataclass(slots=True)
class Stand:
    settings: Settings
    desk: Desk
    pool: Any
    peer: Peer
    monitor: Monitor
    keeper: Keeper
    clock: Clock
    session: aiohttp.ClientSession
    operator_key: str

    @property
    def account(self) -> Any:
        """Of this node, at the box."""
        return self.desk.store.one("account_of_client", client=toplevel_runner.CLIENT)

    def turn(self, **dials: Any) -> None:
        """These faults and no others."""
        if problems := self.desk.turn({**dict.fromkeys(_CALM, 0), "slow_milliseconds": 0, **dials}):
            raise ValueError(problems)

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, raw: bytes | None = None
    ) -> tuple[int, Any]:
        """(status, JSON) of a call to the node; `raw` is sent as it is."""
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        data = raw if raw is not None else orjson.dumps(body) if body is not None else None
        url = f"http://127.0.0.1:{self.settings.http_port}{path}"
        async with self.session.request(method, url, data=data, headers=headers, allow_redirects=False) as answer:
            content = await answer.read()
            return answer.status, orjson.loads(content) if "json" in answer.content_type and content else None

    async def exchange(self) -> None:
        """One turn of the exchange, as if every pause were over."""
        await self.pool.execute("UPDATE peering_command SET due_at = now() WHERE state IN ('queued', 'sent')")
        await self.pool.execute(
            "UPDATE peering_state SET stopped = NULL, poll_due_at = now(), changed_at = clock_timestamp()"
        )
        await self.peer.tick()

    async def tell(self) -> None:
        """One turn of monitoring, as if every pause were over."""
        await self.pool.execute("UPDATE monitoring_state SET changed_at = clock_timestamp()")
        await self.monitor.tick()


@asynccontextmanager
async def stand_on(settings: Settings, directory: Path) -> AsyncIterator[Stand]:
    """`settings` name a migrated database of the drill's own and a Redis; `directory` is empty and its own too."""
    chosen = settings.model_copy(
        update={
            "data_dir": directory, "http_host": "127.0.0.1", "http_port": free_port(), "handle_port": free_port(),
            "https_port": 0, "base_url": "", "handle_address": "127.0.0.1", "toplevel_host": "127.0.0.1",
            "toplevel_port": 0, "toplevel_tcp_port": 0, "peering_url": "", "peering_operations_url": "",
            "heartbeat_seconds": 3_600.0, "personal_data_key": SecretStr("ZHJpbGwgb25seSwgbmV2ZXIgYSBzZWNyZXQgb25lISE="),
        }
    )  # fmt: skip
    box = toplevel_runner.prepare(chosen)
    peered = chosen.model_copy(
        update={
            "peering_url": box.url, "peering_user": toplevel_runner.USER, "peering_server_keys": box.server_key,
            "peering_client_id": toplevel_runner.CLIENT, "peering_password": SecretStr(box.password),
            "peering_poll_seconds": 0.2, "peering_idle_poll_seconds": 0.2, "peering_timeout_seconds": 5.0,
            "toplevel_port": box.port, "standby_change_seconds": 0.001,
        }
    )  # fmt: skip
    url, clock = peered.database_url.get_secret_value(), Clock()
    async with contextlib.AsyncExitStack() as stack:
        desk, _ = await stack.enter_async_context(toplevel_runner.serving(peered))
        desk.turn({"audit": "hold", "audit_delay_milliseconds": 0})
        pool = await open_pool(url, connections=5, timeout_seconds=5)
        stack.push_async_callback(_close_pool, pool)
        operator_key = await make_operator_key(url, "drill")
        await stack.enter_async_context(serving(peered, 0, stop_seconds=1))
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=_DEADLINE))
        peer, monitor, keeper = peer_of(peered, pool), monitor_of(peered, pool, clock), keeper_of(peered, pool)
        stack.push_async_callback(peer.close)
        if monitor is None or keeper is None:
            raise Refused("the box takes signed HTTP", "仿真顶级节点应接受签名 HTTP")
        stack.push_async_callback(monitor.close)
        stack.push_async_callback(keeper.close)
        yield Stand(peered, desk, pool, peer, monitor, keeper, clock, session, operator_key)


@asynccontextmanager
async def own_database(url: str) -> AsyncIterator[str]:
    """A migrated, empty database on the same server, gone afterwards. Raises `Refused`."""
    name = f"biaojie_drill_{secrets.token_hex(6)}"
    own = _of_database(url, name)
    admin = await asyncpg.connect(url)
    try:
        try:
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        except asyncpg.InsufficientPrivilegeError:
            raise Refused(
                "the account of the database may not create another: a drill needs one of its own",
                "数据库账户无权新建数据库：演练需要独立的数据库",
            ) from None
        try:
            await migrate(own)
            yield own
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


def _of_database(url: str, name: str) -> str:
    """The same server's URL with another database. (`urlunsplit` would lose the empty host of a socket's URL.)"""
    address, _, query = url.partition("?")
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/{name}{f'?{query}' if query else ''}"


async def until(what: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Whether it became so in time."""
    end = time.monotonic() + seconds
    while not await what():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.02)
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _close_pool(pool: Any) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(pool.close(), 5)
