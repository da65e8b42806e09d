"""How often memory answers what is asked for by popularity (Zipf), alone and while somebody walks through everything.

    python -m benchmarks.scan [--asked 1000000]

The worker's memory by itself, with records of the demo; a million names, of which it holds one in twenty. Beside it the same
without a part for what was asked for again, which is plain LRU. Takes half a minute; nothing is timed.
"""

from __future__ import annotations

import argparse
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import resolver.memory
from benchmarks.own_node import real_part
from benchmarks.results import Run
from core.record import Record, Status
from core.value_intake import pack_usual
from resolver.memory import Memory

_NAMES, _HELD = 1_000_000, 50_000
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def hit_share(asked: int, walked: int, share: float, seed: int = 1) -> float:
    """Of the second half of `asked` look-ups by popularity, with `walked` look-ups of a walk between two of them."""
    resolver.memory._PROVED_SHARE = share
    chance, packed, hits = random.Random(seed), _packed(), 0
    memory = Memory(_HELD * _size(packed))
    step = 0
    for turn in range(asked):
        rank = int(_NAMES ** chance.random())
        hits += _ask(memory, f"88.118.8/S{rank:07d}", packed) and turn >= asked // 2
        for _ in range(walked):
            _ask(memory, f"88.118.8/W{step:07d}", packed)
            step += 1
    return hits / (asked - asked // 2)


def _ask(memory: Memory, key: str, packed: bytes) -> bool:
    """As the lane of ready answers does: found by its line, touched once in a turn."""
    line = memory.lines.get(key.encode())
    if line is not None:
        if line.touched != memory.turn:
            line.touched = memory.turn
            memory.touch(line.entry)
        return True
    memory.keep_line(memory.put(_record(key, packed), 0.0), key.encode(), b"", b"")
    return False


def _size(packed: bytes) -> int:
    """Of what memory holds of one."""
    memory = Memory(1_000_000)
    _ask(memory, "88.118.8/S0000000", packed)
    return memory.used_bytes


def _record(key: str, packed: bytes) -> Record:
    return Record(key, key, packed, 1, Status.ACTIVE, None, None, _MOMENT, _MOMENT)


def _packed() -> bytes:
    packed = pack_usual(json.loads(real_part()[1].replace("%%", "%")))
    assert packed is not None
    return packed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asked", type=int, default=1_000_000)
    options = parser.parse_args()
    made = Run("scan", {"asked": options.asked, "names": _NAMES, "held": _HELD, "seed": 1})
    ours = resolver.memory._PROVED_SHARE
    print("share of look-ups that memory answers 内存命中率\n")
    print("| walk beside 扫描 | ours 本项目 | plain LRU |\n|---|---:|---:|")
    for walked in (0, 1, 4):
        figures = {"hits": hit_share(options.asked, walked, ours), "plain LRU": hit_share(options.asked, walked, 0.0)}
        title = f"{walked} of a walk for each"
        made.add(title, figures)
        print(f"| {title} | {figures['hits']:.1%} | {figures['plain LRU']:.1%} |")
    print(f"\nraw data: {made.write().relative_to(Path.cwd())}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
