"""Data templates: which values an identifier of a kind has. Reading a definition, checking values against it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from core.errors import FieldProblem
from core.values import HandleValue

FIRST_INDEX = 2000  # below are the Handle system's and the template reference (SNMS API)
MAX_ITEMS = 500
MAX_NAME = 100
_MEMBERS = ("index", "type", "name_zh", "name_en", "required")


@dataclass(frozen=True, slots=True)
class TemplateItem:
    """One value that identifiers of this template have: its place, its type, its names for people."""

    index: int
    type: str
    name_zh: str
    name_en: str
    required: bool

    def as_json(self) -> dict[str, Any]:
        return {member: getattr(self, member) for member in _MEMBERS}


@dataclass(frozen=True, slots=True)
class Template:
    """One row of `template`."""

    id: int
    key: str
    identifier: str
    items: tuple[TemplateItem, ...]


def template_from_row(row: Any) -> Template:
    items = tuple(TemplateItem(**item) for item in orjson.loads(row["items"]))
    return Template(row["id"], row["key"], row["identifier"], items)


def parse_items(raw: Any, problems: list[FieldProblem]) -> tuple[TemplateItem, ...]:
    """Read the `items` of a new template; appends every problem found."""
    if not isinstance(raw, list) or not 0 < len(raw) <= MAX_ITEMS:
        problems.append(
            FieldProblem(
                "items", "items-missing", f"must be a list of 1 to {MAX_ITEMS}", f"必须是 1 到 {MAX_ITEMS} 项的数组"
            )
        )
        return ()
    items = [_parse_item(item, f"items[{position}]", problems) for position, item in enumerate(raw)]
    whole = [item for item in items if item is not None]
    for member in ("index", "type"):
        used = [getattr(item, member) for item in whole]
        for again in sorted({str(value) for value in used if used.count(value) > 1}):
            problems.append(
                FieldProblem("items", f"{member}-twice", f"{member} {again} is used twice", f"{member} {again} 重复")
            )
    return tuple(sorted(whole, key=lambda item: item.index))


def check_values(template: Template, values: list[HandleValue], path: str, problems: list[FieldProblem]) -> None:
    """What is wrong with `values` by the template: unknown index, wrong type, missing required value."""
    by_index = {item.index: item for item in template.items}
    present = set()
    for position, value in enumerate(values):
        item = by_index.get(value.index)
        if item is None:
            problems.append(
                FieldProblem(
                    f"{path}[{position}].index",
                    "index-not-in-template",
                    f"index {value.index} is not in the template {template.identifier}",
                    f"索引 {value.index} 在模板 {template.identifier} 中不存在",
                )
            )
        elif item.type != value.type:
            problems.append(
                FieldProblem(
                    f"{path}[{position}].type",
                    "type-not-in-template",
                    f"index {value.index} has the type {item.type} in the template, not {value.type}",
                    f"模板中索引 {value.index} 的类型为 {item.type}，而不是 {value.type}",
                )
            )
        present.add(value.index)
    for item in template.items:
        if item.required and item.index not in present:
            problems.append(
                FieldProblem(
                    path,
                    "value-required",
                    f"the template needs a value {item.index} ({item.type}, {item.name_en})",
                    f"缺少模板要求的值 {item.index}（{item.type}，{item.name_zh}）",
                )
            )


def _parse_item(raw: Any, path: str, problems: list[FieldProblem]) -> TemplateItem | None:
    before = len(problems)
    if not isinstance(raw, dict):
        problems.append(FieldProblem(path, "not-an-object", "must be an object", "必须是对象"))
        return None
    index, required = raw.get("index"), raw.get("required", False)
    if not isinstance(index, int) or isinstance(index, bool) or not FIRST_INDEX <= index < 2**32:
        problems.append(
            FieldProblem(
                f"{path}.index", "index-invalid", f"must be {FIRST_INDEX} or more", f"必须不小于 {FIRST_INDEX}"
            )
        )
    for member in ("type", "name_zh", "name_en"):
        text = raw.get(member)
        if not isinstance(text, str) or not text.isprintable() or not 0 < len(text) <= MAX_NAME:
            problems.append(
                FieldProblem(
                    f"{path}.{member}",
                    "text-invalid",
                    f"must be printable text of 1 to {MAX_NAME} characters",
                    f"必须是 1 到 {MAX_NAME} 个字符的可打印文本",
                )
            )
    if not isinstance(required, bool):
        problems.append(
            FieldProblem(f"{path}.required", "not-boolean", "must be true or false", "必须是 true 或 false")
        )
    if len(problems) > before:
        return None
    return TemplateItem(index, raw["type"], raw["name_zh"], raw["name_en"], required)  # type: ignore[arg-type]  # checked above
