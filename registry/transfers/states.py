"""The life of a transfer: which move leads where, and which side makes it. Pure.

| state     | confirm (giver) | accept (receiver) | decline (receiver) | cancel (giver) | expire (node) |
|-----------|-----------------|-------------------|--------------------|----------------|---------------|
| proposed  | offered         |                   | declined           | cancelled      | expired       |
| offered   |                 | accepted          | declined           | cancelled      | expired       |

The other four are ends. A transfer that the giving enterprise starts is offered at once; one that the operator starts is
proposed, and waits for the giving side's consent first. The operator may cancel, and consents for nobody.
"""

from __future__ import annotations

from enum import StrEnum

from core.errors import TransferState


class State(StrEnum):
    PROPOSED = "proposed"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Move(StrEnum):
    CONFIRM = "confirm"
    ACCEPT = "accept"
    DECLINE = "decline"
    CANCEL = "cancel"
    EXPIRE = "expire"


class Side(StrEnum):
    GIVER = "giver"
    RECEIVER = "receiver"
    NODE = "node"


_OPEN = (State.PROPOSED, State.OFFERED)
MOVES: dict[Move, tuple[Side, dict[State, State]]] = {
    Move.CONFIRM: (Side.GIVER, {State.PROPOSED: State.OFFERED}),
    Move.ACCEPT: (Side.RECEIVER, {State.OFFERED: State.ACCEPTED}),
    Move.DECLINE: (Side.RECEIVER, dict.fromkeys(_OPEN, State.DECLINED)),
    Move.CANCEL: (Side.GIVER, dict.fromkeys(_OPEN, State.CANCELLED)),
    Move.EXPIRE: (Side.NODE, dict.fromkeys(_OPEN, State.EXPIRED)),
}


def after(state: State, move: Move) -> State:
    """The state after the move; the same state where the move was made before. Raises `TransferState`."""
    _, leads = MOVES[move]
    if state in leads:
        return leads[state]
    if state in leads.values():
        return state
    raise TransferState(
        f"The transfer is {state}; {move} is not possible then",
        f"转让的状态为 {state}，不能执行 {move}",
        state=state.value,
    )
