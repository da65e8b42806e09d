"""What a drill found: checks with what proves them, and the report of all scenarios, as JSON and for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_MARKS = {True: "通过 pass", False: "不通过 FAIL"}


@dataclass(frozen=True, slots=True)
class Check:
    zh: str
    en: str
    passed: bool
    evidence: Mapping[str, Any]


@dataclass(slots=True)
class Found:
    """The checks of one scenario. `item` is the heading's number; `faults` are those that were dialled in."""

    item: str
    zh: str
    en: str
    faults: tuple[str, ...] = ()
    seconds: float = 0.0
    checks: list[Check] = field(default_factory=list)

    def check(self, zh: str, en: str, passed: bool, **evidence: Any) -> None:
        self.checks.append(Check(zh, en, passed, evidence))

    @property
    def passed(self) -> bool:
        """A scenario without a check has shown nothing."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        checks = [
            {"zh": one.zh, "en": one.en, "passed": one.passed, "evidence": dict(one.evidence)} for one in self.checks
        ]
        return {
            "item": self.item,
            "title": {"zh": self.zh, "en": self.en},
            "passed": self.passed,
            "seconds": round(self.seconds, 2),
            "faults": list(self.faults),
            "checks": checks,
        }


def report_json(scenarios: Sequence[Found], at: str, version: str, node_prefix: str) -> dict[str, Any]:
    return {
        "standard": "T11/AII 004-2021",
        "at": at,
        "software": {"name": "biaojie", "version": version},
        "node": node_prefix,
        "against": "top-level node in a box 仿真顶级节点",
        "passed": bool(scenarios) and all(one.passed for one in scenarios),
        "scenarios": [one.as_json() for one in scenarios],
    }


def report_text(report: Mapping[str, Any]) -> str:
    """Markdown, in both languages."""
    lines = [
        "# 二级节点对接演练报告 Conformance report of peering",
        "",
        f"{report['standard']} · biaojie {report['software']['version']} · {report['node']} · {report['at']}",
        "",
        "对端为本机仿真顶级节点；标准的测试步骤未公开，各项按章节标题自拟。",
        "The other end is the top-level node in a box. The standard's steps are not public: each heading is shown by steps of our own.",
        "",
        f"**{_MARKS[report['passed']]}**",
    ]
    for one in report["scenarios"]:
        title = one["title"]
        lines += [
            "",
            f"## {one['item']} {title['zh']} {title['en']} — {_MARKS[one['passed']]} ({one['seconds']} s)",
            "",
        ]
        if one["faults"]:
            lines += [f"故障 Faults: {', '.join(one['faults'])}", ""]
        for check in one["checks"]:
            lines.append(f"- [{'x' if check['passed'] else ' '}] {check['zh']} {check['en']}")
            lines += [f"  - {name}: {_brief(value)}" for name, value in check["evidence"].items()]
    return "\n".join(lines) + "\n"


def _brief(value: Any) -> str:
    if isinstance(value, list):
        shown = [str(one) for one in value[:6]]
        return ", ".join(shown) + (f" … ({len(value)})" if len(value) > len(shown) else "")
    return str(value)
