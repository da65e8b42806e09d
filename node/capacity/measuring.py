"""Measures a node of its own: registers, then asks at every door, then looks at memory and disk."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import asyncpg

from core.sqlfiles import load_sql
from node.capacity.card import Line, Measured
from node.capacity.search import LONGEST_TURNS, Found, highest
from node.console import Refused
from node.load.arrivals import Place, Question, closed_model
from node.load.machine import machine, proportional_mebibytes
from node.load.own_node import Plain, aboard
from node.load.questions import (
    batch_question,
    handle_question,
    json_question,
    page_question,
    register_batch_question,
    register_question,
)

PREFIX = "88.118.9001"
_SQL = load_sql("node", "capacity.sql")
_POPULAR = 5_000  # that are asked for: few enough that all lie in memory once it is warm
_BATCH, _BATCH_CONNECTIONS, _RESOLVED_BATCH = 1_000, 4, 100
_IN_ALL_SECONDS, _LEAST_SECONDS = 100.0, 0.1
# As a component of a manufacturer has them, about 300 bytes.
_VALUES = [
    {"index": 2000 + place, "type": kind, "data": {"format": "string", "value": text}}
    for place, (kind, text) in enumerate(
        (
            ("MANUFACTURER", "Nexperia(安世)"),
            ("MODEL", "BAV99,215"),
            ("CATALOGUE_CODE", "C2500"),
            ("CATEGORY", "开关二极管 Switching diode"),
            ("PACKAGE", "SOT-23"),
            ("DESCRIPTION", "独立式 双二极管串联 100V 215mA 4ns"),
            ("DATASHEET", "https://www.example.com/datasheets/BAV99_SER.pdf"),
        )
    )
]


@dataclass(frozen=True, slots=True)
class _Door:
    name: str
    zh: str
    en: str
    kind: str  # http, handle-tcp or handle-udp
    questions: Callable[[Callable[[], str]], Iterator[Question]]


def _each(made: Callable[[str], Question]) -> Callable[[Callable[[], str]], Iterator[Question]]:
    return lambda one: (made(one()) for _ in count())


def _by_wire(one: Callable[[], str]) -> Iterator[Question]:
    return (handle_question(one(), number & 0xFFFFFFFF) for number in count())


def _batches(one: Callable[[], str]) -> Iterator[Question]:
    statuses = ["found"] * _RESOLVED_BATCH
    return (batch_question([one() for _ in statuses], statuses) for _ in count())


DOORS = (
    _Door("json", "解析，Handle JSON", "resolved, Handle JSON over HTTP", "http", _each(json_question)),
    _Door("handle-tcp", "解析，Handle TCP", "resolved, Handle over TCP", "handle-tcp", _by_wire),
    _Door("handle-udp", "解析，Handle UDP", "resolved, Handle over UDP", "handle-udp", _by_wire),
    _Door("page", "解析，网页", "resolved, pages", "http", _each(page_question)),
    _Door("batch", "解析，每批 100 个", "resolved, batches of 100", "http", _batches),
)


class Capacity:
    """One node, measured. `seconds` is how long each rate is tried, less where all together would take longer than
    `_IN_ALL_SECONDS`; `raw` fills with all that came out."""

    def __init__(self, node: Plain, registered: int, seconds: float, say: Callable[[str], None]) -> None:
        self._node, self._registered, self._seconds, self._say = node, registered, seconds, say
        self._http = Place("http", "127.0.0.1", node.http_port)
        self._serial = count()
        self._until, self._searches_left = time.monotonic() + _IN_ALL_SECONDS, 1 + len(DOORS)
        self.raw: dict[str, Any] = {}

    async def measure(self) -> Measured:
        """Raises `Refused` where the node answers otherwise than it should while nothing is hurried."""
        key = await aboard(self._node, PREFIX)
        loaded, each = await self._load(key), await self._bytes_each()
        singles = await self._highest(
            "register", self._http, (register_question(key, self._new(), _VALUES) for _ in count())
        )
        lines = [
            _line("注册，单条", "registered, one at a time", singles),
            Line("注册，每批 1,000 个", "registered, batches of 1,000", 0.0, loaded, 0.0),
        ]
        chosen, resolved = random.Random(1), dict[str, Found]()  # noqa: S311 (a load that can be repeated)
        known = min(self._registered, _POPULAR)
        for door in DOORS:
            port = self._node.http_port if door.kind == "http" else self._node.handle_port
            questions = door.questions(lambda: f"{PREFIX}/C-{chosen.randrange(known):09d}")
            resolved[door.name] = await self._highest(door.name, Place(door.kind, "127.0.0.1", port), questions)
            lines.append(_line(door.zh, door.en, resolved[door.name]))
        free = shutil.disk_usage(self._node.data).free
        memory = proportional_mebibytes(self._node.data)
        return Measured(machine(), lines, singles.held, resolved["json"].held, memory, each, free)

    async def _highest(self, name: str, place: Place, questions: Iterator[Question]) -> Found:
        share = max(self._until - time.monotonic(), 0.0) / self._searches_left
        self._searches_left -= 1
        found = await highest(place, questions, min(self._seconds, max(share / LONGEST_TURNS, _LEAST_SECONDS)))
        self.raw[name] = found.as_json()
        self._say(name)
        return found

    def _new(self) -> str:
        return f"{PREFIX}/C-{next(self._serial):09d}"

    async def _load(self, key: str) -> float:
        """Everything that will be resolved, in batches; identifiers a second."""
        batches = (register_batch_question(key, [self._new() for _ in range(_BATCH)], _VALUES) for _ in count())
        loaded = await closed_model(self._http, batches, -(-self._registered // _BATCH), _BATCH_CONNECTIONS, 1)
        if loaded.errors:
            why = ", ".join(loaded.errors)
            raise Refused(f"batches were not registered: {why}", f"批量注册失败：{why}")
        self._registered = loaded.identifiers
        self.raw["register-batch"] = {"identifiers": loaded.identifiers, "seconds": loaded.seconds}
        self._say("register-batch")
        return loaded.identifiers / loaded.seconds

    async def _bytes_each(self) -> float:
        """Right after the loading, when nothing else is registered."""
        connection = await asyncpg.connect(self._node.database_url, timeout=10)
        try:
            size = await connection.fetchval(_SQL["identifier_bytes"], timeout=60)
        finally:
            await connection.close()
        self.raw["disk"] = {"bytes": size, "identifiers": self._registered}
        return float(size / self._registered)


def _line(zh: str, en: str, found: Found) -> Line:
    p99 = next((one.p99 for one in found.tried if one.held), 0.0)
    return Line(zh, en, found.held, found.most, p99)
