"""What benchmarks measured, as files: `benchmarks/results/<date>-<commit>/<name>.json`, and the page made of them.

    make results                     # RESULTS.md anew from all files

A file says everything that is needed to understand or repeat a run: command, settings, versions, machine, seed, figures, and
the histograms themselves (HDR, V2 compressed, base64; microseconds).
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hdrh.histogram import HdrHistogram

from benchmarks.charts import latency_chart
from node.version import VERSION

ROOT = Path(__file__).resolve().parent
RESULTS, PAGE = ROOT / "results", ROOT / "RESULTS.md"
_LIBRARIES = ("aiohttp", "asyncpg", "uvloop", "httptools", "orjson", "redis", "polars", "locust")


class Run:
    """One run of one benchmark. `add` keeps a line of figures, `add_histogram` latencies in microseconds."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        self.name = name
        self.settings = settings
        self.figures: dict[str, dict[str, Any]] = {}
        self.histograms: dict[str, str] = {}
        self.verdict = ""
        self.began = datetime.now(UTC)

    def add(self, title: str, figures: dict[str, Any]) -> None:
        self.figures[title] = figures

    def add_histogram(self, title: str, histogram: HdrHistogram) -> None:
        self.histograms[title] = histogram.encode().decode()

    def write(self, directory: Path | None = None) -> Path:
        place = directory or RESULTS / f"{self.began:%Y-%m-%d}-{commit()}"
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{self.name}.json"
        path.write_text(json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n", "utf-8")
        return path

    def as_json(self) -> dict[str, Any]:
        return {
            "benchmark": self.name,
            "command": " ".join(["python", "-m", f"benchmarks.{self.name}", *sys.argv[1:]]),
            "began": self.began.isoformat(timespec="seconds"),
            "verdict": self.verdict,
            "settings": self.settings,
            "versions": versions(),
            "machine": machine(),
            "figures": self.figures,
            "histograms": self.histograms,
        }


def commit() -> str:
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return said.stdout.strip() or "unknown"


def versions() -> dict[str, str]:
    return {"biaojie": VERSION, "python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}


def machine() -> dict[str, Any]:
    """Cores, memory, kernel; no name and no path."""
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    return {"cores": os.cpu_count(), "processor": model, "memory GiB": round(int(memory.split()[1]) / 2**20, 1), "kernel": platform.release()}  # fmt: skip


def newest() -> dict[str, Path]:
    """The newest file of each benchmark; directories are named by date, so that names sort by it."""
    found: dict[str, Path] = {}
    for path in sorted(RESULTS.glob("*/*.json"), key=lambda path: json.loads(path.read_text("utf-8"))["began"]):
        found[path.stem] = path
    return found


def page() -> str:
    """`RESULTS.md`: each benchmark with its newest figures."""
    parts = ["# Results\n\nMade by `make results` from the files in [results](results); each says how it came about.\n"]
    for name, path in sorted(newest().items()):
        said = json.loads(path.read_text("utf-8"))
        parts.append(_section(name, path, said))
    return "\n".join(parts)


def _section(name: str, path: Path, said: dict[str, Any]) -> str:
    about, place = said["machine"], path.parent.relative_to(ROOT)
    lines = [
        f"## {name}{': ' + said['verdict'] if said['verdict'] else ''}\n",
        f"`{said['command']}` · {said['began'][:10]} · commit {path.parent.name.rpartition('-')[2]} · {about['cores']} cores of "
        f"{about['processor']}, {about['memory GiB']} GiB · [raw data]({place}/{path.name})\n",
        *_table(said["figures"]),
    ]
    if said["histograms"]:
        chart = path.with_suffix(".svg")
        decoded = {title: HdrHistogram.decode(encoded) for title, encoded in said["histograms"].items()}
        chart.write_text(latency_chart(f"{name}: latency by percentile", decoded), "utf-8")
        lines.append(f"\n![latency by percentile]({place}/{chart.name})\n")
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


def main() -> int:
    PAGE.write_text(page() + "\n", "utf-8")
    print(f"{PAGE.relative_to(ROOT.parent)}: {len(newest())} benchmarks")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
