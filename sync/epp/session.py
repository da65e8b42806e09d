"""A session over TCP, from either end, as a state machine without I/O: greeting, login, commands in order, logout.

| state    | greeting | login reply 1000 | other login reply | command reply | 1500, 25xx |
|----------|----------|------------------|-------------------|---------------|------------|
| waiting  | greeted  |                  |                   |               |            |
| greeted  |          | ready            | greeted           |               | closed     |
| ready    |          |                  |                   | ready         | closed     |

Whatever the table leaves empty breaks the session. `Service` is the server's half: who has logged in, and how often wrongly.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from sync.epp.commands import Command, write_command
from sync.epp.frames import FrameBroken, Frames, frame
from sync.epp.names import END_OF_SESSION, OBJECTS
from sync.epp.replies import Greeting, Reply, read_reply
from sync.epp.tree import Fault

MOST_WRONG_LOGINS = 3


class State(StrEnum):
    WAITING = "waiting"
    GREETED = "greeted"
    READY = "ready"
    CLOSED = "closed"


class SessionBroken(Exception):
    """The other side does not speak as agreed; the connection is of no more use."""


class Session:
    """The client's half. What `received` gives are replies to what was sent, in the order in which it was sent."""

    def __init__(self) -> None:
        self.state = State.WAITING
        self.greeting: Greeting | None = None
        self._frames = Frames()
        self._open: deque[tuple[str, bool]] = deque()  # clTRID, whether it is a login

    @property
    def waiting(self) -> int:
        """Commands without a reply yet."""
        return len(self._open)

    def login(self, client: str, password: str, cl_trid: str, objects: tuple[str, ...] = OBJECTS) -> bytes:
        """Bytes to send. Raises `SessionBroken` before the greeting and after the first login."""
        if self.state is not State.GREETED or self._open:
            raise SessionBroken(f"no login in the state {self.state}")
        values = {
            "clID": client, "pw": password, "options": {"version": "1.0", "lang": "zh"}, "svcs": {"objURI": list(objects)},
        }  # fmt: skip
        self._open.append((cl_trid, True))
        return frame(write_command(Command("login", "", values, cl_trid)))

    def send(self, document: bytes, cl_trid: str) -> bytes:
        """Bytes to send. Raises `SessionBroken` unless logged in."""
        if self.state is not State.READY:
            raise SessionBroken(f"no command in the state {self.state}")
        self._open.append((cl_trid, False))
        return frame(document)

    def received(self, piece: bytes) -> list[tuple[Reply, bytes]]:
        """Replies with their documents. Raises `SessionBroken`; then the outcome of everything that waits is unknown."""
        try:
            documents = self._frames.received(piece)
            return [(reply, document) for document in documents if (reply := self._one(document)) is not None]
        except (Fault, FrameBroken) as wrong:
            raise self._broken(str(wrong)) from None

    def _one(self, document: bytes) -> Reply | None:
        heard = read_reply(document)
        if self.state is State.CLOSED:
            raise self._broken("it speaks after the end")
        if isinstance(heard, Greeting):
            if self.state is not State.WAITING:
                raise self._broken("it greets twice")
            self.state, self.greeting = State.GREETED, heard
            return None
        if self.state is State.WAITING or not self._open:
            raise self._broken("a reply to nothing")
        cl_trid, login = self._open[0]
        if heard.cl_trid not in (cl_trid, ""):
            raise self._broken(f"a reply to {heard.cl_trid} where {cl_trid} was next")
        self._open.popleft()
        if heard.code in END_OF_SESSION:
            self.state = State.CLOSED
        elif login and heard.code == 1000:
            self.state = State.READY
        return heard

    def _broken(self, why: str) -> SessionBroken:
        self.state = State.CLOSED
        return SessionBroken(why)


class Service:
    """The server's half of what a session remembers: whether there was a login, and how many were wrong."""

    def __init__(self) -> None:
        self.client: str | None = None
        self.wrong_logins = 0
        self.closed = False

    def refusal(self, command: Command) -> int | None:
        """The result code with which the session itself refuses a command."""
        if command.verb == "login":
            return 2002 if self.client is not None else None
        return 2002 if self.client is None else None

    def logged_in(self, client: str) -> None:
        self.client = client

    def login_failed(self) -> int:
        """The code to answer: after the third time the session ends."""
        self.wrong_logins += 1
        if self.wrong_logins < MOST_WRONG_LOGINS:
            return 2200
        self.closed = True
        return 2501

    def logged_out(self) -> int:
        self.closed = True
        return 1500
