"""What partners ask: identifiers by how often real ones are looked up (Zipf), through each door, with the answer that is right."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from urllib.parse import quote

import orjson

from benchmarks.arrivals import Question
from benchmarks.dataset import Dataset
from core.handle.bodies import Resolve
from core.handle.codes import Flag
from node.handle_client import request

FOUND, UNKNOWN, WITHDRAWN = "found", "unknown", "withdrawn"
_HTTP = {FOUND: 200, UNKNOWN: 404, WITHDRAWN: 410}
_HANDLE = {FOUND: 1, UNKNOWN: 100, WITHDRAWN: 100}
_SPREAD = 2_654_435_761  # a prime: rank → number, so that what is popular lies everywhere
_HEADERS = "Host: node\r\n\r\n"
RESOLVE = 1


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
        """`GET /api/handles/…`; every so many-th found answer is compared with what was registered."""
        turn = 0
        while True:
            identifier, kind, number = self.one()
            turn += 1
            check = (
                self._same(identifier, number) if check_every and kind == FOUND and turn % check_every == 0 else None
            )
            line = f"GET /api/handles/{quote(identifier, safe='/')} HTTP/1.1\r\n{_HEADERS}"
            yield Question(line.encode(), _HTTP[kind], check)

    def pages(self) -> Iterator[Question]:
        """`GET /…` as a phone does after scanning: a page."""
        while True:
            identifier, kind, _ = self.one()
            line = f"GET /{quote(identifier, safe='/')}?noredirect HTTP/1.1\r\nAccept: text/html\r\n{_HEADERS}"
            yield Question(line.encode(), _HTTP[kind])

    def batches(self, size: int = 20) -> Iterator[Question]:
        while True:
            asked = [self.one() for _ in range(size)]
            body = orjson.dumps([identifier for identifier, _, _ in asked])
            kinds = [kind for _, kind, _ in asked]
            head = f"POST /api/v1/resolve HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{_HEADERS}"
            yield Question(head.encode() + body, 200, _statuses(kinds), size)

    def handle(self) -> Iterator[Question]:
        """Resolution of all public values, as a Handle client asks."""
        while True:
            identifier, kind, _ = self.one()
            message = request(RESOLVE, Resolve(identifier).encode(), flags=Flag.PUBL)
            yield Question(message.encode(), _HANDLE[kind])

    def _same(self, identifier: str, number: int) -> Callable[[bytes], bool]:
        wanted = {(value["index"], value["type"], value["data"]["value"]) for value in self._dataset.values(number)}  # type: ignore[index]

        def check(body: bytes) -> bool:
            told = orjson.loads(body)
            values = {(value["index"], value["type"], value["data"]["value"]) for value in told["values"]}
            return values == wanted and str(told["handle"]).endswith(identifier)  # GS1: the whole Digital Link URI

        return check


def number_of_rank(rank: int, total: int) -> int:
    return rank * _SPREAD % total


def _statuses(wanted: list[str]) -> Callable[[bytes], bool]:
    return lambda body: [item["status"] for item in orjson.loads(body)["items"]] == wanted
