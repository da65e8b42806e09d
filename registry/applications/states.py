"""The life of an application: which move leads where, who makes it, and whether a reason is needed. Pure.

| state     | submit    | review    | return   | reject   | approve  | withdraw  | hand-over | accept | refuse   | suspend   | resume | revoke  | expire  |
|-----------|-----------|-----------|----------|----------|----------|-----------|-----------|--------|----------|-----------|--------|---------|---------|
| draft     | submitted |           |          |          |          | withdrawn |           |        |          |           |        |         | expired |
| submitted |           | in-review |          |          |          | withdrawn |           |        |          |           |        |         |         |
| in-review |           |           | returned | rejected | approved | withdrawn |           |        |          |           |        |         |         |
| returned  | submitted |           |          |          |          | withdrawn |           |        |          |           |        |         | expired |
| approved  |           |           |          |          |          |           | pending   |        |          |           |        |         |         |
| pending   |           |           |          |          |          |           |           | active | rejected |           |        |         |         |
| active    |           |           |          |          |          |           |           |        |          | suspended |        | revoked |         |
| suspended |           |           |          |          |          |           |           |        |          |           | active | revoked |         |

Rejected, withdrawn, revoked and expired are ends. Suspend, resume and revoke are made of an enterprise, by its number, and take
its applications along; what waits too long for its applicant expires. `retry` (approved, pending) sends again what could not be
handed to the top level; nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.errors import ApplicationState


class State(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in-review"
    RETURNED = "returned"
    APPROVED = "approved"  # here; to be handed to the top level
    PENDING = "pending"  # at the top level
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Actor(StrEnum):
    APPLICANT = "applicant"
    OPERATOR = "operator"
    NODE = "node"
    TOP_LEVEL = "top-level"


class Move(StrEnum):
    SUBMIT = "submit"
    REVIEW = "review"
    RETURN = "return"
    REJECT = "reject"
    APPROVE = "approve"
    WITHDRAW = "withdraw"
    RETRY = "retry"
    HAND_OVER = "hand-over"
    ACCEPT = "accept"
    REFUSE = "refuse"
    SUSPEND = "suspend"
    RESUME = "resume"
    REVOKE = "revoke"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Rule:
    """A move: by whom, from which states to which, and whether it must say why."""

    actor: Actor
    leads: dict[State, State]
    needs_reason: bool = False


_S = State
_OPEN_TO_APPLICANT = (_S.DRAFT, _S.SUBMITTED, _S.IN_REVIEW, _S.RETURNED)
MOVES: dict[Move, Rule] = {
    Move.SUBMIT: Rule(Actor.APPLICANT, {_S.DRAFT: _S.SUBMITTED, _S.RETURNED: _S.SUBMITTED}),
    Move.REVIEW: Rule(Actor.OPERATOR, {_S.SUBMITTED: _S.IN_REVIEW}),
    Move.RETURN: Rule(Actor.OPERATOR, {_S.IN_REVIEW: _S.RETURNED}, needs_reason=True),
    Move.REJECT: Rule(Actor.OPERATOR, {_S.IN_REVIEW: _S.REJECTED}, needs_reason=True),
    Move.APPROVE: Rule(Actor.OPERATOR, {_S.IN_REVIEW: _S.APPROVED}),
    Move.WITHDRAW: Rule(Actor.APPLICANT, dict.fromkeys(_OPEN_TO_APPLICANT, _S.WITHDRAWN)),
    Move.RETRY: Rule(Actor.OPERATOR, {_S.APPROVED: _S.APPROVED, _S.PENDING: _S.PENDING}),
    Move.HAND_OVER: Rule(Actor.NODE, {_S.APPROVED: _S.PENDING}),
    Move.ACCEPT: Rule(Actor.TOP_LEVEL, {_S.PENDING: _S.ACTIVE}),
    Move.REFUSE: Rule(Actor.TOP_LEVEL, {_S.PENDING: _S.REJECTED}, needs_reason=True),
    Move.SUSPEND: Rule(Actor.OPERATOR, {_S.ACTIVE: _S.SUSPENDED}, needs_reason=True),
    Move.RESUME: Rule(Actor.OPERATOR, {_S.SUSPENDED: _S.ACTIVE}),
    Move.REVOKE: Rule(Actor.OPERATOR, {_S.ACTIVE: _S.REVOKED, _S.SUSPENDED: _S.REVOKED}, needs_reason=True),
    Move.EXPIRE: Rule(Actor.NODE, {_S.DRAFT: _S.EXPIRED, _S.RETURNED: _S.EXPIRED}),
}
EDITABLE = frozenset((_S.DRAFT, _S.RETURNED))
# Before an operator or the top level, or sent back by one. A draft is nobody's business but its applicant's.
HANDED_IN = frozenset((_S.SUBMITTED, _S.IN_REVIEW, _S.RETURNED, _S.APPROVED, _S.PENDING))
ENDS = frozenset((_S.REJECTED, _S.WITHDRAWN, _S.REVOKED, _S.EXPIRED))


def moves_from(state: State) -> list[Move]:
    """What is possible in a state, whoever may do it."""
    return [move for move, rule in MOVES.items() if state in rule.leads]


def require_move(state: State, move: Move) -> State:
    """The state after the move. Raises `ApplicationState`."""
    if (after := MOVES[move].leads.get(state)) is not None:
        return after
    raise refused(state, f"{move} is not possible then", f"不能执行 {move}")


def refused(state: State, en: str, zh: str) -> ApplicationState:
    return ApplicationState(
        f"The application is {state}; {en}",
        f"申请的状态为 {state}，{zh}",
        state=state.value,
        moves=[move.value for move in moves_from(state)],
    )
