"""Logins of a connection against a plain model: who is known under which session id, until when, and how many are kept."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.handle.administration import Administrator
from core.handle.bodies import ChallengeAnswer, Login, Resolve, decode_valued
from core.handle.codes import Code, Op
from core.handle.malformed import Malformed
from core.handle.message import Message
from node.handle_client import request
from resolver.handle.logins import MOST_LOGINS, Logins, login_answer, require_same

SESSIONS = st.integers(1, MOST_LOGINS + 4)


class LoginsAreThoseOfTheModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.logins, self.model, self.now = Logins(), dict[int, tuple[float, Administrator]](), 0.0

    @rule(session=SESSIONS, seconds=st.integers(1, 5))
    def log_in(self, session: int, seconds: int) -> None:
        who = Administrator(f"0.NA/{session}", f"0.na/{session}", 301)
        self.logins.keep(session, who, self.now + seconds)
        while len(self.model) >= MOST_LOGINS:
            del self.model[next(iter(self.model))]
        self.model[session] = self.now + seconds, who

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(session=SESSIONS)
    def end(self, session: int) -> None:
        if session in self.model:
            del self.logins[session]
            del self.model[session]

    @invariant()
    def known_are_those_whose_time_is_not_over(self) -> None:
        for session in range(1, MOST_LOGINS + 5):
            until, who = self.model.get(session, (0.0, None))
            assert self.logins.of(session, self.now) is (who if until > self.now else None)
            assert (session in self.logins) is (session in self.model)
        assert self.logins.values() == [who for _, who in self.model.values()]


TestLogins = LoginsAreThoseOfTheModel.TestCase
TestLogins.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def asked(op: Op, handle: str = "0.NA/88.118", *indexes: int) -> Message:
    body = Login(handle, indexes[0]) if op is Op.LOGIN else Resolve(handle, indexes)
    return request(op, body.encode())


@pytest.mark.parametrize(
    ("message", "handle", "index", "right"),
    [
        (asked(Op.LOGIN, "0.NA/88.118", 301), "0.na/88.118", 301, True),
        (asked(Op.LOGIN, "0.NA/88.118", 301), "0.NA/88.118", 300, False),
        (asked(Op.LOGIN, "0.NA/88.118", 301), "0.NA/88.119", 301, False),
        (asked(Op.LOGIN_PASSWORD, "0.NA/88.118", 301, 302), "0.NA/88.118", 302, True),
        (asked(Op.LOGIN_PASSWORD, "0.NA/88.118", 301, 302), "0.NA/88.118", 300, False),
        (asked(Op.LOGIN_PASSWORD), "0.NA/88.118", 300, True),
        (asked(Op.LOGIN_PASSWORD), "0.NA/88.119", 300, False),
        (asked(Op.RESOLVE, "88.118/x", 7), "0.NA/88.119", 300, True),
    ],
)
def test_a_login_is_proved_by_whoever_asked_for_it(message: Message, handle: str, index: int, right: bool) -> None:
    answer = ChallengeAnswer("HS_SECKEY", handle, index, b"")
    if right:
        require_same(message, answer)
        return
    with pytest.raises(Malformed) as raised:
        require_same(message, answer)
    assert raised.value.code == Code.AUTHENTICATION_ERROR


def test_the_older_login_is_answered_in_the_form_of_a_resolution() -> None:
    assert login_answer(asked(Op.LOGIN, "0.NA/88.118", 301)) == b""
    said = decode_valued(login_answer(asked(Op.LOGIN_PASSWORD, "0.NA/88.118", 301)))
    assert (said.handle, said.values) == ("0.NA/88.118", ())
