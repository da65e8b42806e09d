"""What the Handle doors work with, and who is calling."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from core.errors import Problem
from core.handle.administration import Administration
from core.handle.codes import CODES, Code
from core.handle.session_key import SessionKey
from resolver.handle.challenges import Challenges
from resolver.handle.identity import Identity
from resolver.handle.logins import Logins
from resolver.handle.sessions import Sessions
from resolver.handle.trusting import Trusting
from resolver.room import Resolver
from resolver.usage.tally import Door


@dataclass(slots=True)
class HandleRoom:
    """One for each worker. `identity` is replaced when the key is rotated."""

    resolver: Resolver
    identity: Identity
    administration: Administration
    challenges: Challenges
    sessions: Sessions
    exchange_bits: int  # the least that a key may have by which another is exchanged
    udp_administration: bool = False
    login_seconds: float = 86_400.0
    trusting: Trusting | None = None  # where roots are configured
    # Signing takes a thousand times as long as answering: strangers who ask for it wait for each other, not all for them.
    signing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))


@dataclass(slots=True)
class Caller:
    """The other end: a connection, or the sender of a datagram. `logins` are administrators by session id, known on this
    connection alone, `keys` what their messages may be encrypted with; `idis`: it has logged in to the identifier system, or
    tried to."""

    door: Door
    source: str | None
    probe: bool = False
    idis: bool = False
    logins: Logins = field(default_factory=Logins)
    keys: dict[int, SessionKey] = field(default_factory=dict, repr=False)

    @property
    def lasting(self) -> bool:
        """Whether the next request comes from the same client, as on a connection."""
        return self.door is Door.HANDLE_TCP

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
    trusty: bool = False  # the values are those that were signed


def refusal(code: Code, text: str = "") -> Said:
    octets = text.encode()
    return Said(code, len(octets).to_bytes(4) + octets)


def refusal_of(problem: Problem) -> Said:
    """In both languages: a Handle client says nothing of its own."""
    code = problem.extra.get("responseCode", problem.handle_code)  # of the problem itself where its kind has several
    return refusal(Code(code if code in CODES else Code.ERROR), f"{problem.en} / {problem.zh}")
