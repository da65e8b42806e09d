"""GB/T 4754-2017: the industries of the national economy, on four levels. Read once, then pure.

A code is a letter (category), two digits (division), three (group) or four (class); each is the beginning of those below it,
and every division belongs to one category.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LEVELS = ("category", "division", "group", "class")


@dataclass(frozen=True, slots=True)
class Industry:
    """`level` is one of `LEVELS`; `parents` are the codes above, from the category down."""

    code: str
    level: str
    name: str
    parents: tuple[str, ...]

    @property
    def whole(self) -> dict[str, str]:
        """The code of each level from the category down to this one."""
        return dict(zip(LEVELS, (*self.parents, self.code), strict=False))


@cache
def all_industries() -> dict[str, Industry]:
    text = (files(__package__) / "gbt4754-2017.csv").read_text("utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines()):
        level = int(row["level"])
        *parents, code = (row[name] for name in LEVELS[:level])
        found[code] = Industry(code, LEVELS[level - 1], row["name"], tuple(parents))
    return found


def find(code: str) -> Industry | None:
    return all_industries().get(code)
