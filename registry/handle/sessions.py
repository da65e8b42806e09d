"""Sessions of the HTTP interface: a nonce that is answered once, and who answered it."""

from __future__ import annotations

import base64
import math
import secrets
import time
from dataclasses import dataclass

import orjson

from core.errors import HandleSessionUnknown, LoginTooFrequent
from core.handle.administration import Administrator
from core.tickets import Tickets
from registry.handle.login import challenge
from registry.snms.attempts import Attempts

NONCE_BYTES = 16
CHALLENGE_SECONDS = 60
_MAX_ID = 64


@dataclass(frozen=True, slots=True)
class Session:
    """`administrator` None: nobody has answered the nonce yet."""

    nonce: bytes
    administrator: Administrator | None


class Sessions:
    """`seconds` is how long one lasts after it was proved; before that it has `CHALLENGE_SECONDS`."""

    def __init__(self, tickets: Tickets, seconds: int) -> None:
        self._tickets = tickets
        self._seconds = seconds
        self._begun = Attempts()

    async def begin(self, who: Administrator | None, source: str | None) -> tuple[str, Session]:
        """(session id, the session). Raises `LoginTooFrequent`: anybody may begin one."""
        wait = self._begun.take("", source or "", time.monotonic())
        if wait > 0:
            raise LoginTooFrequent(headers={"Retry-After": str(math.ceil(wait))})
        named, session = _text(secrets.token_bytes(18)), Session(_nonce(), who)
        await self._keep(named, session)
        if who is None:
            await self._tickets.put(f"nonce:{named}", session.nonce, CHALLENGE_SECONDS)
        return named, session

    async def find(self, named: str) -> Session:
        """Raises `HandleSessionUnknown`."""
        stored = await self._tickets.get(named) if 0 < len(named) <= _MAX_ID else None
        if stored is None:
            raise HandleSessionUnknown(headers=challenge())
        nonce, who = orjson.loads(stored)
        return Session(base64.b64decode(nonce), Administrator(*who) if who else None)

    async def take_nonce(self, named: str) -> bytes:
        """What is to be answered, this once. Raises `HandleSessionUnknown`: an answer that comes again finds none."""
        nonce = await self._tickets.take(f"nonce:{named}") if 0 < len(named) <= _MAX_ID else None
        if nonce is None:
            raise HandleSessionUnknown(headers=challenge())
        return nonce

    async def is_now(self, named: str, who: Administrator) -> None:
        """Raises `HandleSessionUnknown`."""
        await self._keep(named, Session((await self.find(named)).nonce, who))

    async def end(self, named: str) -> None:
        await self._tickets.take(named)
        await self._tickets.take(f"nonce:{named}")

    async def _keep(self, named: str, session: Session) -> None:
        who = session.administrator
        told = [_text(session.nonce), [who.handle, who.key, who.index] if who else None]
        await self._tickets.put(named, orjson.dumps(told), self._seconds if who else CHALLENGE_SECONDS)


def _nonce() -> bytes:
    """This node signs it by SHA-256, with what a client has put behind: its first bit is set, as that of no message and no token
    is that it signs so."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return bytes((nonce[0] | 0x80,)) + nonce[1:]


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
