"""What a benchmark concludes: void, passed or failed; a goal met, missed or not measured; the card of a machine."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from benchmarks.award import Played, judge
from benchmarks.charts import latency_chart, line_chart
from benchmarks.day import State
from benchmarks.goals import MET, MISSED, OPEN, TABLES, read_goals
from benchmarks.goals import judge as judge_goal
from benchmarks.results import Run, histogram_of, newest, page
from node.capacity.card import Line, Measured, card_lines, largest
from node.capacity.search import Found, Tried
from node.load.arrivals import Outcome
from node.load.latencies import Latencies


def played(
    achieved: float, intended: float = 100.0, milliseconds: int = 5, errors: dict[str, int] | None = None
) -> Played:
    """Ten seconds at one rate, all answers equally late."""
    histogram = HdrHistogram(1, 60_000_000, 3)
    histogram.record_value(milliseconds * 1_000, 1_000)
    told = {
        "seconds": 10.0,
        "identifiers": {"json": achieved * 10, "register": achieved, "revise": 10**6},
        "errors": errors or {},
        "histograms": {"json": histogram.encode().decode()},
    }
    return Played(intended, intended / 10, 10.0, told)


def test_a_run_more_than_one_percent_short_is_void_and_nothing_else() -> None:
    assert played(98.9).void
    assert not played(98.9).good
    assert not played(99.1).void
    assert played(99.1).good


@pytest.mark.parametrize(
    ("one", "good"),
    [
        (played(100.0), True),
        (played(100.0, milliseconds=49), True),
        (played(100.0, milliseconds=51), False),
        (played(100.0, errors={"json: 503": 1}), False),
    ],
)
def test_a_rate_is_held_within_50_ms_and_without_errors(one: Played, good: bool) -> None:
    assert one.good is good


def test_a_run_that_registers_less_than_it_should_is_void_but_for_the_batch_that_was_not_due() -> None:
    few = played(1_000.0, 1_000.0)
    few.told["identifiers"]["register"] = 981
    assert not few.void
    few.told["identifiers"]["register"] = 979
    assert few.void


def test_award_passes_only_where_average_and_peak_held() -> None:
    good, bad = played(100.0), played(100.0, errors={"json: 503": 1})
    for average, peak, passed in ((good, good, True), (good, bad, False), (bad, good, False), (bad, bad, False)):
        verdict, lines = judge(average, peak, [])
        assert verdict is passed
        assert lines[-1] == ("PASS" if passed else "FAIL")


def test_highest_rate_held_is_told_as_a_day_and_a_year() -> None:
    _, lines = judge(played(100.0), played(1_000.0, 1_000.0), [played(2_000.0, 2_000.0), played(3_000.0, 4_000.0)])
    assert "2,000 resolutions/s" in lines[0], "the last one is void"
    assert f"{2_000 * 86_400:,} resolutions a day (17.3 x" in lines[1]
    assert f"{200 * 86_400 * 365:,} registrations a year (210.2 x" in lines[1], "revisions are not registrations"


# Goals.


def a_run(figures: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"figures": {"line": figures}, "settings": settings}


GOAL = {"table": "resolver", "benchmark": "b", "line": "line", "figure": "f", "unit": "/s", "when_missed": "because"}


@pytest.mark.parametrize(
    ("bounds", "runs", "verdict", "why"),
    [
        ({"at_least": 5}, {"b": a_run({"f": 5.0})}, MET, ""),
        ({"at_least": 5}, {"b": a_run({"f": 4.9})}, MISSED, "because"),
        ({"at_most": 5}, {"b": a_run({"f": 5.0})}, MET, ""),
        ({"at_most": 5}, {"b": a_run({"f": 5.1})}, MISSED, "because"),
        ({"at_least": 5}, {}, OPEN, ""),
        ({"at_least": 5}, {"b": a_run({"other": 9.0})}, OPEN, ""),
        ({"at_least": 5, "given": {"rows": 30}}, {"b": a_run({"f": 9.0}, rows=30)}, MET, ""),
        ({"at_least": 5, "given": {"rows": 30}}, {"b": a_run({"f": 9.0}, rows=3)}, OPEN, "the newest run had rows 3"),
    ],
)
def test_goal_is_judged_by_a_figure_of_a_run_like_the_one_wanted(
    bounds: dict[str, Any], runs: dict[str, Any], verdict: str, why: str
) -> None:
    judged = judge_goal(GOAL | bounds, runs)
    assert (judged.verdict, judged.why) == (verdict, why)


def test_goals_are_whole() -> None:
    goals = read_goals()
    assert {goal["table"] for goal in goals} == set(TABLES)
    for goal in goals:
        assert goal["en"] and goal["zh"]
        program = goal["benchmark"].removesuffix("_latency")  # the same one, with another option
        assert (Path("benchmarks") / f"{program}.py").exists(), goal
        assert ("at_least" in goal) != ("at_most" in goal), goal


# Results.


def test_page_is_made_of_the_newest_files(tmp_path: Path) -> None:
    for day, rate in ((1, 111.0), (2, 222.0)):
        made = Run("first", {"rounds": 1})
        made.began = made.began.replace(year=2026, month=1, day=day)
        made.add("register one, 256 connections", {"per second": rate, "x pgbench": 1.6, "held": True})
        made.add_histogram("open model", Latencies({5_000: 10}))
        made.add_chart("by rows", "rows", "per second", {"one": [(1.0, 10.0), (10.0, 5.0)]})
        # Names sort the other way round: what counts is when a run began.
        made.write(tmp_path / "results" / f"2026-01-0{3 - day}-abc")
    assert newest(tmp_path / "results")["first"].parent.name == "2026-01-01-abc"
    text = page(tmp_path / "results")
    assert "## first" in text and "| 222 |" in text and "| 111 |" not in text
    assert "| ≥ 1.5 × pgbench single INSERT | 1.6 | met 达到 |" in text
    for chart in ("first.svg", "first-1.svg"):
        assert f"results/2026-01-01-abc/{chart}" in text
        assert (tmp_path / "results" / "2026-01-01-abc" / chart).exists()


def test_file_of_a_run_says_how_it_came_about(tmp_path: Path) -> None:
    made = Run("day", {"scale": 0.01})
    made.add_histogram("closed loop", Latencies({1_000: 99, 50_000: 1}))
    said = json.loads(made.write(tmp_path).read_text("utf-8"))
    assert {"command", "began", "settings", "versions", "machine", "figures", "histograms"} <= set(said)
    whole = HdrHistogram.decode(said["histograms"]["closed loop"])
    assert whole.get_total_count() == 100
    assert whole.get_value_at_percentile(50) == pytest.approx(1_000, rel=0.01)
    assert whole.get_value_at_percentile(100) == pytest.approx(50_000, rel=0.01)


def test_charts_are_drawings_with_every_line_named() -> None:
    lines = {"甲 <1>": [(1.0, 10.0), (100.0, 20_000.0)], "乙": [(1.0, 5.0)]}
    latencies = {"json": histogram_of(Latencies({1_000: 99, 50_000: 1}))}
    for drawn, names in (
        (line_chart("rows", lines, "rows", "per second"), list(lines)),
        (latency_chart("latency", latencies), ["json"]),
    ):
        root = ElementTree.fromstring(drawn)
        texts = [element.text for element in root.iter() if element.tag.endswith("text")]
        assert all(name in texts for name in names)
        assert len([element for element in root.iter() if element.tag.endswith("polyline")]) == len(names)
    assert ElementTree.fromstring(line_chart("nothing", {}, "x", "y")).tag.endswith("svg")


# The card.


def tried(
    milliseconds: int, *, answered: int = 100, seconds: float = 2.0, errors: int = 0, rate: float = 50.0
) -> Tried:
    outcome = Outcome(Latencies({milliseconds * 1_000: 100}), asked=100, answered=answered, seconds=seconds)
    if errors:
        outcome.errors["answer 503 instead of 200"] = errors
    return Tried(0.8, rate, 2.0, outcome)


@pytest.mark.parametrize(
    ("one", "held"),
    [
        (tried(10), True),
        (tried(11), False),
        (tried(1, answered=99), False),
        (tried(1, seconds=2.5), False),
        (tried(1, errors=1), False),
    ],
)
def test_rate_is_held_with_every_answer_right_and_none_late(one: Tried, held: bool) -> None:
    assert one.held is held


def test_highest_rate_that_held_counts() -> None:
    assert Found(100.0, [tried(11, rate=80.0), tried(9, rate=60.0)]).held == 60.0
    assert Found(100.0, [tried(11, rate=80.0)]).held == 0.0


def test_largest_node_meets_ten_times_its_average_and_leaves_a_fifth_of_the_disk() -> None:
    machine = {"cores": 2, "memory_gibibytes": 24.0, "processor": "any"}
    lines = [Line("解析", "resolved", 20_000.0, 30_000.0, 5.0), Line("网页", "pages", 0.0, 300.0, 0.0)]
    measured = Measured(machine, lines, 1_000.0, 20_000.0, 500.0, 400.0, 1e9)
    whole = largest(measured)
    assert whole.resolutions_a_day == 2_000 * 86_400
    assert whole.registrations_a_year == 100 * 86_400 * 365
    assert whole.identifiers == 2_000_000
    card = "\n".join(card_lines(measured, 10.0))
    assert "172,800,000（奖励门槛的 17.3 倍" in card
    assert "20,000/s  p99   5.0 ms" in card
    assert "2,000,000" in card
    assert "A door held no rate" not in card
    assert "A door held no rate" in "\n".join(card_lines(replace(measured, registering=0.0), 10.0))


def test_a_day_that_was_cut_goes_on_with_the_slice_that_was_not_finished(tmp_path: Path) -> None:
    path = tmp_path / "day.json"
    assert State.read(path) == State(path)
    state = State(path, registered=True, starts=1)
    for _ in range(7):
        state.begin()
        state.add([Outcome(answered=60, checked=2), Outcome(answered=40)], 0.5)
    assert State.read(path) == state
    assert (state.answered, state.checked, state.slices[-1]) == (700, 14, (100, 0.5))
    state.begin()  # and no more is heard of it
    again = State.read(path)
    assert (again.begun, len(again.slices), again.cut, again.answered) == (7, 7, 1, 700)
    again.begin()
    again.add([Outcome(answered=9, errors=Counter({"no answer": 1}))], 0.1)
    assert State.read(path).errors == {"no answer": 1}
