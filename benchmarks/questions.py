"""What partners ask: identifiers by how often real ones are looked up (Zipf), through each door, with the answer that is right."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import count

import orjson

from benchmarks.dataset import Dataset
from core.handle.bodies import decode_valued
from core.handle.message import read_message
from node.load.arrivals import Question
from node.load.questions import batch_question, handle_question, json_question, page_question
from resolver.answers import is_web_address

FOUND, UNKNOWN, WITHDRAWN = "found", "unknown", "withdrawn"
_HTTP = {FOUND: 200, UNKNOWN: 404, WITHDRAWN: 410}
_HANDLE = {FOUND: 1, UNKNOWN: 100, WITHDRAWN: 100}
_SPREAD = 2_654_435_761  # a prime: rank → number, so that what is popular lies everywhere


class Readers:
    """`withdrawn` are numbers of the dataset that were withdrawn after they were registered; `seed` makes two runs alike."""

    def __init__(
        self, dataset: Dataset, withdrawn: frozenset[int] = frozenset(), unknown: float = 0.03, seed: int = 1
    ) -> None:
        self._dataset = dataset
        self._withdrawn = withdrawn
        self._unknown = unknown
        self._random = random.Random(seed)

    def one(self) -> tuple[str, str, int]:
        """Identifier, what it is, and its number. Ranks follow 1/rank; the n-th of all is asked for n times less than the first."""
        chance = self._random.random
        rank = int(self._dataset.total ** chance())
        number = number_of_rank(rank, self._dataset.total)
        if chance() < self._unknown:
            return f"{self._dataset.identifier(number)}-none", UNKNOWN, number
        kind = WITHDRAWN if number in self._withdrawn else FOUND
        return self._dataset.identifier(number), kind, number

    def json(self, check_every: int = 0) -> Iterator[Question]:
        """Every so many-th found answer is compared with what was registered."""
        for turn in count(1):
            identifier, kind, number = self.one()
            full = check_every and kind == FOUND and turn % check_every == 0
            yield json_question(identifier, _HTTP[kind], self._same(identifier, number) if full else None)

    def pages(self) -> Iterator[Question]:
        """A page and a redirect in turn, where there is an address to be sent to; GS1 items always send (307)."""
        for turn in count():
            identifier, kind, number = self.one()
            wanted = _HTTP[kind]
            if kind == FOUND and is_web_address(self._dataset.component(number)[-1]):
                wanted = 307 if self._dataset.owner(number).scheme == "gs1" else 302 if turn % 2 else wanted
            yield page_question(identifier, wanted)

    def batches(self, size: int = 20) -> Iterator[Question]:
        while True:
            asked = [self.one() for _ in range(size)]
            yield batch_question([identifier for identifier, _, _ in asked], [kind for _, kind, _ in asked])

    def handle(self, check_every: int = 0) -> Iterator[Question]:
        for turn in count(1):
            identifier, kind, number = self.one()
            full = check_every and kind == FOUND and turn % check_every == 0
            check = self._same_on_the_wire(number) if full else None
            yield handle_question(identifier, turn & 0xFFFFFFFF, _HANDLE[kind], check)

    def _wanted(self, number: int) -> set[tuple[int, str, str]]:
        return {(value["index"], value["type"], value["data"]["value"]) for value in self._dataset.values(number)}  # type: ignore[index,misc]  # as the API takes them

    def _same_on_the_wire(self, number: int) -> Callable[[bytes], bool]:
        def check(message: bytes) -> bool:
            told = decode_valued(read_message(message).body).values
            return {(value.index, value.type, value.data.decode()) for value in told} == self._wanted(number)

        return check

    def _same(self, identifier: str, number: int) -> Callable[[bytes], bool]:
        def check(body: bytes) -> bool:
            told = orjson.loads(body)
            values = {(value["index"], value["type"], value["data"]["value"]) for value in told["values"]}
            return values == self._wanted(number) and str(told["handle"]).endswith(
                identifier
            )  # GS1: the whole Digital Link URI

        return check


def number_of_rank(rank: int, total: int) -> int:
    return rank * _SPREAD % total
