"""Lines of a table: rates of several rounds, their median and spread, beside limits of the same run."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.wrk import Load


@dataclass(slots=True)
class Measured:
    """The rounds of one line of the table."""

    name: str
    rates: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)
    wrong: set[str] = field(default_factory=set)

    def add(self, load: Load) -> None:
        self.rates.append(load.rate)
        self.tails.append(load.p99_milliseconds)
        if load.wrong:
            self.wrong.add(load.wrong)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def line(self, limits: dict[str, float]) -> str:
        spread = f"{min(self.rates):,.0f}–{max(self.rates):,.0f}"
        tail = f"{statistics.median(self.tails):.1f}" if any(self.tails) else ""
        ratios = ", ".join(f"{self.rate / limit:.2f} × {name}" for name, limit in limits.items())
        return f"| {self.name} | {self.rate:,.0f} | {spread} | {tail} | {ratios} {' '.join(self.wrong)}|"


def table(lines: Mapping[str, Measured], limits: Mapping[str, Mapping[str, float]], how: str) -> str:
    """Markdown; `limits` are rates by line and name, `how` says what was run."""
    machine = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    head = "| what | per second | spread | p99 ms | beside its limits |\n|---|---:|---:|---:|---|"
    return "\n".join(
        [f"\n{machine}, {how}\n", head, *(line.line(dict(limits.get(name, {}))) for name, line in lines.items())]
    )
