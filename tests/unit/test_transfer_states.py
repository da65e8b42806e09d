"""The table of a transfer's life: each move from each state."""

from __future__ import annotations

import itertools

import pytest

from core.errors import TransferState
from registry.transfers import states
from registry.transfers.states import MOVES, Move, State, after


def drawn() -> dict[tuple[State, Move], State]:
    """The table in the docstring of the file."""
    lines = [line for line in (states.__doc__ or "").splitlines() if line.startswith("|") and "--" not in line]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    moves = [Move(cell.partition(" ")[0]) for cell in rows[0][1:]]
    assert [cell.partition("(")[2].rstrip(")") for cell in rows[0][1:]] == [MOVES[move][0].value for move in moves]
    return {
        (State(row[0]), move): State(cell)
        for row in rows[1:]
        for move, cell in zip(moves, row[1:], strict=True)
        if cell
    }


def test_the_table_is_what_the_code_does() -> None:
    assert drawn() == {(state, move): to for move, (_, leads) in MOVES.items() for state, to in leads.items()}


@pytest.mark.parametrize(("state", "move"), list(itertools.product(State, Move)))
def test_a_move_leads_where_the_table_says_and_nowhere_else(state: State, move: Move) -> None:
    leads = MOVES[move][1]
    if state in leads:
        assert after(state, move) is leads[state]
    elif state in leads.values():
        assert after(state, move) is state, "made before: the same answer"
    else:
        with pytest.raises(TransferState) as refused:
            after(state, move)
        assert refused.value.extra == {"state": state.value}
