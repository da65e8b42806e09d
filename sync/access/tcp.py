"""EPP over TCP (RFC 5734): one connection, opened when there is something to say and kept; TLS but on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime

from sync.access.address import TopLevelAddress
from sync.access.tls import SILENT, trouble
from sync.access.transport import Heard, NotSent, OutcomeUnknown, Stopped
from sync.epp.replies import Reply
from sync.epp.session import Session, SessionBroken, State

_CONNECT_SECONDS = 5.0
_PIECE = 64 * 1024
_LOGGED_IN = frozenset((1000, 2002))


class Tcp:
    """Commands go one at a time; a connection that breaks is opened anew for the next."""

    def __init__(
        self, address: TopLevelAddress, client: str, password: str, *, timeout_seconds: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self._address, self._client, self._password = address, client, password
        self._timeout_seconds, self._tls = timeout_seconds, tls if address.encrypted else None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._session = Session()

    async def exchange(self, document: bytes, cl_trid: str) -> Heard:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._opened()
        except (OSError, TimeoutError, SessionBroken, ssl.SSLError) as wrong:
            await self.close()
            raise NotSent(f"no session: {trouble(wrong)}") from None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                reply, said = await self._asked(self._session.send(document, cl_trid))
        except (OSError, TimeoutError, SessionBroken) as wrong:
            await self.close()
            raise OutcomeUnknown(f"no answer: {trouble(wrong)}") from None
        except asyncio.CancelledError:
            await self.close()
            raise
        if self._session.state is State.CLOSED:
            await self.close()
        return Heard(reply, said)

    async def _opened(self) -> None:
        if self._streams is not None and self._session.state is State.READY and not self._streams[0].at_eof():
            return
        await self.close()
        self._session = Session()
        async with asyncio.timeout(_CONNECT_SECONDS):
            self._streams = await asyncio.open_connection(self._address.host, self._address.port, ssl=self._tls)
        while self._session.state is State.WAITING:
            await self._greeted()
        number = f"login-{datetime.now(UTC):%Y%m%d%H%M%S%f}"
        reply, _ = await self._asked(self._session.login(self._client, self._password, number))
        if reply.code not in _LOGGED_IN:
            await self.close()
            raise Stopped(f"the login is refused: {reply.code} {reply.reason}")

    async def _asked(self, data: bytes) -> tuple[Reply, bytes]:
        assert self._streams is not None  # opened before
        self._streams[1].write(data)
        await self._streams[1].drain()
        while True:
            if replies := await self._heard():
                return replies[0]

    async def _greeted(self) -> None:
        """Some servers close without an alert where a client's certificate does not suit them."""
        try:
            await self._heard()
        except SessionBroken as wrong:
            if self._tls is None:
                raise
            raise SessionBroken(f"{wrong} before its greeting; {SILENT}") from None

    async def _heard(self) -> list[tuple[Reply, bytes]]:
        assert self._streams is not None  # opened before
        piece = await self._streams[0].read(_PIECE)
        if not piece:
            raise SessionBroken("the connection was closed")
        return self._session.received(piece)

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(1):
                    await streams[1].wait_closed()
