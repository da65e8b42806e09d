"""Broken messages through the Handle codec, for long: a value or one of our errors each, and no growth of memory.

    make fuzz-handle                # ten million
    COUNT=100000 make fuzz-handle

What was fed, what came out and what memory was held is a result like any other (`benchmarks/results`). `--seed` feeds the same again.
"""

from __future__ import annotations

import argparse
import random
import sys

from benchmarks.results import ROOT, Run
from tests.fuzz.handle import Course, run


def result_of(course: Course, seed: int) -> Run:
    """`faults` is 1 where the run ended at a fault, or memory grew; then the verdict tells it."""
    made = Run("handle_fuzz", {"seed": seed})
    before, fifth, end = (round(kib / 1_024, 1) for kib in course.kib)
    made.add(
        "inputs",
        {
            "inputs": course.count, "faults": int(bool(course.fault)), "seconds": round(course.seconds, 1),
            "largest bytes": course.fuzzer.largest, "MiB before": before, "MiB after a fifth": fifth, "MiB at the end": end,
        },
    )  # fmt: skip
    for outcome, count in course.fuzzer.outcomes.most_common():
        made.add(outcome, {"inputs": count})
    made.verdict = course.fault
    return made


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.handle_fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=0, help="0: a new one")
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().getrandbits(32)
    course = run(options.count, seed, lambda line: print(line, flush=True))
    made = result_of(course, seed)
    print(course.fault or f"{options.count:,} inputs of seed {seed} in {course.seconds:,.0f} s: no fault")
    print(", ".join(f"{outcome} {count:,}" for outcome, count in course.fuzzer.outcomes.most_common()))
    print(f"raw data: {made.write().relative_to(ROOT.parent)}")
    return int(bool(course.fault))


if __name__ == "__main__":
    sys.exit(main())
