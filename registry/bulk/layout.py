"""Which column of a file is which value: by mapping, by the names of the template, or as `<index>:<TYPE>`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.access import Prefix
from core.template import Template
from core.template_item import TemplateItem

IDENTIFIER = "identifier"
MAX_COLUMNS = 1_000
MAX_MAPPING = 1_000
_INDEXED = re.compile(r"([1-9][0-9]{0,9}):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that becomes a value. `name` is what the file calls it."""

    name: str
    index: int
    type: str


# Columns of a lossless file that are not values by themselves, by an index that no value has. They mean something only beside
# `values`, the whole list as JSON; in any other file they are columns like others.
WHOLE = {
    name: Column(name, -place, name)
    for place, name in enumerate(("values", "template", "status", "reason", "successor"), 1)
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where the rows go: what decides whether they are good, and what they become."""

    prefix: Prefix
    template: Template | None
    mapping: Mapping[str, str]
    templates: Mapping[str, Template] = field(default_factory=dict)  # by canonical key, for items that name their own
    drafts: frozenset[str] = frozenset()  # canonical keys of templates that are not published yet
    may_withdraw: bool = False  # whether the key that sent the file may bring rows in withdrawn


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one file, by position: a `Column`, `"identifier"`, or None for one that is ignored."""

    columns: tuple[Column | str | None, ...]
    unknown: tuple[str, ...]

    @property
    def identifier_at(self) -> int:
        return self.columns.index(IDENTIFIER)


class LayoutWrong(Exception):
    """The header cannot be used: the whole file fails, with this slug and these texts."""

    def __init__(self, slug: str, en: str, zh: str) -> None:
        super().__init__(en)
        self.slug, self.en, self.zh = slug, en, zh


class Names:
    """Finds the value that a name means."""

    def __init__(self, target: Target) -> None:
        items = target.template.items if target.template else ()
        self._by_index = {item.index: item for item in items}
        self._free = target.template is None
        self._known: dict[str, TemplateItem | str] = {IDENTIFIER: IDENTIFIER}
        for item in items:
            for name in (item.name_zh, item.name_en, item.type):  # the type wins where names collide
                self._known[_folded(name)] = item
        self._mapping = {_folded(name): wanted for name, wanted in target.mapping.items()}
        self._found: dict[str, Column | str | None] = {}

    def find(self, name: str) -> Column | str | None:
        """A column, `"identifier"`, or None when the name means nothing here."""
        if name not in self._found:
            if len(self._found) > 10 * MAX_COLUMNS:  # objects may each bring other members
                self._found.clear()
            self._found[name] = self._look(name)
        return self._found[name]

    def _look(self, name: str) -> Column | str | None:
        wanted = self._mapping.get(_folded(name), name)
        known = self._known.get(_folded(wanted))
        if isinstance(known, str):
            return known
        if known is not None:
            return Column(name.strip(), known.index, known.type)
        if found := _INDEXED.fullmatch(wanted.strip()):
            index, kind = int(found[1]), found[2].strip()
            item = self._by_index.get(index)
            if index < 2**32 and (self._free or (item is not None and item.type == kind)):
                return Column(name.strip(), index, kind)
        return None


def lay_out(header: Sequence[str], target: Target) -> Layout:
    """Raises `LayoutWrong`: no identifier column, one value in two columns, or too many columns."""
    if len(header) > MAX_COLUMNS:
        raise LayoutWrong(
            "columns-too-many",
            f"{len(header)} columns, at most {MAX_COLUMNS}",
            f"共 {len(header)} 列，最多 {MAX_COLUMNS} 列",
        )
    names = Names(target)
    columns = _whole(header, tuple(names.find(name) for name in header))
    if IDENTIFIER not in columns:
        shown = ", ".join(name.strip()[:40] for name in header[:10])
        raise LayoutWrong(
            "identifier-column-missing",
            f"no column is named identifier (the first row has: {shown}); rename one, or name it in mapping",
            f"没有名为 identifier 的列（首行为：{shown}）；请改名，或在 mapping 中指定",
        )
    places = [column if isinstance(column, str) else column.index for column in columns if column is not None]
    for place in places:
        if places.count(place) > 1:
            raise LayoutWrong(
                "column-twice",
                f"two columns mean the same value ({place}); remove one or correct the mapping",
                f"有两列对应同一个值（{place}）；请删除其一或更正 mapping",
            )
    unknown = tuple(name.strip() for name, column in zip(header, columns, strict=True) if column is None)
    return Layout(columns, unknown)


def _whole(header: Sequence[str], columns: tuple[Column | str | None, ...]) -> tuple[Column | str | None, ...]:
    """The columns of a lossless file, where `values` is one that means nothing else. Raises `LayoutWrong`."""
    folded = [_folded(name) for name in header]
    if not any(name == "values" and column is None for name, column in zip(folded, columns, strict=True)):
        return columns
    if other := next((column for column in columns if isinstance(column, Column)), None):
        raise LayoutWrong(
            "values-column-mixed",
            f"the column values says everything, so there can be no column {other.name[:40]} beside it",
            f"values 列已包含全部值，不能再有 {other.name[:40]} 列",
        )
    return tuple(column or WHOLE.get(name) for name, column in zip(folded, columns, strict=True))


def parse_mapping(raw: Any) -> dict[str, str] | None:
    """A mapping of a request: column name → item type, `<index>:<TYPE>` or `identifier`; None when it is not one."""
    if not isinstance(raw, dict) or not 0 < len(raw) <= MAX_MAPPING:
        return None
    if not all(isinstance(wanted, str) and 0 < len(wanted) <= 300 and len(name) <= 300 for name, wanted in raw.items()):
        return None
    return dict(raw)


def _folded(name: str) -> str:
    return name.strip().casefold()
