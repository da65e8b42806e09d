"""What benchmarks measured, as files: `benchmarks/results/<date>-<commit>/<name>.json`, and the page made of them.

    make results                     # RESULTS.md and the READMEs' figures anew from the newest files

A file says everything that is needed to understand or repeat a run: command, settings, versions, machine, seed, figures, and
the histograms themselves (HDR, V2 compressed, base64; microseconds).
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from glob import glob
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hdrh.histogram import HdrHistogram

from benchmarks.charts import latency_chart, line_chart
from benchmarks.figures import read_rows, rewritten
from benchmarks.figures import table as figures_table
from benchmarks.goals import read_goals, tables
from node.load.latencies import MOST_MICROSECONDS, Latencies
from node.load.machine import machine
from node.version import VERSION

ROOT = Path(__file__).resolve().parent
RESULTS, PAGE = ROOT / "results", ROOT / "RESULTS.md"
READMES = {"en": ROOT.parent / "README.md", "zh": ROOT.parent / "README.zh-CN.md"}
_INTRODUCTION = """# Results 测试结果

Made by `make results` from the files in [results](results), which hold raw data, settings, versions, machine and command of every
run. The load came from the same machine, so ratios travel to other machines and absolutes do not.

由 `make results` 根据 [results](results) 中的文件生成，每个文件含原始数据、设置、版本、机器与命令。压测程序与节点在同一台机器上，比值可用于其他机器，绝对值则不能。

