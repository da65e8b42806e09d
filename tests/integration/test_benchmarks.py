"""The benchmarks themselves, at a ten-thousandth of their size: they start their nodes, drive them, judge and count."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest
import uvloop

from benchmarks import day, escrow, year
from benchmarks.award import AVERAGE_REGISTRATIONS, AVERAGE_RESOLUTIONS, Stage, seed
from benchmarks.dataset import Dataset
from benchmarks.filling import fill
from benchmarks.growth import PREFIX, Asker, sample
from benchmarks.results import Run
from core.values import unpack
from node.capacity.card import card_lines, largest
from node.capacity.measuring import DOORS, Capacity
from node.load.own_node import Plain, aboard, plain_node
from sync.toplevel.escrow_copy import COPIES, EscrowStore
from tests.faults.own_servers import own_directory

SCALE = 0.0001  # 3,000 identifiers, 1,000 resolutions
OPTIONS = argparse.Namespace(scale=SCALE, workers=1, handle=0.3, memory=64, again=True, keep=False)


@pytest.fixture(scope="module")
def node() -> Iterator[Plain]:
    with own_directory() as place, plain_node(place, 1) as started:
        yield started


def test_a_year_is_counted_three_ways_and_a_day_on_it_to_the_last_answer() -> None:
    said = io.StringIO()
    with own_directory() as place, contextlib.redirect_stdout(said):
        assert uvloop.run(year.run(OPTIONS, place)) == 0, said.getvalue()
        day.State(place / "day.json", registered=True).write()
        assert uvloop.run(day.run(OPTIONS, place)) == 0, said.getvalue()
        state = json.loads((place / "day.json").read_text())
    assert (state["starts"], state["begun"], len(state["slices"]), state["cut"], state["errors"]) == (1, 40, 40, 0, {})
    text = said.getvalue()
    assert "3,000 identifiers" in text
    assert "all the same, the template included" in text
    assert "cold: 1,000 resolutions" in text and "again: 1,000 resolutions" in text
    assert "the node's stored total 2,000 (lost with workers 0): equal" in text


def test_the_award_is_played_at_every_door_without_an_error(node: Plain, tmp_path: Path) -> None:
    dataset = Dataset(3_000, 3)
    seeded, withdrawn = asyncio.run(seed(node, dataset))
    stage = Stage(tmp_path, node, dataset, seeded, withdrawn)
    played = stage.play(AVERAGE_RESOLUTIONS * 4, AVERAGE_REGISTRATIONS * 100, seconds=3.0, warm=1.0)
    assert not played.errors, played.errors
    doors = {"json", "handle-tcp", "handle-udp", "page", "batch", "register", "register-batch", "revise"}
    assert set(played.told["histograms"]) == doors
    assert played.histogram().get_total_count() > 200
    assert played.achieved((("json", 1.0, 1),)) > AVERAGE_RESOLUTIONS * 1.6, "60 % of the resolutions"


def test_capacity_measures_every_door_and_says_what_that_comes_to(node: Plain) -> None:
    said: list[str] = []
    capacity = Capacity(node, 2_000, 0.2, said.append)
    measured = uvloop.run(capacity.measure())
    assert said == ["register-batch", "register", *(door.name for door in DOORS)]
    assert all(line.most > 0 for line in measured.lines)
    for name in ("register", *(door.name for door in DOORS)):
        for tried in capacity.raw[name]["tried"]:
            assert tried["answered"] == sum(times for _, times in tried["latencies_microseconds"]) > 0
            lost = tried["errors"].pop("no answer", 0) if name == "handle-udp" else 0  # datagrams may be
            assert tried["asked"] == tried["answered"] + lost
            assert not tried["errors"], (name, tried["errors"])
    assert 100 < measured.disk_bytes_each < 10_000
    assert 50 < measured.memory_mebibytes < 10_000
    assert largest(measured).identifiers > 0
    assert len(card_lines(measured, 10.0)) >= len(measured.lines) + 10


def test_growth_fills_rows_like_registered_ones_and_asks_for_them(node: Plain) -> None:
    async def rates() -> dict[str, float]:
        key = await aboard(node, PREFIX)
        await fill(node.database_url, f"{PREFIX}/ROW", await sample(node, key, 300), 0, 1_500)
        return await Asker(node, key, 0.05, count()).rates(f"{PREFIX}/ROW", 1_500, 300)

    found = uvloop.run(rates())
    assert len(found) == 3
    assert min(found.values()) > 0


async def test_the_rows_of_the_escrow_benchmark_are_what_it_says_they_are(database: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database)
    made = Run("escrow", {})
    await escrow._fill(connection, 3_001, made)
    rows = await connection.fetch("SELECT key, value, template_id FROM identifier")
    keys = [row["key"] for row in rows]
    beginnings = [key for key, *_ in escrow._items(3_001)]
    assert len(set(keys)) == 3_001 and beginnings == sorted(beginnings)
    assert all(row["template_id"] == 1 and unpack(row["value"]) for row in rows)
    assert made.figures["loading by COPY, in the order of keys"]["rows/s"] > 0
    planted = escrow._plant(EscrowStore(tmp_path, COPIES), 3_001)
    assert len(planted) == 100 and set(planted) <= set(keys)
    await connection.close()
