"""Laws of peering: sessions in any pieces, messages in any order, dials in any place, waits within their bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.top_level import Wish
from sync.access.breaker import LONGEST_SECONDS, Breaker, pause_after
from sync.access.material import changes
from sync.access.messages import Audit, Finding, Last, understand
from sync.epp.commands import Command, CommandFault, read_command, write_command
from sync.epp.frames import FrameBroken, Frames, frame
from sync.epp.replies import Greeting, Reply, write_greeting, write_reply
from sync.epp.session import Service, Session, SessionBroken, State
from sync.epp.tree import MOST_BYTES

_AT = datetime(2026, 11, 22, tzinfo=UTC)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(1, 9), max_size=60))
def test_documents_come_whole_out_of_any_pieces(documents: list[bytes], cuts: list[int]) -> None:
    stream, frames, found = b"".join(map(frame, documents)), Frames(), []
    for size in [*cuts, len(stream)]:
        found += frames.received(stream[:size])
        stream = stream[size:]
    assert found == documents


@settings(max_examples=30, deadline=None)
@given(st.one_of(st.integers(0, 4), st.integers(MOST_BYTES + 1, 2**32 - 1)))
def test_a_length_that_no_document_has_breaks_the_stream(length: int) -> None:
    try:
        Frames().received(length.to_bytes(4, "big"))
    except FrameBroken:
        return
    raise AssertionError(length)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_whatever_comes_in_is_a_command_or_a_fault(content: bytes) -> None:
    try:
        read_command(content)
    except CommandFault as wrong:
        assert wrong.fault.code in (2000, 2001, 2003, 2005, 2101, 2307)


class Conversation(RuleBasedStateMachine):
    """A client's session beside the plain story of what a server said to it."""

    def __init__(self) -> None:
        super().__init__()
        self.session, self.story, self.waiting, self.number = Session(), "waiting", [], 0  # type: ignore[var-annotated]

    def _say(self, document: bytes) -> list[tuple[Reply, bytes]] | None:
        try:
            return self.session.received(frame(document))
        except SessionBroken:
            self.story, self.waiting = "closed", []
            return None

    @rule()
    def greet(self) -> None:
        fits = self.story == "waiting"
        said = self._say(write_greeting(Greeting("box", _AT)))
        assert (said == []) == fits
        if fits:
            self.story = "greeted"

    @rule()
    def login(self) -> None:
        self.number += 1
        try:
            self.session.login("sln-demo", "secret", f"login-{self.number}")
        except SessionBroken:
            assert self.story != "greeted" or self.waiting
        else:
            assert self.story == "greeted" and not self.waiting
            self.waiting.append((f"login-{self.number}", True))

    @rule()
    def ask(self) -> None:
        self.number += 1
        number = f"ask-{self.number}"
        try:
            self.session.send(write_command(Command("poll", "", {"op": "req"}, number)), number)
        except SessionBroken:
            assert self.story != "ready"
        else:
            assert self.story == "ready"
            self.waiting.append((number, False))

    @rule(code=st.sampled_from((1000, 1300, 2200, 2400, 1500, 2500)), other=st.booleans())
    def reply(self, code: int, other: bool) -> None:
        waits = self.story in ("greeted", "ready") and bool(self.waiting)
        number, login = self.waiting[0] if self.waiting else ("nobody", False)
        said = self._say(write_reply(Reply(code, "bms-1", "another" if other else number)))
        if not waits or other:
            assert said is None
            return
        assert said is not None and [one[0].code for one in said] == [code]
        self.waiting.pop(0)
        if code in (1500, 2500):
            self.story = "closed"
        elif login and code == 1000:
            self.story = "ready"

    @invariant()
    def as_the_story_has_it(self) -> None:
        assert self.session.state == State(self.story)


Conversation.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestConversation = Conversation.TestCase


def test_a_server_ends_the_session_after_three_wrong_logins() -> None:
    service, login = Service(), Command("login", "", {}, "c-1")
    poll = Command("poll", "", {"op": "req"}, "c-2")
    assert service.refusal(poll) == 2002 and service.refusal(login) is None
    assert [service.login_failed() for _ in range(3)] == [2200, 2200, 2501] and service.closed
    good = Service()
    good.logged_in("a")
    assert good.refusal(login) == 2002 and good.refusal(poll) is None and good.logged_out() == 1500


_AUDITS = st.builds(
    lambda state, result, minute: Audit("88.118.4", "c", "s", "1", state, result, "", _AT + timedelta(minutes=minute)),
    st.integers(0, 7), st.integers(0, 2), st.integers(0, 20),
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.lists(_AUDITS, max_size=12))
def test_messages_in_any_order_decide_once_and_never_go_back(audits: list[Audit]) -> None:
    waiting, held, last = True, None, None
    decided = 0
    for audit in audits:
        meaning = understand(audit, last, waiting=waiting, held=held)
        if last is not None and audit.at < last.at:
            assert meaning.finding is Finding.LATE and meaning.accepted is None and not meaning.orders
        if meaning.finding is Finding.APPLIED:
            assert (meaning.accepted is not None) or meaning.orders
            last = Last(audit.at, audit.says)
            assert understand(audit, last, waiting=False, held=held).finding is Finding.DUPLICATE
        else:
            assert meaning.accepted is None and not meaning.orders
        if meaning.accepted is not None:
            assert waiting
            decided, waiting = decided + 1, False
            held = Wish.RESUME.value if meaning.accepted else None
        for wish in meaning.orders:
            assert held not in (None, wish.value, Wish.REVOKE.value)
            held = wish.value
    assert decided <= 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=40), st.floats(0, 1))
def test_a_breaker_opens_for_a_bounded_time_and_closes_with_a_success(
    steps: list[tuple[bool, float]], chance: float
) -> None:
    breaker, now, failures = Breaker(), 0.0, 0
    for good, seconds in steps:
        now += seconds
        if not breaker.allows(now):
            assert failures >= 5
            continue
        if good:
            breaker.succeeded()
            failures = 0
            assert breaker.allows(now) and not breaker.open
        else:
            breaker.failed(now, chance)
            failures += 1
            assert breaker.allows(now + 1.2 * LONGEST_SECONDS)
    assert 0 < pause_after(1, chance) < pause_after(30, chance) <= 361


def test_a_change_is_told_in_part_only_where_that_is_enough() -> None:
    after: dict[str, Any] = {
        "entNameCn": "甲", "entAddrCn": "路2", "entProvinceCode": "110000", "entCityCode": "110100",
        "entCountyCode": "110108", "contact": {"name": "a"},
    }  # fmt: skip
    assert changes((), after) is None and changes(("industry", "contact.id_number"), after) is None
    assert changes(("address",), after) == ("chg", {"entAddrCn": "路2"})
    kind, told = changes(("region", "contact.email"), after) or ("", {})
    assert kind == "chg" and list(told) == ["entProvinceCode", "entCityCode", "entCountyCode", "contact"]
    for member in ("name", "nature", "legal_person.name"):
        assert changes(("address", member), after) == ("chgAll", after)
