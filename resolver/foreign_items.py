"""The items of a batch that other nodes answer: asked onwards through the top level, some at a time.

Bounded as the single door is (`resolver.recursion`), and by a time for the whole batch: what was not answered by then is
`unavailable`, each item for itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from core.errors import IdentifierUnknown, RecursionFailed
from core.identifier import Identifier
from resolver.recursion import Recursion

_AT_ONCE = 16
_SECONDS = 10.0

Foreign = dict[str, Any] | IdentifierUnknown | RecursionFailed


async def ask_onwards(recursion: Recursion, asked: Mapping[int, Identifier]) -> dict[int, Foreign]:
    """What other nodes say, by position: the Handle JSON, or the problem of that item alone."""
    waiting, said, end = list(asked.items()), dict[int, Foreign](), time.monotonic() + _SECONDS
    waiting.reverse()

    async def work() -> None:
        while waiting:
            position, identifier = waiting.pop()
            said[position] = await _ask(recursion, identifier, end)

    await asyncio.gather(*(work() for _ in range(min(_AT_ONCE, len(waiting)))))
    return said


async def _ask(recursion: Recursion, identifier: Identifier, end: float) -> Foreign:
    try:
        async with asyncio.timeout(max(end - time.monotonic(), 0)):
            found = await recursion.resolve(identifier)
    except TimeoutError:
        return RecursionFailed(
            f"Not answered within the {_SECONDS:g} s of a batch", f"批量查询在 {_SECONDS:g} 秒内未获应答"
        )
    except (IdentifierUnknown, RecursionFailed) as problem:
        return problem
    assert found.body is not None  # else it was unknown
    return found.body
