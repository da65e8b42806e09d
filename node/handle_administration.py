"""Administration by Handle clients, joined: the registry's verbs behind it, sessions in Redis, the doors of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from core.settings import Settings
from core.tickets import Tickets
from registry.handle.administration import HandleAdministration
from registry.handle.doors import HANDLE, HandleDoor, administrator_of
from registry.handle.http_login import HttpLogin
from registry.handle.sessions import Sessions
from registry.hosting import one_server_site, parse_site
from registry.room import Registry
from resolver.administered import ADMINISTRATORS, Administrators
from resolver.handle.room import HandleRoom


def handle_administration(
    app: web.Application,
    settings: Settings,
    registry: Registry,
    node_id: str,
    room: Callable[[], HandleRoom | None],
) -> Tickets:
    """The doors' parts, put into the application; what is to be closed with it. `room` gives what the Handle protocol is served
    from, None where it is not."""
    tickets = Tickets(
        settings.redis_url.get_secret_value(), node_id, "handle-session", timeout_seconds=settings.redis_timeout_seconds
    )
    administration = HandleAdministration(registry)
    login = HttpLogin(administration.login, Sessions(tickets, settings.handle_session_seconds))

    def site() -> dict[str, Any]:
        return served.identity.site_json if (served := room()) else _of_http(settings)

    async def sign(data: bytes) -> bytes | None:
        if (served := room()) is None:
            return None
        async with served.signing:
            return await asyncio.to_thread(served.identity.attest, data)

    app[HANDLE] = HandleDoor(registry, administration, login, settings.handle_certificate_header, site, sign)
    app[ADMINISTRATORS] = Administrators(administrator_of, administration)
    return tickets


def _of_http(settings: Settings) -> dict[str, Any]:
    """The site of a node that serves HTTP alone."""
    ports = {"HTTP": settings.http_port} | ({"HTTPS": settings.https_port} if settings.https_port else {})
    return parse_site(one_server_site(settings.handle_public_address, ports), "site", [])
