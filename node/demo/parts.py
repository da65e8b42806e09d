"""What the demo registers: the rows of `deploy/demo/components.csv` as identifiers with values. Pure but for reading the file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.identifier import fold_case

COMPONENTS = Path(__file__).resolve().parents[2] / "deploy" / "demo" / "components.csv"
SERIALS_EACH = 5
_COLUMNS = (
    # column, index, type, Chinese name, English name, required
    ("manufacturer", 2000, "MANUFACTURER", "生产企业", "Manufacturer", True),
    ("model", 2001, "MODEL", "型号", "Model", True),
    ("catalogue_code", 2002, "CATALOGUE_CODE", "目录编号", "Catalogue code", False),
    ("category", 2003, "CATEGORY", "类别", "Category", False),
    ("package", 2004, "PACKAGE", "封装", "Package", False),
    ("description", 2005, "DESCRIPTION", "描述", "Description", False),
    ("datasheet_url", 2006, "DATASHEET", "数据手册", "Data sheet", False),
)
_SERIAL_INDEX = 2007
TEMPLATE_SUFFIX = "META_component"
TEMPLATE_ITEMS: list[dict[str, Any]] = [
    {"index": index, "type": kind, "name_zh": zh, "name_en": en, "required": required}
    for _, index, kind, zh, en, required in _COLUMNS
] + [{"index": _SERIAL_INDEX, "type": "SERIAL", "name_zh": "序列号", "name_en": "Serial number", "required": False}]


@dataclass(frozen=True, slots=True)
class Part:
    """One identifier to be: the suffix, and (index, type, text) of its values."""

    suffix: str
    values: tuple[tuple[int, str, str], ...]

    def item(self, prefix: str) -> dict[str, Any]:
        """As the API takes it."""
        return {
            "identifier": f"{prefix}/{self.suffix}",
            "template": f"{prefix}/{TEMPLATE_SUFFIX}",
            "values": [
                {"index": index, "type": kind, "data": {"format": "string", "value": text}}
                for index, kind, text in self.values
            ],
        }


@dataclass(frozen=True, slots=True)
class Maker:
    """A manufacturer with its components, and serial-numbered items of the first of them."""

    name: str
    components: tuple[Part, ...]
    serials: tuple[Part, ...]


def read_makers(path: Path = COMPONENTS) -> list[Maker]:
    """All manufacturers in the order of the file, each with its own components."""
    rows: dict[str, list[dict[str, str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["manufacturer"], []).append(row)
    return [_maker(name, mine) for name, mine in rows.items()]


def _maker(name: str, rows: list[dict[str, str]]) -> Maker:
    parts, used = [], set()
    for row in rows:
        # A manufacturer that sells one model twice (two packages) is told apart by the catalogue code.
        suffix = row["model"] if fold_case(row["model"]) not in used else f"{row['model']}/{row['catalogue_code']}"
        used.add(fold_case(suffix))
        parts.append(Part(suffix, _values(row)))
    first = parts[0]
    serials = tuple(
        Part(f"{first.suffix}-{serial:08d}", (*first.values, (_SERIAL_INDEX, "SERIAL", f"{serial:08d}")))
        for serial in range(1, SERIALS_EACH + 1)
    )
    return Maker(name, tuple(parts), serials)


def _values(row: dict[str, str]) -> tuple[tuple[int, str, str], ...]:
    return tuple((index, kind, row[column]) for column, index, kind, *_ in _COLUMNS if row[column])
