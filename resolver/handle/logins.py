"""Logins of the national SDK (IDIS, op codes 2000 and 2001): who is known on one connection, and for how long.

A login is a challenge and its answer like any other; afterwards requests that bear its session id are administration without
a challenge each. It ends with the connection, after its time, or when the connection has logged in too often since.
"""

from __future__ import annotations

from core.handle.administration import Administrator
from core.handle.bodies import ChallengeAnswer, Login, Resolve, Valued, decode_request
from core.handle.codes import Code, Op
from core.handle.malformed import Malformed
from core.handle.message import Message
from core.identifier import fold_case

LOGIN_REQUESTS = frozenset((Op.LOGIN, Op.LOGIN_PASSWORD))
MOST_LOGINS = 16  # of a connection, those that are over included


class Logins:
    """Of one connection. Times are seconds of a clock that only goes forward."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[float, Administrator]] = {}

    def keep(self, session: int, administrator: Administrator, until: float) -> None:
        while len(self._held) >= MOST_LOGINS:
            del self._held[next(iter(self._held))]
        self._held[session] = until, administrator

    def of(self, session: int, now: float) -> Administrator | None:
        """Who logged in under this session id; None where nobody did, or it is over."""
        held = self._held.get(session)
        return held[1] if held is not None and held[0] > now else None

    def __contains__(self, session: int) -> bool:
        """Also where it is over."""
        return session in self._held

    def __delitem__(self, session: int) -> None:
        del self._held[session]

    def values(self) -> list[Administrator]:
        return [administrator for _, administrator in self._held.values()]


def require_same(request: Message, answer: ChallengeAnswer) -> None:
    """That an answer is by whoever asked to log in; anything but a login is asked by nobody in particular. Raises `Malformed`."""
    wanted = decode_request(request.header.op, request.body)
    if isinstance(wanted, Login):
        indexes: tuple[int, ...] = (wanted.index,)
    elif isinstance(wanted, Resolve) and request.header.op == Op.LOGIN_PASSWORD:
        indexes = wanted.indexes or (answer.index,)
    else:
        return
    if fold_case(answer.handle) != fold_case(wanted.handle) or answer.index not in indexes:
        raise Malformed("the login was asked for by another administrator", Code.AUTHENTICATION_ERROR)


def login_answer(request: Message) -> bytes:
    """What a login that was proved is answered with. 2000 has the form of a resolution, without values: who logged in asks for
    what they may read. Raises `Malformed`."""
    if request.header.op == Op.LOGIN:
        return b""
    wanted = decode_request(Op.LOGIN_PASSWORD, request.body)
    assert isinstance(wanted, Resolve)
    return Valued(wanted.handle, ()).encode()
