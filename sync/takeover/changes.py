"""What the top level changed while it answered, as its hand-back offer tells it, and what an identifier is after that. Pure.

A change is of one identifier, in the version that the standby data had: other public values, or a withdrawal. Values that the
top level was never given stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from core.errors import FieldProblem, IdentifierMalformed
from core.identifier import parse_identifier
from core.record import Record, Status
from core.value_intake import check_size, parse_values
from core.values import keep_timestamps, pack
from sync.operations.shapes import Change

_MOST_TOLD = 20


class ChangesImpossible(Exception):
    """`count` of them cannot be carried out; `told` says why of some. None is carried out then."""

    def __init__(self, told: list[str]) -> None:
        super().__init__("; ".join(told[:3]))
        self.count, self.told = len(told), told[:_MOST_TOLD]


@dataclass(frozen=True, slots=True)
class Changed:
    """An identifier as it is to be from now on."""

    key: str
    kind: str  # of the change, as history calls it
    status: Status
    packed: bytes
    withdrawal: str | None


def carried_out(
    changes: Iterable[Change], held: Mapping[str, Record], own: str, fixed: frozenset[str], now: int
) -> list[Changed]:
    """In order of key; all of them, else raises `ChangesImpossible`. `own`: the node's prefix as a key has it; `fixed`: keys of
    published templates, which never change; `now`: unix seconds."""
    wanted, told, after = list(changes), [], []
    twice = {key for key, times in Counter(one.key for one in wanted).items() if times > 1}
    for one in sorted(wanted, key=lambda one: one.key):
        prefix, record = one.key.partition("/")[0], held.get(one.key)
        if one.key in twice:
            told.append(f"{one.key}: more than one change")
        elif not (prefix == own or prefix.startswith(own + ".")):
            told.append(f"{one.key}: not of this node")
        elif record is None or record.withdrawn:
            told.append(f"{one.key}: {'not registered' if record is None else 'withdrawn here'}")
        elif record.version != one.version:
            told.append(f"{one.key}: version {record.version} here, {one.version} there")
        elif one.key in fixed:
            told.append(f"{one.key}: a published template")
        else:
            try:
                after.append(_changed(one, record, now))
            except ValueError as wrong:
                told.append(f"{one.key}: {wrong}")
    if told:
        raise ChangesImpossible(told)
    return after


def _changed(change: Change, record: Record, now: int) -> Changed:
    """Raises ValueError."""
    if change.values is None:
        withdrawal = {"reason": change.reason, "successor": _successor(change.successor)}
        return Changed(change.key, "withdraw", Status.WITHDRAWN, record.packed, orjson.dumps(withdrawal).decode())
    problems: list[FieldProblem] = []
    public, before = parse_values(change.values, "values", problems), record.values
    kept = [value for value in before if not value.public]
    if not problems and not all(value.public for value in public):
        raise ValueError("a value that is not public")
    if {value.index for value in public} & {value.index for value in kept}:
        raise ValueError("an index that is taken by a value that is not public")
    values = sorted([*keep_timestamps(public, before, now), *kept], key=lambda value: value.index)
    packed = pack(values)
    check_size(packed, "values", problems)
    if problems:
        raise ValueError(f"{problems[0].path}: {problems[0].slug}")
    return Changed(change.key, "revise", record.status, packed, record.withdrawal)


def _successor(text: str | None) -> str | None:
    """Raises ValueError."""
    if text:
        try:
            parse_identifier(text)
        except IdentifierMalformed as wrong:
            raise ValueError(f"successor: {wrong.reason}") from None
    return text or None


def reconcile_words(compared: int, different: int, changes: list[Any], told: list[str]) -> dict[str, Any]:
    """`reconcile` of the answer; what was brought in, or why not, only where the offer has changes."""
    said: dict[str, Any] = {"compared": compared, "different": different}
    if changes and not different:
        said["changed"] = len(changes)
    return said | ({"impossible": told} if told else {})
