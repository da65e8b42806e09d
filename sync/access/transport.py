"""What carries documents to the top level, whichever way: nothing above knows which. Pure but for the protocol's purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sync.epp.replies import Reply


@dataclass(frozen=True, slots=True)
class Heard:
    """A reply, and its bytes for what could not be read of it."""

    reply: Reply
    document: bytes


class NotSent(Exception):
    """Nothing went out: the same may be sent later as if never tried."""


class OutcomeUnknown(Exception):
    """It may have been done: send the same bytes again."""


class Busy(OutcomeUnknown):
    """The other side asks for patience, `seconds` of it where it says so."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


class Stopped(Exception):
    """The other side will not have us, or our requests are wrong: nothing was done, and somebody has to see to it."""


class Transport(Protocol):
    async def exchange(self, document: bytes, cl_trid: str) -> Heard:
        """Raises `NotSent`, `OutcomeUnknown` (`Busy`), `Stopped`. Has a deadline of its own."""
        ...

    async def close(self) -> None: ...