## Goals 目标
"""
_PROGRAMS = {
    "postgres": "--version", "redis-server": "--version", "nginx": "-v", "wrk": "-v", "knotd": "--version",
}  # fmt: skip
_LIBRARIES = ("aiohttp", "asyncpg", "uvloop", "httptools", "orjson", "redis", "polars", "locust")


class Run:
    """One run of one benchmark. `add` keeps a line of figures, `add_histogram` latencies in microseconds."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        self.name = name
        self.settings = settings
        self.figures: dict[str, dict[str, Any]] = {}
        self.histograms: dict[str, str] = {}
        self.charts: dict[str, dict[str, Any]] = {}
        self.verdict = ""
        self.began = datetime.now(UTC)

    def add(self, title: str, figures: dict[str, Any]) -> None:
        self.figures[title] = figures

    def add_histogram(self, title: str, histogram: HdrHistogram | Latencies) -> None:
        whole = histogram_of(histogram) if isinstance(histogram, Latencies) else histogram
        self.histograms[title] = whole.encode().decode()

    def add_chart(self, title: str, across: str, up: str, lines: dict[str, list[tuple[float, float]]]) -> None:
        """Points (x, y) of each line, all above 0."""
        self.charts[title] = {"across": across, "up": up, "lines": lines}

    def write(self, directory: Path | None = None) -> Path:
        place = directory or RESULTS / f"{self.began:%Y-%m-%d}-{commit()}"
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{self.name}.json"
        path.write_text(json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n", "utf-8")
        return path

    def as_json(self) -> dict[str, Any]:
        return {
            "benchmark": self.name,
            "command": _command(),
            "began": self.began.isoformat(timespec="seconds"),
            "verdict": self.verdict,
            "settings": self.settings,
            "versions": versions(),
            "machine": machine(),
            "figures": self.figures,
            "histograms": self.histograms,
            "charts": self.charts,
        }


def histogram_of(latencies: Latencies) -> HdrHistogram:
    made = HdrHistogram(1, MOST_MICROSECONDS, 3)
    for microseconds, times in latencies.counts.items():
        made.record_value(microseconds, times)
    return made


def _command() -> str:
    """As it was said, but for where things lie on this machine."""
    said = [Path(sys.argv[0]).stem, *("PLACE" if word.startswith("/") else word for word in sys.argv[1:])]
    return "python -m benchmarks." + " ".join(said)


def commit() -> str:
    """The commit; `-dirty` behind it where the code beside the results is another."""
    said = subprocess.run(
        ["git", "describe", "--always", "--exclude=*", "--dirty=-dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return said.stdout.strip() or "unknown"


def versions() -> dict[str, str]:
    own = {"biaojie": VERSION, "python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}
    return own | {name: said for name, flag in _PROGRAMS.items() if (said := _program_version(name, flag))}


def _program_version(name: str, flag: str) -> str:
    """The first number with a dot that a program says of itself; empty where there is no such program."""
    found = shutil.which(name)
    if found is None and name == "postgres":
        found = next(iter(sorted(glob("/usr/lib/postgresql/*/bin/postgres"), reverse=True)), None)
    if found is None:
        return ""
    said = subprocess.run([found, flag], capture_output=True, text=True, timeout=10)
    number = re.search(r"\d+\.[\w.]+", said.stdout + said.stderr)
    return number[0] if number else ""


def newest(results: Path = RESULTS) -> dict[str, Path]:
    """The newest file of each benchmark, whatever its directory is called."""
    found: dict[str, Path] = {}
    for path in sorted(results.glob("*/*.json"), key=lambda path: str(json.loads(path.read_text("utf-8"))["began"])):
        found[path.stem] = path
    return found


def page(results: Path = RESULTS) -> str:
    """`RESULTS.md`: the goals, then each benchmark with its newest figures. Charts are written beside the files."""
    found = {name: (path, json.loads(path.read_text("utf-8"))) for name, path in sorted(newest(results).items())}
    parts = [_INTRODUCTION, *tables(read_goals(), {name: said for name, (_, said) in found.items()})]
    parts += [_section(name, path, said, results.parent) for name, (path, said) in found.items()]
    return "\n".join(parts) + "\n"


def _section(name: str, path: Path, said: dict[str, Any], beside: Path) -> str:
    about, place = said["machine"], path.parent.relative_to(beside)
    lines = [
        f"## {name}{': ' + said['verdict'] if said['verdict'] else ''}\n",
        f"`{said['command']}` · {said['began'][:10]} · commit {path.parent.name[11:]} · {about['cores']} cores of "
        f"{about['processor']}, {about['memory_gibibytes']} GiB · [raw data]({place}/{path.name})\n",
        *_table(said["figures"]),
    ]
    if said["histograms"]:
        chart = path.with_suffix(".svg")
        decoded = {title: HdrHistogram.decode(encoded) for title, encoded in said["histograms"].items()}
        chart.write_text(latency_chart(f"{name}: latency by percentile", decoded), "utf-8")
        lines.append(f"\n![latency by percentile]({place}/{chart.name})\n")
    for number, (title, wish) in enumerate(said.get("charts", {}).items(), 1):
        chart = path.with_name(f"{path.stem}-{number}.svg")
        chart.write_text(line_chart(title, wish["lines"], wish["across"], wish["up"]), "utf-8")
        lines.append(f"\n![{title}]({place}/{chart.name})\n")
    return "\n".join(lines)


def _table(figures: dict[str, dict[str, Any]]) -> list[str]:
    names = list(dict.fromkeys(name for line in figures.values() for name in line))
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for title, line in figures.items():
        lines.append(f"| {title} | " + " | ".join(_shown(line.get(name)) for name in names) + " |")
    return lines


def _shown(figure: Any) -> str:
    if figure is None:
        return ""
    if isinstance(figure, bool):
        return "yes" if figure else "no"
    if isinstance(figure, float):
        return f"{figure:,.0f}" if abs(figure) >= 1_000 else f"{figure:,.3g}"
    return f"{figure:,}" if isinstance(figure, int) else str(figure)


def read_newest() -> dict[str, dict[str, Any]]:
    return {name: json.loads(path.read_text("utf-8")) for name, path in newest().items()}


def main() -> int:
    PAGE.write_text(page(), "utf-8")
    runs = read_newest()
    for language, readme in READMES.items():
        readme.write_text(rewritten(readme.read_text("utf-8"), figures_table(read_rows(), runs, language)), "utf-8")
    print(f"{PAGE.relative_to(ROOT.parent)} and the READMEs: {len(runs)} benchmarks")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
