"""What a look-up that fails is told as; the rest is tested at the running node."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import StoreUnavailable
from core.handle.bodies import Resolve, decode_error
from core.handle.codes import Code, Flag, Op
from core.handle.message import read_message
from node.handle_client import request
from resolver.handle.plain import PlainResolutions
from resolver.usage.tally import Door, Outcome


class Failing:
    """A look-up that is told what it has to tell."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def held(self, key: str) -> None:
        return None

    def is_missing(self, key: str) -> bool:
        return False

    def find_soon(self, key: str, told: Any) -> None:
        if self._result is None:
            raise StoreUnavailable("too many wait", "等待过多")
        told(self._result)


def told_of(result: Any, flags: int = 0) -> tuple[bool, list[bytes | None]]:
    resolver = SimpleNamespace(lookup=Failing(result), key=str)
    room: Any = SimpleNamespace(resolver=resolver, identity=SimpleNamespace(serial=1))
    said: list[bytes | None] = []

    def heard(answer: bytes | None) -> bool:
        said.append(answer)
        return answer is not None

    return PlainResolutions(room, Door.HANDLE_TCP).tell(asked(flags), False, heard), said


def asked(flags: int = 0) -> bytes:
    return request(Op.RESOLVE, Resolve("88.118.8/x").encode(), flags=flags).encode()


def test_a_store_that_fails_is_told_at_once_and_not_asked_again() -> None:
    taken, [answer] = told_of(StoreUnavailable("gone", "不可用"))
    assert taken and answer is not None
    said = read_message(answer)
    assert said.header.code == Code.BUSY and decode_error(said.body) == "gone / 不可用"


@pytest.mark.parametrize(("result", "taken", "count"), [(RuntimeError("a fault"), True, 1), (None, False, 0)])
def test_what_is_no_problem_of_ours_is_left_to_the_whole_way(result: Any, taken: bool, count: int) -> None:
    assert told_of(result) == (taken, [None] * count)


@pytest.mark.parametrize("flag", [Flag.AUTH, Flag.CERT, Flag.ENCR, Flag.RRDG])
def test_what_is_not_plain_is_left_to_the_whole_way(flag: int) -> None:
    assert told_of(StoreUnavailable(), int(flag)) == (False, [])


@pytest.mark.parametrize("sent", [True, False])
def test_what_is_not_sent_is_not_counted(sent: bool) -> None:
    counted: list[Any] = []
    lookup = SimpleNamespace(held=lambda _: None, is_missing=lambda _: True, count_missing=lambda: None)
    tally, directory = SimpleNamespace(add=lambda *more: counted.append(more)), SimpleNamespace(prefix=lambda _: None)
    resolver = SimpleNamespace(lookup=lookup, key=str, tally=tally, directory=directory)
    room: Any = SimpleNamespace(resolver=resolver, identity=SimpleNamespace(serial=1))
    assert PlainResolutions(room, Door.HANDLE_UDP).tell(asked(), False, lambda _: sent)
    assert counted == ([("", Door.HANDLE_UDP, Outcome.UNKNOWN, False)] if sent else [])
