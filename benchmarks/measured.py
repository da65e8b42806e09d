"""Lines of a table: rates of several rounds, their median and spread, beside limits of the same run."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.results import Run
from benchmarks.wrk import Load
from node.load.latencies import Latencies


@dataclass(slots=True)
class Measured:
    """The rounds of one line of the table."""

    name: str
    rates: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)
    latencies: Latencies = field(default_factory=Latencies)
    wrong: set[str] = field(default_factory=set)

    def add(self, load: Load) -> None:
        self.rates.append(load.rate)
        self.tails.append(load.latencies.milliseconds(99))
        self.latencies.add(load.latencies)
        if load.wrong:
            self.wrong.add(load.wrong)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def beside(self, limit: Measured | float) -> float:
        """How many times the limit: of another line the median over the rounds, as what slows a round slows both."""
        if isinstance(limit, Measured):
            return statistics.median(ours / theirs for ours, theirs in zip(self.rates, limit.rates, strict=True))
        return self.rate / limit

    def line(self, limits: Mapping[str, Measured | float]) -> str:
        spread = f"{min(self.rates):,.0f}–{max(self.rates):,.0f}"
        tail = f"{statistics.median(self.tails):.1f}" if any(self.tails) else ""
        ratios = ", ".join(f"{self.beside(limit):.2f} × {name}" for name, limit in limits.items())
        return f"| {self.name} | {self.rate:,.0f} | {spread} | {tail} | {ratios} {' '.join(self.wrong)}|"


# By line and name: another line, or a rate that was known before.
Limits = Mapping[str, Mapping[str, Measured | float]]


def table(lines: Mapping[str, Measured], limits: Limits, how: str) -> str:
    """Markdown; `how` says what was run."""
    machine = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    head = "| what | per second | spread | p99 ms, closed loop | beside its limits |\n|---|---:|---:|---:|---|"
    return "\n".join(
        [f"\n{machine}, {how}\n", head, *(line.line(limits.get(name, {})) for name, line in lines.items())]
    )


def interleaved(runs: Mapping[str, Callable[[int], Load]], rounds: int) -> dict[str, Measured]:
    """Every line once a round, so that what disturbs the machine disturbs all of them; each run is told the round's number."""
    lines = {name: Measured(name) for name in runs}
    for turn in range(rounds):
        for name, run in runs.items():
            lines[name].add(run(turn))
            print(f"  round {turn + 1}/{rounds}  {name:<42} {lines[name].rates[-1]:>12,.0f}/s", file=sys.stderr)
    return lines


def keep(made: Run, lines: Mapping[str, Measured], limits: Limits) -> None:
    """The lines as figures of a run: median and spread, how many times each limit that is, and the latencies of all rounds."""
    for name, line in lines.items():
        figures: dict[str, float] = {"per second": line.rate, "least": min(line.rates), "most": max(line.rates)}
        if any(line.tails):
            figures["p99 ms, closed loop"] = statistics.median(line.tails)
        figures |= {f"x {limit}": line.beside(there) for limit, there in limits.get(name, {}).items()}
        made.add(name, figures)
        if line.latencies.total:
            made.add_histogram(name, line.latencies)
    if wrong := [f"{name}: {text}" for name, line in lines.items() for text in line.wrong]:
        made.verdict = "; ".join(wrong)
