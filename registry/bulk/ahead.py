"""Stages of reading side by side: while one block is judged, the next is read and the one before is sorted.

Polars lets go of the interpreter's lock, so that stages in threads use both cores. One piece waits between two stages, no more.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
_LOOK_SECONDS = 0.1


@contextmanager
def ahead(source: Iterator[T]) -> Iterator[Iterator[T]]:
    """What `source` gives, taken from it in a thread; what it raises is raised here. Leaving stops it."""
    waiting: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=1)
    left = threading.Event()

    def put(one: tuple[T | None, BaseException | None]) -> bool:
        while not left.is_set():
            try:
                waiting.put(one, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def take() -> None:
        try:
            for one in source:
                if not put((one, None)):
                    return
        except BaseException as wrong:  # it belongs to whoever reads
            put((None, wrong))
        else:
            put((None, None))

    def given() -> Iterator[T]:
        while True:
            one, wrong = waiting.get()
            if wrong is not None:
                raise wrong
            if one is None:
                return
            yield one

    thread = threading.Thread(target=take, name="bulk-read", daemon=True)
    thread.start()
    try:
        yield given()
    finally:
        left.set()
        thread.join()


class Behind(Generic[T]):
    """Calls `work` in a thread with one piece after another; waits while the one before is not done."""

    def __init__(self, work: Callable[[T], None]) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="bulk-sort")
        self._pending: Future[None] | None = None

    def __enter__(self) -> Behind[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True)

    def add(self, piece: T) -> None:
        """Raises what the work on the piece before raised."""
        self.settle()
        self._pending = self._pool.submit(self._work, piece)

    def settle(self) -> None:
        """Wait until all are done."""
        if self._pending is not None:
            self._pending.result()
            self._pending = None
