"""The bulk process, ended by SIGKILL where `BULK_CRASH_AT` says: `step` or `step:count`."""

from __future__ import annotations

import os
import signal
from collections import Counter

from node.bulk_runner import main

_seen: Counter[str] = Counter()


def reached(step: str) -> None:
    _seen[step] += 1
    wanted, _, count = os.environ.get("BULK_CRASH_AT", "").partition(":")
    if step == wanted and _seen[step] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    import registry.bulk.pieces as pieces

    pieces.CHUNK_ROWS = int(os.environ.get("BULK_CHUNK_ROWS", pieces.CHUNK_ROWS))
    raise SystemExit(main(reached))
