"""GB/T 2260: provinces, cities and counties by their six digits. Read once, then pure."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Region:
    """`level` is province, city or county; `parents` are the codes above, from the province down."""

    code: str
    level: str
    name: str
    parents: tuple[str, ...]


@cache
def all_regions() -> dict[str, Region]:
    text = (files(__package__) / "gbt2260.csv").read_text("utf-8")
    found: dict[str, Region] = {}
    for row in csv.DictReader(
        text.splitlines()
    ):  # parents first; a city without counties is listed as its own county too
        above = found.get(row["parent"])
        parents = (*above.parents, above.code) if above else ()
        found.setdefault(row["code"], Region(row["code"], row["level"], row["name"], parents))
    return found


def find(code: str) -> Region | None:
    return all_regions().get(code)


def province_of(code: str) -> Region | None:
    """The province that a code of six digits lies in, also where the code itself is too new or too old to be listed."""
    return all_regions().get(f"{code[:2]}0000") if len(code) == 6 and code.isascii() and code.isdigit() else None
