"""Challenges that wait for their answer: each is taken once, on whichever worker the answer arrives.

They lie in Redis under the session id of the envelope, for as long as an answer is accepted; without Redis in the memory of
the worker that made them, where an answer on the same connection finds them. What strangers can make this node keep is
bounded in bytes: in all, of one network, and half of it for datagrams, whose address may be anybody's.

In a session a challenge has the session's number, one at a time, and what was asked, which may have come encrypted, is sealed.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from dataclasses import dataclass

from core.arrivals import network_of
from core.errors import PersonalDataLocked
from core.handle.codes import Op
from core.handle.digest import digest_of
from core.handle.message import Message, read_message
from core.sealing import Vault
from core.shared_cache import SharedCache
from resolver.handle.sessions import SESSION_BIT

NONCE_BYTES = 16
READING_BIT = 0x2000_0000  # numbers of challenges to who only reads have it: to answer one is no administration
_MOST_BYTES = 64 * 1024 * 1024
_MOST_BYTES_OF_ONE = 16 * 1024 * 1024
_ENTRY_BYTES = 200
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Challenge:
    """`request` is what was asked; `minor` the version that its digest was told in."""

    session: int
    nonce: bytes
    request: Message
    minor: int

    @property
    def digest(self) -> tuple[int, bytes]:
        return digest_of(self.request.content, self.minor)

    @property
    def data(self) -> bytes:
        """What an answer is over."""
        return self.nonce + self.digest[1]


class Challenges:
    """One for each worker; `seconds` is how long an answer is accepted."""

    def __init__(self, cache: SharedCache, vault: Vault, seconds: int) -> None:
        self._cache = cache
        self._vault = vault
        self._seconds = seconds
        self._held: dict[int, tuple[float, bytes]] = {}
        self._made: deque[tuple[float, int, int, str]] = deque()
        self._made_bytes = 0
        self._made_of: dict[str, int] = {}

    async def make(
        self, request: Message, source: str | None, *, over_udp: bool = False, in_session: int = 0
    ) -> Challenge | None:
        """For a client at the address `source`; None where too many are waiting already. `in_session`: the session's number."""
        now = time.monotonic()
        self._forget(now)
        octets = request.encode()
        size, network = _ENTRY_BYTES + len(octets), network_of(source)
        of_one = self._made_of.get(network, 0)
        most = _MOST_BYTES // 2 if over_udp else _MOST_BYTES
        if self._made_bytes + size > most or of_one + size > _MOST_BYTES_OF_ONE:
            return None
        nonce, minor = secrets.token_bytes(NONCE_BYTES), request.envelope.spoken[1]
        stored = nonce + bytes((minor,)) + octets
        if in_session:
            session = in_session
            await self._cache.take_once(_name(session))  # the one before: its answer comes too late
            if not await self._cache.put_once(_name(session), self._vault.seal(stored, _name(session)), self._seconds):
                return None
        else:
            session = await self._left(stored, now, READING_BIT if request.header.op == Op.RESOLVE else 0)
        self._made.append((now + self._seconds, size, session, network))
        self._made_bytes += size
        self._made_of[network] = self._made_of.get(network, 0) + size
        return Challenge(session, nonce, request, minor)

    async def _left(self, stored: bytes, now: float, bit: int) -> int:
        """Under a number that is nobody's, with this bit, which it says."""
        for _ in range(_TRIES):
            session = _number() | bit
            if await self._cache.put_once(_name(session), stored, self._seconds):
                return session
        # Under a number of its own: what Redis may have taken all the same is nobody's.
        session = _number() | bit
        self._held[session] = (now + self._seconds, stored)
        return session

    async def take(self, session: int) -> Challenge | None:
        """The challenge, which is no more afterwards; None where there is none, or too late."""
        self._forget(time.monotonic())
        held = self._held.pop(session, None)
        stored = held[1] if held else await self._cache.take_once(_name(session))
        if stored is None:
            return None
        if session & SESSION_BIT:
            try:
                stored = self._vault.open(stored, _name(session))
            except PersonalDataLocked:
                return None
        request = read_message(stored[NONCE_BYTES + 1 :])
        return Challenge(session, stored[:NONCE_BYTES], request, stored[NONCE_BYTES])

    def _forget(self, now: float) -> None:
        while self._made and self._made[0][0] <= now:
            _, size, session, network = self._made.popleft()
            self._made_bytes -= size
            self._made_of[network] -= size
            if not self._made_of[network]:
                del self._made_of[network]
            self._held.pop(session, None)


def is_of_reading(session: int) -> bool:
    """Whether a challenge of this number is to who only reads, in no session."""
    return session & (SESSION_BIT | READING_BIT) == READING_BIT


def _number() -> int:
    return secrets.randbelow(READING_BIT - 1) + 1


def _name(session: int) -> str:
    return f"handle-challenge:{session}"
