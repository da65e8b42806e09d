"""What the Handle doors work with, and who is calling."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from core.handle.administration import Administration, Administrator
from core.handle.codes import Code
from resolver.handle.challenges import Challenges
from resolver.handle.identity import Identity
from resolver.room import Resolver
from resolver.usage.tally import Door

MOST_LOGINS = 16


@dataclass(slots=True)
class HandleRoom:
    """One for each worker. `identity` is replaced when the key is rotated."""

    resolver: Resolver
    identity: Identity
    administration: Administration
    challenges: Challenges
    udp_administration: bool = False
    # Signing takes a thousand times as long as answering: strangers who ask for it wait for each other, not all for them.
    signing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))


@dataclass(slots=True)
class Caller:
    """The other end: a connection, or the sender of a datagram. `logins` are administrators by session id, known on this
    connection alone; `idis`: it has logged in to the identifier system, or tried to."""

    door: Door
    source: str | None
    probe: bool = False
    idis: bool = False
    logins: dict[int, Administrator] = field(default_factory=dict)

    @property
    def over_udp(self) -> bool:
        return self.door is Door.HANDLE_UDP


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says. `body` without the digest; `session` None: that of the request; `op` None: the same."""

    code: int
    body: bytes = b""
    session: int | None = None
    op: int | None = None
    digest: bool = False
    more: bool = False  # CONT: another message of this answer follows


def refusal(code: Code, text: str = "") -> Said:
    octets = text.encode()
    return Said(code, len(octets).to_bytes(4) + octets)
