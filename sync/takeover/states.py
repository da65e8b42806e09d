"""The life of an order, as one table. Pure.

| state     | what happens                                                   | then      |
|-----------|----------------------------------------------------------------|-----------|
| –         | a signed order arrives                                         | ordered   |
| –         | the order took effect while we were not to be reached          | active    |
| ordered   | a bad signature, a foreign prefix, or it has expired           | refused   |
| ordered   | countersigned                                                  | accepted  |
| ordered   | it takes effect before anybody here has countersigned          | active    |
| ordered   | it expires                                                     | closed    |
| accepted  | the time at which it takes effect                              | active    |
| accepted  | it expires first                                               | closed    |
| active    | a hand-back offer                                              | returning |
| active    | it expires, and the top level says so                          | closed    |
| returning | differences are found                                          | active    |
| returning | countersigned: registration goes on                            | closed    |
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    ORDERED = "ordered"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    ACTIVE = "active"
    RETURNING = "returning"
    CLOSED = "closed"


class Event(StrEnum):
    ORDER = "order"
    UNHEARD = "unheard"
    REFUSE = "refuse"
    COUNTERSIGN = "countersign"
    EFFECT = "effect"
    EXPIRE = "expire"
    OFFER = "offer"
    EXPIRY_CONFIRMED = "expiry-confirmed"
    DIFFERENT = "different"


MOVES: dict[tuple[State | None, Event], State] = {
    (None, Event.ORDER): State.ORDERED,
    (None, Event.UNHEARD): State.ACTIVE,
    (State.ORDERED, Event.REFUSE): State.REFUSED,
    (State.ORDERED, Event.COUNTERSIGN): State.ACCEPTED,
    (State.ORDERED, Event.EFFECT): State.ACTIVE,
    (State.ORDERED, Event.EXPIRE): State.CLOSED,
    (State.ACCEPTED, Event.EFFECT): State.ACTIVE,
    (State.ACCEPTED, Event.EXPIRE): State.CLOSED,
    (State.ACTIVE, Event.OFFER): State.RETURNING,
    (State.ACTIVE, Event.EXPIRY_CONFIRMED): State.CLOSED,
    (State.RETURNING, Event.DIFFERENT): State.ACTIVE,
    (State.RETURNING, Event.COUNTERSIGN): State.CLOSED,
}
OPEN = (State.ORDERED, State.ACCEPTED, State.ACTIVE, State.RETURNING)


class MoveImpossible(Exception):
    def __init__(self, state: State | None, event: Event) -> None:
        super().__init__(f"{event} in {state or 'no'} state")
        self.state = state


def after(state: State | None, event: Event) -> State:
    """Raises `MoveImpossible`."""
    if (found := MOVES.get((state, event))) is None:
        raise MoveImpossible(state, event)
    return found


def due(state: State, effective_at: datetime, expires_at: datetime, now: datetime) -> Event | None:
    """What time alone brings about."""
    if state not in (State.ORDERED, State.ACCEPTED):
        return None
    if now >= expires_at:
        return Event.EXPIRE
    return Event.EFFECT if now >= effective_at else None
