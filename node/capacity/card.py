"""The card of a machine: what was measured, and the arithmetic from there to the largest node. Pure.

A node meets peaks of ten times its average, so a tenth of the rate that held is what it may do on average; of the free disk a
fifth is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PEAK = 10
DISK_SHARE = 0.8
DAY_SECONDS, YEAR_DAYS = 86_400, 365
RESOLUTIONS_A_DAY, REGISTRATIONS_A_YEAR = 10_000_000, 30_000_000  # the thresholds of the award


@dataclass(frozen=True, slots=True)
class Line:
    """One door. Rates in identifiers a second; `held` is the highest with its p99 within the promise, 0.0 where none was."""

    zh: str
    en: str
    held: float
    most: float
    p99_milliseconds: float


@dataclass(frozen=True, slots=True)
class Largest:
    """Averages of the largest node; `identifiers` that its disk takes."""

    resolutions_a_day: float
    registrations_a_year: float
    identifiers: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured. `resolving` and `registering` are the rates that the largest node is worked out from."""

    machine: dict[str, Any]
    lines: list[Line]
    registering: float
    resolving: float
    memory_mebibytes: float
    disk_bytes_each: float
    free_bytes: float


def largest(measured: Measured) -> Largest:
    return Largest(
        measured.resolving / PEAK * DAY_SECONDS,
        measured.registering / PEAK * DAY_SECONDS * YEAR_DAYS,
        measured.free_bytes * DISK_SHARE / max(measured.disk_bytes_each, 1.0),
    )


def card_lines(measured: Measured, p99_milliseconds: float) -> list[str]:
    """For people, in both languages."""
    about, whole = measured.machine, largest(measured)
    lines = [
        f"{about['cores']} 核 cores, {about['memory_gibibytes']:.0f} GiB, {about['processor']}",
        f"每秒标识数，p99 ≤ {p99_milliseconds:g} ms（括号内：不限延迟）  identifiers a second at p99 ≤ {p99_milliseconds:g} ms (most, at any latency)",
    ]
    for line in measured.lines:
        held = f"{line.held:>10,.0f}/s  p99 {line.p99_milliseconds:5.1f} ms" if line.held else f"{'—':>10}" + " " * 17
        lines.append(f"  {held}  ({line.most:>9,.0f}/s)  {line.zh} {line.en}")
    lines += [
        f"内存 memory: {measured.memory_mebibytes:,.0f} MiB（节点、PostgreSQL、Redis 合计 node, PostgreSQL and Redis）",
        f"磁盘 disk: {measured.disk_bytes_each:,.0f} MB/百万标识 a million identifiers（含主键 with their key）",
        f"此机可承载的最大节点（高峰为平均的 {PEAK} 倍，磁盘留 {1 - DISK_SHARE:.0%}）",
        f"the largest node it would carry (peaks of {PEAK} x the average, {1 - DISK_SHARE:.0%} of the free disk left)",
        f"  日均解析 resolutions a day: {_times(whole.resolutions_a_day, RESOLUTIONS_A_DAY)}",
        f"  年注册量 registrations a year: {_times(whole.registrations_a_year, REGISTRATIONS_A_YEAR)}",
        f"  标识总量 identifiers on the free disk: {whole.identifiers:,.0f}",
        "解析的是内存中的热门标识；压测程序占用同样的核，各项分别测量。"
        "Resolved were popular identifiers, from memory; the load came from the same cores; each line was measured by itself.",
    ]
    if not (measured.registering and measured.resolving):
        lines.append("有通道在任何速率下都超出延迟上限；本机可能另有负载，请空闲时重测。")
        lines.append(
            "A door held no rate within the latency; something else may be running here: measure again when it is not."
        )
    return lines


def _times(count: float, threshold: int) -> str:
    return f"{count:,.0f}（奖励门槛的 {count / threshold:,.1f} 倍 x the award's threshold）"
