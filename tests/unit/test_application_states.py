"""The table of states: every move from every state, and that the drawing at its head is the table."""

from __future__ import annotations

import itertools

import pytest

from core.errors import ApplicationState
from registry.applications import states
from registry.applications.states import ENDS, MOVES, Move, State, moves_from, require_move

DRAWN = [line.strip("| ").split("|") for line in (states.__doc__ or "").splitlines() if line.startswith("| ")]


def drawn() -> dict[tuple[State, Move], State]:
    head = [Move(cell.strip()) for cell in DRAWN[0][1:]]
    found = {}
    for line in DRAWN[1:]:
        cells = [cell.strip() for cell in line]
        found |= {(State(cells[0]), move): State(cell) for move, cell in itertools.zip_longest(head, cells[1:]) if cell}
    return found


@pytest.mark.parametrize(("state", "move"), list(itertools.product(State, [m for m in Move if m is not Move.RETRY])))
def test_each_move_from_each_state_is_as_drawn_or_refused(state: State, move: Move) -> None:
    expected = drawn().get((state, move))
    if expected is not None:
        assert require_move(state, move) is expected
        return
    with pytest.raises(ApplicationState) as refused:
        require_move(state, move)
    assert refused.value.extra == {"state": state.value, "moves": [one.value for one in moves_from(state)]}


def test_ends_are_ends_and_everything_else_is_not() -> None:
    assert {state for state in State if not moves_from(state)} == ENDS


def test_what_goes_against_somebody_says_why() -> None:
    needing = {move for move, rule in MOVES.items() if rule.needs_reason}
    assert needing == {Move.RETURN, Move.REJECT, Move.REFUSE, Move.SUSPEND, Move.REVOKE}


def test_a_retry_moves_nothing() -> None:
    assert all(before is after for before, after in MOVES[Move.RETRY].leads.items())
