"""The doors of the fast lane: which requests it answers, and what lies ready before a door is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from core.exchange import Answer, Ask, Later
from core.fast_head import Head

# What a door makes of a request: an answer, a promise of one, or None where it is not for the fast lane.
Said = Answer | Later | Awaitable[Answer] | None
Door = Callable[[Ask], Said]


class Ready(Protocol):
    """Answers that lie ready, found by the bytes of a request. A turn of the loop is `begin`, any number of `take` for any
    connections, `end`."""

    def fits(self, head: Head) -> bool: ...

    def is_probe(self, source: str | None) -> bool: ...

    def begin(self, now: float, ends: bytes) -> None: ...

    def take(self, data: bytes, fields: bytes, probe: bool, out: list[bytes]) -> int:
        """Append answers to the requests at the beginning that have these header fields; where the first one begins that has
        none."""
        ...

    def end(self) -> None: ...


class Doors:
    """Which requests have a door on the lane: GET by the beginning of the path, POST by the whole of it."""

    def __init__(self) -> None:
        self._gets: list[tuple[str, str, Door]] = []
        self._posts: dict[str, tuple[str, Door]] = {}
        self.ready: Ready | None = None  # asked before the doors

    def add_get(self, begins: str, route: str, door: Door) -> None:
        """`route` is the pattern under which its requests are counted. Asked in the order in which they were added."""
        self._gets.append((begins, route, door))

    def add_post(self, path: str, door: Door) -> None:
        self._posts[path] = (path, door)

    def find(self, method: str, path: str) -> tuple[str, Door] | None:
        if method == "POST":
            return self._posts.get(path)
        for begins, route, door in self._gets:
            if path.startswith(begins):
                return route, door
        return None
