"""Any number of identifiers, the same ones every time: real components with serial numbers, of several hundred enterprises.

Enterprises are of very unequal size (the k-th has a share of about 1/k), one in forty registers GS1 items instead of ones of
the Handle form. Identifier number n is known without making those before it, so that a generator of load needs no table.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from core.schemes.gs1_keys import check_digit
from node.demo.parts import COMPONENTS

HEADER = ("identifier", "MANUFACTURER", "MODEL", "CATALOGUE_CODE", "CATEGORY", "PACKAGE", "DESCRIPTION", "URL")
_SERIALS_EACH = 10_000  # of one component, before the next one
_GS1_EVERY = 40


@dataclass(frozen=True, slots=True)
class Enterprise:
    """`first` is the number of its first identifier; `prefix` what it is given under, of the node or of GS1."""

    number: int
    name: str
    prefix: str
    scheme: str  # handle or gs1
    first: int
    size: int


class Dataset:
    """`total` identifiers. `node_prefix` is that of the node which holds them."""

    def __init__(self, total: int, enterprises: int = 300, node_prefix: str = "88.118") -> None:
        self.total = total
        self.components = components()
        count = max(1, min(enterprises, total // 1_000 or 1))
        sizes = _shares(total, count)
        self._firsts = [0, *accumulate(sizes)][:-1]
        self.enterprises = [
            _enterprise(number, first, size, node_prefix)
            for number, (first, size) in enumerate(zip(self._firsts, sizes, strict=True))
        ]

    def owner(self, number: int) -> Enterprise:
        return self.enterprises[bisect_right(self._firsts, number) - 1]

    def identifier(self, number: int) -> str:
        owner = self.owner(number)
        serial = number - owner.first
        if owner.scheme == "gs1":
            digits = f"0{owner.prefix}{serial // _SERIALS_EACH % 100_000:05d}"
            return f"01/{digits}{check_digit(digits)}/21/{serial % _SERIALS_EACH:08d}"
        model = self.component(number)[1]
        return f"{owner.prefix}/{model}-{serial:08d}"

    def component(self, number: int) -> list[str]:
        """The row of the catalogue that the identifier is an item of."""
        owner = self.owner(number)
        place = owner.number * 7_919 + (number - owner.first) // _SERIALS_EACH
        return self.components[place % len(self.components)]

    def values(self, number: int) -> list[dict[str, object]]:
        """As the API takes them."""
        return [
            {"index": 2000 + place, "type": kind, "data": {"format": "string", "value": text}}
            for place, (kind, text) in enumerate(zip(HEADER[1:], self.component(number), strict=True))
            if text
        ]

    def rows(self, owner: Enterprise) -> Iterator[list[str]]:
        for number in range(owner.first, owner.first + owner.size):
            yield [self.identifier(number), *self.component(number)]

    def write_csv(self, owner: Enterprise, path: Path) -> None:
        """A file for a bulk job."""
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(HEADER)
            if owner.scheme == "gs1":
                writer.writerows(self.rows(owner))
                return
            for start in range(0, owner.size, _SERIALS_EACH):  # one component: its cells are quoted once
                component = self.component(owner.first + start)
                serials = range(start, min(start + _SERIALS_EACH, owner.size))
                writer.writerows([f"{owner.prefix}/{component[1]}-{serial:08d}", *component] for serial in serials)

    def write_more(self, owner: Enterprise, first: int, count: int, path: Path) -> None:
        """A file of identifiers that are no part of the dataset: later serial numbers of an enterprise."""
        component = self.component(owner.first)
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(HEADER)
            serials = range(first, first + count)
            writer.writerows([f"{owner.prefix}/{component[1]}-later-{serial:09d}", *component] for serial in serials)


def _enterprise(number: int, first: int, size: int, node_prefix: str) -> Enterprise:
    name = f"基准企业 {number + 1:03d}"
    if number % _GS1_EVERY == _GS1_EVERY - 1:
        return Enterprise(number, name, f"69{number:05d}", "gs1", first, size)
    return Enterprise(number, name, f"{node_prefix}.{1_000 + number}", "handle", first, size)


def _shares(total: int, count: int) -> list[int]:
    """Whole numbers in proportion to 1/k that add up to `total`, none 0."""
    whole = sum(1 / rank for rank in range(1, count + 1))
    sizes = [max(1, int(total / rank / whole)) for rank in range(1, count + 1)]
    sizes[0] += total - sum(sizes)
    return sizes


def components() -> list[list[str]]:
    """Rows of the catalogue, a model once."""
    with COMPONENTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return list({row[1].upper(): row for row in rows}.values())
