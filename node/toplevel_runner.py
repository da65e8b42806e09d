"""The process of the top-level node in a box: `python -m node.toplevel_runner`, settings from the environment."""

from __future__ import annotations

import asyncio
import base64
import secrets
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from core.settings import Settings, load_settings
from core.telemetry import start_logging
from node.console import Refused
from node.peering_keys import current_key, generate, read_keys
from sync.toplevel.accounts import Account, open_account
from sync.toplevel.app import make_app, open_store, signer_of
from sync.toplevel.desk import Desk
from sync.toplevel.escrow_doors import AGENT
from sync.toplevel.handle_door import HandleDoor
from sync.toplevel.referral import answer
from sync.toplevel.signed_doors import DESK
from sync.toplevel.tcp_door import TcpDoor

if TYPE_CHECKING:
    from sync.toplevel.sftp_door import SftpDoor

FOLDER = "toplevel"
USER, CLIENT = "demo", "sln-demo"
_PORT, _HANDLE_PORT, _PASSWORD = "port", "handle_port", "password"


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box is, and what a node needs to peer with it. `server_key`: as the setting takes one."""

    url: str
    port: int
    server_key: str
    password: str
    handle_port: int = 0


def prepare(settings: Settings) -> Box:
    """Before it starts: its port chosen, its store made, an account opened for this node and the node's key, made where
    there is none. Raises `Refused`."""
    directory = settings.data_dir.resolve() / FOLDER
    store = open_store(directory)
    try:
        key = (
            current_key(settings.data_dir)
            if read_keys(settings.data_dir)
            else generate(settings.data_dir, None, settings.peering_algorithm)
        )
        port = settings.toplevel_port or _free_port(settings.toplevel_host, store.fact(_PORT))
        handle_port = settings.toplevel_handle_port or _free_port(settings.toplevel_host, store.fact(_HANDLE_PORT))
        password = store.fact(_PASSWORD) or secrets.token_urlsafe(12)  # EPP takes 16 characters; the store is 0600
        account = Account(
            key.app_id, settings.node_prefix, USER, CLIENT, password, key.keyid, key.algorithm, key.public
        )
        open_account(store, account)
        with store.transaction():
            store.put_fact(_PORT, port)
            store.put_fact(_HANDLE_PORT, handle_port)
            store.put_fact(_PASSWORD, password)
        signer = signer_of(store)
    finally:
        store.close()
    host = f"[{settings.toplevel_host}]" if ":" in settings.toplevel_host else settings.toplevel_host
    return Box(
        f"http://{host}:{port}/epp",
        port,
        f"{signer.keyid}:{base64.b64encode(signer.public).decode()}",
        password,
        handle_port,
    )


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[Desk, int]]:
    """The box on its ports; gives its desk and its port of EPP over TCP. Raises OSError where a port is taken."""
    store = open_store(settings.data_dir.resolve() / FOLDER)
    desk = Desk(store)
    runner = web.AppRunner(make_app(desk, settings.data_dir.resolve() / FOLDER), access_log=None, shutdown_timeout=1)
    door, handles = TcpDoor(desk), HandleDoor(partial(answer, desk))
    files = None
    try:
        await runner.setup()
        port = settings.toplevel_port or store.fact(_PORT) or 0
        await web.TCPSite(runner, settings.toplevel_host, port, reuse_address=True).start()
        await handles.open(settings.toplevel_host, settings.toplevel_handle_port or store.fact(_HANDLE_PORT) or 0)
        if settings.toplevel_sftp_port:
            files = _sftp_door(runner.app, settings)
            await files.open(settings.toplevel_host, settings.toplevel_sftp_port)
        yield desk, await door.open(settings.toplevel_host, settings.toplevel_tcp_port)
    finally:
        if files is not None:
            await files.close()
        await handles.close()
        await door.close()
        await runner.cleanup()
        store.close()


def _sftp_door(app: web.Application, settings: Settings) -> SftpDoor:
    from sync.toplevel.sftp_door import SftpDoor, host_key  # a tenth of a second, of those only who need it

    return SftpDoor(app[DESK].store, app[AGENT], host_key(settings.data_dir.resolve() / FOLDER))


def sftp_host_line(settings: Settings) -> str:
    """The public key of the box's SFTP, as the setting takes it."""
    from sync.escrow.sftp import public_line
    from sync.toplevel.sftp_door import host_key

    return public_line(host_key(settings.data_dir.resolve() / FOLDER), "").strip()


async def work(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with serving(settings):
            await stop.wait()
    except OSError as wrong:
        raise Refused(
            f"The top-level node in a box cannot listen: {wrong}", f"仿真顶级节点无法监听端口：{wrong}"
        ) from None


def _free_port(host: str, kept: int | None) -> int:
    """The one of the last time while nobody has it, else any."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, kept or 0))
        except OSError:
            return _free_port(host, None) if kept else 0
        return int(probe.getsockname()[1])


def handle_port_of(settings: Settings) -> int | None:
    """Where the box on this data directory refers resolvers, None where there is none."""
    folder = settings.data_dir.resolve() / FOLDER
    if not folder.is_dir():
        return None
    store = open_store(folder)
    try:
        found = settings.toplevel_handle_port or store.fact(_HANDLE_PORT)
        return int(found) if found else None
    finally:
        store.close()


def main() -> int:
    settings = load_settings()
    start_logging(settings.log_level, "toplevel")
    asyncio.run(work(settings))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
