"""The table of figures of the READMEs, made from the newest results. Pure.

`figures.json` names for each row its benchmark, the command that measures it, and in both languages what it is and how its
figures are told: `{0[line][column]:format}` of the run's figures, `{1}` of its verdict.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROWS = Path(__file__).with_name("figures.json")
MARK = "figures"
_HEADS = {"en": ("| | | by |", "not measured"), "zh": ("| | | 命令 |", "未测量")}


def read_rows(path: Path = ROWS) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(path.read_text("utf-8"))
    return rows


def table(rows: list[dict[str, str]], runs: Mapping[str, Mapping[str, Any]], language: str) -> str:
    """Markdown in `en` or `zh`; `runs` are the newest files by name of the benchmark."""
    head, unmeasured = _HEADS[language]
    lines = [head, "|---|---|---|"]
    for row in rows:
        said = runs.get(row["benchmark"])
        told = row[f"{language}_told"].format(said["figures"], said["verdict"]) if said else unmeasured
        lines.append(f"| {row[language]} | {told} | `{row['by']}` |")
    return "\n".join(lines) + "\n"


def rewritten(text: str, made: str) -> str:
    """A README with another table between its marks. Raises ValueError where it has none."""
    begin, end = text.index(f"<!-- {MARK} -->\n"), text.index(f"<!-- /{MARK} -->")
    return f"{text[:begin]}<!-- {MARK} -->\n{made}{text[end:]}"
