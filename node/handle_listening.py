"""The Handle doors of one worker, opened beside HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from core.addresses import client_address
from core.settings import Settings
from node.console import Refused
from node.handle_key import key_file, own_identity
from node.listening import listening_socket
from resolver.handle.room import HandleRoom
from resolver.handle.tcp import TcpDoor
from resolver.handle.udp import UdpDoor

log = logging.getLogger(__name__)
_BACKLOG = 2_048
_LOOK_SECONDS = 2.0


@asynccontextmanager
async def handle_doors(settings: Settings, room: HandleRoom | None, stop_seconds: float) -> AsyncIterator[None]:
    """TCP and UDP while this lasts; nothing where there is no port. Raises OSError."""
    if room is None or not settings.handle_port:
        yield
        return
    loop = asyncio.get_running_loop()
    tcp = TcpDoor(
        room,
        _plain,
        idle_seconds=settings.handle_idle_seconds,
        most_connections=settings.handle_connections,
        most_of_one=settings.handle_connections_per_address,
    )
    listener = listening_socket(settings.http_host, settings.handle_port)
    server = await loop.create_server(tcp, sock=listener, backlog=_BACKLOG)
    datagrams = listening_socket(settings.http_host, settings.handle_port, datagrams=True)
    udp = UdpDoor(room, datagrams, _plain, amplified_bytes=settings.handle_udp_amplified_kilobytes * 1_024)
    udp.open()
    tasks = [asyncio.create_task(tcp.sweep()), asyncio.create_task(_follow_key(settings, room, tcp, udp))]
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(tcp.close(stop_seconds), udp.close(stop_seconds))


async def _follow_key(settings: Settings, room: HandleRoom, tcp: TcpDoor, udp: UdpDoor) -> None:
    """Take a rotated key into use, for ever."""
    path = key_file(settings)
    seen = _changed_at(path)
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        now = _changed_at(path)
        if now in (seen, 0):
            continue
        seen = now
        with suppress(Refused):
            room.identity = own_identity(settings)
            tcp.lane.forget_forms()
            udp.lane.forget_forms()
            log.info("the Handle key was rotated; the site has the serial number %d", room.identity.serial)


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _plain(peer: str | None) -> str | None:
    return client_address(peer, (), ())
