"""Charts as SVG, made by hand: lines over a logarithmic axis. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 420, 70, 250, 60, 50
_COLOURS = ("#16578c", "#ae2f23", "#2f7d4f", "#8a5a00", "#6a3d9a", "#00798c", "#b0588f", "#555555")
_PERCENTILES = (0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99)


def latency_chart(title: str, histograms: Mapping[str, Any]) -> str:
    """HDR histograms of microseconds, as milliseconds over the percentile, whose axis is that of `1 / (1 - p)`."""
    lines = {
        name: [(1 / (1 - p / 100), made.get_value_at_percentile(p) / 1000) for p in _PERCENTILES if p < 100]
        for name, made in list(histograms.items())[:8]
        if made.get_total_count()
    }
    marks = {1.0: "0", 2.0: "50 %", 10.0: "90 %", 100.0: "99 %", 1_000.0: "99.9 %", 10_000.0: "99.99 %"}
    return line_chart(title, lines, "percentile", "ms", marks)


def line_chart(
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    across: str,
    up: str,
    marks: Mapping[float, str] | None = None,
) -> str:
    """Points (x, y), both above 0, both axes logarithmic. `marks` names places of the x axis."""
    points = [point for line in lines.values() for point in line]
    if not points:
        return _frame(title, [])
    least_x, most_x = min(x for x, _ in points), max(x for x, _ in points)
    least_y = 10 ** math.floor(math.log10(max(min(y for _, y in points), 1e-6)))
    most_y = 10 ** math.ceil(math.log10(max(max(y for _, y in points), least_y * 1.01)))

    def at(x: float, y: float) -> tuple[float, float]:
        wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return (
            _LEFT + wide * _share(x, least_x, most_x),
            _HEIGHT - _BOTTOM - high * _share(max(y, least_y), least_y, most_y),
        )

    drawn = [_text(_LEFT, _TOP - 10, up), _text(_WIDTH - _RIGHT, _HEIGHT - 12, across, "end")]
    step = least_y
    while step <= most_y * 1.001:
        _, height = at(least_x, step)
        drawn.append(f'<line x1="{_LEFT}" y1="{height:.1f}" x2="{_WIDTH - _RIGHT}" y2="{height:.1f}" stroke="#ddd"/>')
        drawn.append(_text(_LEFT - 6, height + 4, f"{step:,g}", "end"))
        step *= 10
    for place, name in (marks or {x: f"{x:,g}" for x in sorted({x for x, _ in points})}).items():
        if least_x <= place <= most_x:
            left, _ = at(place, least_y)
            drawn.append(_text(left, _HEIGHT - _BOTTOM + 18, name, "middle"))
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{left:.1f},{height:.1f}" for left, height in (at(x, y) for x, y in line))
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn.append(_text(_WIDTH - _RIGHT + 14, _TOP + 14 + 20 * number, name, "start", colour))
    return _frame(title, drawn)


def _share(value: float, least: float, most: float) -> float:
    return math.log(value / least) / math.log(most / least) if most > least else 0.5


def _text(left: float, height: float, text: str, anchor: str = "start", colour: str = "#333") -> str:
    return f'<text x="{left:.1f}" y="{height:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _frame(title: str, drawn: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="13">'
    ground = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", ground, _text(_LEFT, 20, title), *drawn, "</svg>"])
