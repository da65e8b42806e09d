"""The life of an order: every move of the table and no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync.takeover import states
from sync.takeover.states import MOVES, OPEN, Event, MoveImpossible, State, after, due

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_the_table_in_the_docstring_is_the_table() -> None:
    text = states.__doc__ or ""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")][2:]
    drawn = sorted((row[0].strip().replace("–", ""), row[2].strip()) for row in rows)
    assert drawn == sorted((str(state or ""), reached.value) for (state, _), reached in MOVES.items())


@pytest.mark.parametrize("state", [None, *State])
@pytest.mark.parametrize("event", list(Event))
def test_what_is_not_in_the_table_is_impossible(state: State | None, event: Event) -> None:
    if (state, event) in MOVES:
        assert after(state, event) is MOVES[state, event]
    else:
        with pytest.raises(MoveImpossible):
            after(state, event)


def test_every_state_is_reached_and_what_is_over_stays_over() -> None:
    assert set(MOVES.values()) == set(State)
    assert {state for state, _ in MOVES if state is not None} == set(OPEN)


@pytest.mark.parametrize(
    ("state", "hours", "event"),
    [
        (State.ACCEPTED, -1, None), (State.ACCEPTED, 0, Event.EFFECT), (State.ACCEPTED, 4, Event.EXPIRE),
        (State.ORDERED, 1, Event.EFFECT), (State.ORDERED, 5, Event.EXPIRE), (State.ACTIVE, 9, None),
        (State.CLOSED, 9, None), (State.REFUSED, 1, None), (State.RETURNING, 9, None),
    ],
)  # fmt: skip
def test_what_time_alone_brings_about(state: State, hours: int, event: Event | None) -> None:
    assert due(state, NOW, NOW + 4 * HOUR, NOW + hours * HOUR) is event
