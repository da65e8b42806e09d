"""The doors of HTTP over TLS, by the node itself: for Handle clients, whose passwords are taken over TLS only."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from core.settings import Settings
from node.console import Refused
from node.listening import listening_socket

_BACKLOG = 1_024
_HANDSHAKE_SECONDS = 10.0


def tls_context(settings: Settings) -> ssl.SSLContext:
    """TLS 1.2 and later with the configured certificate. A certificate of the client is asked for where some are accepted,
    and never insisted on. Raises `Refused`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key or None)
        if settings.tls_client_authorities:
            context.load_verify_locations(settings.tls_client_authorities)
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # one that is named itself is enough
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as wrong:
        raise Refused(
            f"BIAOJIE_HTTPS_PORT needs BIAOJIE_TLS_CERTIFICATE and BIAOJIE_TLS_KEY, PEM files that can be read: {wrong}",
            f"BIAOJIE_HTTPS_PORT 需要可读取的 PEM 文件 BIAOJIE_TLS_CERTIFICATE 与 BIAOJIE_TLS_KEY：{wrong}",
        ) from None
    return context


@asynccontextmanager
async def https_doors(settings: Settings, connection: Callable[[], asyncio.BaseProtocol]) -> AsyncIterator[None]:
    """While this lasts; nothing where there is no port. Raises `Refused`, OSError."""
    if not settings.https_port:
        yield
        return
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        connection,
        sock=listening_socket(settings.http_host, settings.https_port),
        ssl=tls_context(settings),
        ssl_handshake_timeout=_HANDSHAKE_SECONDS,
        backlog=_BACKLOG,
    )
    try:
        yield
    finally:
        server.close()
