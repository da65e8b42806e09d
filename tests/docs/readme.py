"""A README as its tests see it: headings, code blocks, tables; and what counts as the output that it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import ROOT

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
NOT_RUN = "<!-- not run -->"
SHOWN_BASE_URL = "http://localhost:8080"
ANYTHING = "…"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(?=Z|[+-]\d\d:\d\d)")
_REQUEST_ID = re.compile(r"\b[0-9a-f]{16}\b")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `shown` is the output block right after it."""

    line: int
    language: str
    text: str
    run: bool
    shown: str | None


def blocks(path: Path) -> list[Block]:
    """All fenced blocks, output ones too. `sh` blocks are run unless `<!-- not run -->` stands above."""
    found: list[Block] = []
    lines = path.read_text("utf-8").splitlines()
    number, above, follows = 0, "", False
    while number < len(lines):
        line = lines[number]
        if line.startswith("```"):
            end = lines.index("```", number + 1)
            text, language = "\n".join(lines[number + 1 : end]), line[3:]
            found.append(Block(number + 1, language, text, language == "sh" and above != NOT_RUN, None))
            if follows and language in ("text", "json"):
                before = found[-2]
                found[-2] = Block(before.line, before.language, before.text, before.run, text)
            number, above, follows = end + 1, "", language == "sh"
            continue
        if line:
            above, follows = line, False
        number += 1
    return found


def headings(path: Path) -> list[tuple[int, str]]:
    """(level, text), without what stands in code blocks."""
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [(len(marks), title) for marks, title in re.findall(r"^(#+) (.*)$", text, re.MULTILINE)]


def section(path: Path, number: int) -> str:
    """The text below the second-level heading with that number, from 0."""
    return re.split(r"^## .*$", path.read_text("utf-8"), flags=re.MULTILINE)[number + 1]


def between(path: Path, mark: str) -> str:
    """The text between `<!-- mark -->` and `<!-- /mark -->`."""
    return path.read_text("utf-8").partition(f"<!-- {mark} -->\n")[2].partition(f"<!-- /{mark} -->")[0]


def difference(shown: str, real: str, base_url: str) -> str:
    """Why the output is not what the README shows, or nothing.

    JSON may be wrapped otherwise. Times, request ids and the port may differ. `…` stands for any text, any value, or, as
    the member `"…"` of an object, for any further members.
    """
    real = real.replace(base_url, SHOWN_BASE_URL)
    expected, found = _pieces(shown), _pieces(real)
    for position, (one, other) in enumerate(zip(expected, found, strict=False)):
        if why := _differs(one, other, f"piece {position + 1}"):
            return why
    return "" if len(expected) == len(found) else f"{len(expected)} pieces of output are shown, {len(found)} came"


def _pieces(text: str) -> list[Any]:
    """JSON objects and lines of text, in order."""
    pieces: list[Any] = []
    decoder = json.JSONDecoder()
    rest = text.strip()
    while rest:
        if rest.startswith("{"):
            value, end = decoder.raw_decode(rest)
            pieces.append(value)
        else:
            end = rest.find("\n") if "\n" in rest else len(rest)
            pieces.append(rest[:end].rstrip())
        rest = rest[end:].strip()
    return pieces


def _differs(shown: Any, real: Any, where: str) -> str:
    if shown == ANYTHING:
        return ""
    if isinstance(shown, dict) and isinstance(real, dict):
        wrong = {name for name in shown if name != ANYTHING} - set(real)
        wrong |= set(real) - set(shown) if ANYTHING not in shown else set()
        if wrong:
            return f"{where}: members {sorted(wrong)} are on one side only"
        return _first(_differs(shown[name], real[name], f"{where}.{name}") for name in shown if name in real)
    if isinstance(shown, list) and isinstance(real, list) and len(shown) == len(real):
        pairs = enumerate(zip(shown, real, strict=True))
        return _first(_differs(one, other, f"{where}[{n}]") for n, (one, other) in pairs)
    if isinstance(shown, str) and isinstance(real, str):
        pattern = ".*".join(map(re.escape, _masked(shown).split(ANYTHING)))
        return "" if re.fullmatch(pattern, _masked(real)) else f"{where}: {shown!r} is shown, {real!r} came"
    return "" if type(shown) is type(real) and shown == real else f"{where}: {shown!r} is shown, {real!r} came"


def _first(reasons: Iterable[str]) -> str:
    return next(filter(None, reasons), "")


def _masked(text: str) -> str:
    """Digits of times and request ids become zeros, so that their form still counts."""
    return _REQUEST_ID.sub("0" * 16, _TIME.sub(lambda time: re.sub(r"\d", "0", time[0]), text))
