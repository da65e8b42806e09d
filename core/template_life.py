"""The life of a data template: draft, published, retired; which move is possible when. Pure.

| move        | draft           | published   | retired     |
|-------------|-----------------|-------------|-------------|
| change      | draft           | —           | —           |
| delete      | (gone)          | —           | —           |
| publish     | published       | published   | —           |
| retire      | —               | retired     | retired     |
| new-version | —               | published   | retired     |

Moves that end where they began make an answer that was lost safe to ask for again. Registrations and copies take published
templates only; what is wrong with theirs is told as a field problem (`template-draft`, `template-retired`).
"""

from __future__ import annotations

from enum import StrEnum

from core.errors import Problem, TemplateFixed, TemplateState


class State(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class Move(StrEnum):
    CHANGE = "change"
    DELETE = "delete"
    PUBLISH = "publish"
    RETIRE = "retire"
    NEW_VERSION = "new-version"


_D, _P, _R = State.DRAFT, State.PUBLISHED, State.RETIRED
MOVES: dict[Move, dict[State, State | None]] = {
    Move.CHANGE: {_D: _D},
    Move.DELETE: {_D: None},
    Move.PUBLISH: {_D: _P, _P: _P},
    Move.RETIRE: {_P: _R, _R: _R},
    Move.NEW_VERSION: {_P: _P, _R: _R},
}
_WORDS = {_D: ("a draft", "草稿"), _P: ("published", "已发布"), _R: ("retired", "已停用")}


def require_move(identifier: str, state: State, move: Move) -> State | None:
    """The state after the move, None where nothing is left. Raises `TemplateFixed`, `TemplateState`."""
    if state in MOVES[move]:
        return MOVES[move][state]
    raise refused(identifier, state, move)


def refused(identifier: str, state: State, move: Move) -> Problem:
    en, zh = _WORDS[state]
    if move in (Move.CHANGE, Move.DELETE):
        return TemplateFixed(f"{identifier} is {en}", f"{identifier} {zh}", state=state.value)
    return TemplateState(
        f"{identifier} is {en}; {move} is not possible then", f"{identifier} {zh}，不能执行 {move}", state=state.value
    )
