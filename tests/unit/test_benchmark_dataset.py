"""The dataset of the benchmarks: the same every time, of the size that was asked for, without any identifier twice."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks.dataset import HEADER, Dataset
from benchmarks.questions import number_of_rank
from core.schemes.gs1_keys import check_digit

TOTAL = 60_000


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset(TOTAL, 300)


def test_two_are_the_same(dataset: Dataset) -> None:
    again = Dataset(TOTAL, 300)
    assert again.enterprises == dataset.enterprises
    assert all(again.identifier(n) == dataset.identifier(n) for n in range(0, TOTAL, 997))
    assert all(again.values(n) == dataset.values(n) for n in range(0, TOTAL, 997))


@pytest.mark.parametrize("total", [1, 999, 1_000, 1_001, 77_777])
def test_sizes_add_up_and_nobody_has_none(total: int) -> None:
    enterprises = Dataset(total, 300).enterprises
    assert sum(owner.size for owner in enterprises) == total
    assert all(owner.size > 0 for owner in enterprises)
    ends = [owner.first + owner.size for owner in enterprises]
    assert [owner.first for owner in enterprises] == [0, *ends[:-1]]


def test_enterprises_are_of_very_unequal_size(dataset: Dataset) -> None:
    sizes = [owner.size for owner in dataset.enterprises]
    assert sizes[0] > 20 * sizes[-1]


def test_no_identifier_is_there_twice_and_gs1_ones_have_their_check_digit(dataset: Dataset) -> None:
    identifiers = {dataset.identifier(number) for number in range(TOTAL)}
    assert len(identifiers) == TOTAL
    gtins = {identifier.split("/")[1] for identifier in identifiers if identifier.startswith("01/")}
    assert gtins
    assert all(len(gtin) == 14 and str(check_digit(gtin[:13])) == gtin[13] for gtin in gtins)


@pytest.mark.parametrize("scheme", ["handle", "gs1"])
def test_file_of_an_enterprise_says_what_the_dataset_says(dataset: Dataset, tmp_path: Path, scheme: str) -> None:
    owner = next(one for one in reversed(dataset.enterprises) if one.scheme == scheme)
    dataset.write_csv(owner, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == HEADER
    assert rows == list(dataset.rows(owner))
    assert [row[0] for row in rows] == [dataset.identifier(owner.first + n) for n in range(owner.size)]


@pytest.mark.parametrize("total", [1_000, 30_011, TOTAL])
def test_ranks_are_spread_over_all_numbers_without_a_collision(total: int) -> None:
    assert sorted(number_of_rank(rank, total) for rank in range(total)) == list(range(total))
