"""The goals beside what was measured: met, missed with the reason, or not measured. Pure.

`goals.json` names for each its figure (benchmark, line, column), how much it is to be, and the settings that a run must have had
(`given`), for a figure of a small run proves nothing of a large one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GOALS = Path(__file__).with_name("goals.json")
TABLES = {
    "registry": "Registry 注册",
    "resolver": "Resolver 解析",
    "handle": "The Handle protocol Handle 协议",
    "peering": "Peering 对接",
    "award": "The award 奖励",
}
MET, MISSED, OPEN = "met 达到", "missed 未达到", "not measured 未测量"
_NO_REASON = "The reason is not known yet. 原因尚未查明。"


@dataclass(frozen=True, slots=True)
class Judged:
    """`measured` is None where there is no figure of a run like the one that is wanted; `why` explains what is not met."""

    goal: Mapping[str, Any]
    measured: float | None
    verdict: str
    why: str = ""

    @property
    def wanted(self) -> str:
        sign, bound = ("≥", self.goal["at_least"]) if "at_least" in self.goal else ("≤", self.goal["at_most"])
        return f"{sign} {bound:,g} {self.goal['unit']}"


def read_goals(path: Path = GOALS) -> list[dict[str, Any]]:
    goals: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return goals


def judge(goal: Mapping[str, Any], runs: Mapping[str, Mapping[str, Any]]) -> Judged:
    """`runs` are the newest files by name of the benchmark."""
    said = runs.get(goal["benchmark"])
    line = said["figures"].get(goal["line"]) if said else None
    measured = line.get(goal["figure"]) if line else None
    if said is None or line is None or measured is None:
        return Judged(goal, None, OPEN)
    known = {**said["settings"], **line}
    if other := [
        f"{name} {known.get(name)}" for name, wish in goal.get("given", {}).items() if known.get(name) != wish
    ]:
        return Judged(goal, None, OPEN, f"the newest run had {', '.join(other)}")
    if goal.get("at_least", measured) <= measured <= goal.get("at_most", measured):
        return Judged(goal, measured, MET)
    return Judged(goal, measured, MISSED, goal.get("when_missed", _NO_REASON))


def tables(goals: list[dict[str, Any]], runs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Markdown, a table for each part of the node."""
    lines: list[str] = []
    for name, title in TABLES.items():
        lines += [f"### {title}\n", "| what | goal | measured | | |", "|---|---:|---:|---|---|"]
        for goal in goals:
            if goal["table"] == name:
                one = judge(goal, runs)
                shown = "" if one.measured is None else _shown(one.measured)
                lines.append(f"| {goal['en']}<br>{goal['zh']} | {one.wanted} | {shown} | {one.verdict} | {one.why} |")
        lines.append("")
    return lines


def _shown(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 1_000 else f"{figure:,.3g}"
