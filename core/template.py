"""Data templates: which values an identifier of a kind has. Reading a definition, checking values against it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from core.errors import FieldProblem
from core.values import HandleValue

FIRST_INDEX = 2000  # below are the Handle system's and the template reference (SNMS API)
MAX_ITEMS = 500
MAX_NAME = 100
MAX_LENGTH = 65_536
_MEMBERS = ("index", "type", "name_zh", "name_en", "required")
_RULES: dict[str, Any] = {"enabled": True, "min_length": None, "max_length": None}  # shown where they are not the usual


@dataclass(frozen=True, slots=True)
class TemplateItem:
    """One value that identifiers of this template have: its place, its type, its names for people; lengths in characters.

    One that is not enabled takes no new values; those that are there stay.
    """

    index: int
    type: str
    name_zh: str
    name_en: str
    required: bool
    enabled: bool = True
    min_length: int | None = None
    max_length: int | None = None

    def as_json(self) -> dict[str, Any]:
        told = {member: getattr(self, member) for member in _MEMBERS}
        rules = {member: getattr(self, member) for member in _RULES}
        return told | {member: rule for member, rule in rules.items() if rule != _RULES[member]}


@dataclass(frozen=True, slots=True)
class Template:
    """One row of `template`. `facts` is what the SNMS form says beside the items, as JSON text; a retired one is for
    identifiers that have it already."""

    id: int
    key: str
    identifier: str
    items: tuple[TemplateItem, ...]
    retired: bool = False
    facts: str | None = None


def template_from_row(row: Any) -> Template:
    items = tuple(TemplateItem(**item) for item in orjson.loads(row["items"]))
    return Template(row["id"], row["key"], row["identifier"], items, row.get("retired", False), row.get("facts"))


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


def check_values(
    template: Template,
    values: list[HandleValue],
    path: str,
    problems: list[FieldProblem],
    held: Sequence[HandleValue] | None = None,
) -> None:
    """What is wrong with `values` by the template: unknown index, wrong type or length, disabled, missing required value.

    `held` are the values that an existing identifier has: what is left as it was is not held to rules made since.
    """
    if template.retired and held is None:
        problems.append(
            FieldProblem(
                path.removesuffix("values") + "template",
                "template-retired",
                f"the template {template.identifier} was retired",
                f"模板 {template.identifier} 已停用",
            )
        )
    by_index = {item.index: item for item in template.items}
    before = {value.index: (value.type, value.data) for value in held or ()}
    for position, value in enumerate(values):
        item = by_index.get(value.index)
        if item is None or item.type != value.type:
            problems.append(_misplaced(template, item, value, f"{path}[{position}]"))
        elif before.get(value.index) != (value.type, value.data):
            _check_rules(item, value, f"{path}[{position}]", problems)
    present = {value.index for value in values}
    for item in template.items:
        if item.required and item.enabled and item.index not in present:
            problems.append(
                FieldProblem(
                    path,
                    "value-required",
                    f"the template needs a value {item.index} ({item.type}, {item.name_en})",
                    f"缺少模板要求的值 {item.index}（{item.type}，{item.name_zh}）",
                )
            )


def _misplaced(template: Template, item: TemplateItem | None, value: HandleValue, path: str) -> FieldProblem:
    if item is None:
        return FieldProblem(
            f"{path}.index",
            "index-not-in-template",
            f"index {value.index} is not in the template {template.identifier}",
            f"索引 {value.index} 在模板 {template.identifier} 中不存在",
        )
    return FieldProblem(
        f"{path}.type",
        "type-not-in-template",
        f"index {value.index} has the type {item.type} in the template, not {value.type}",
        f"模板中索引 {value.index} 的类型为 {item.type}，而不是 {value.type}",
    )


def _check_rules(item: TemplateItem, value: HandleValue, path: str, problems: list[FieldProblem]) -> None:
    """What an item asks beyond its type."""
    if not item.enabled:
        problems.append(
            FieldProblem(
                f"{path}.index",
                "item-disabled",
                f"index {item.index} ({item.type}) is disabled in the template",
                f"索引 {item.index}（{item.type}）在模板中已禁用",
            )
        )
    length = len(value.data) if isinstance(value.data, str) else None
    least, most = item.min_length or 0, item.max_length if item.max_length is not None else MAX_LENGTH
    if length is not None and not least <= length <= most:
        problems.append(
            FieldProblem(
                f"{path}.data.value",
                "length-invalid",
                f"has {length} characters; the template asks for {least} to {most}",
                f"长度为 {length} 个字符，模板要求 {least} 到 {most} 个",
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
    rules = _parse_rules(raw, path, problems)
    if len(problems) > before:
        return None
    return TemplateItem(index, raw["type"], raw["name_zh"], raw["name_en"], required, *rules)  # type: ignore[arg-type]  # checked above


def _parse_rules(raw: dict[str, Any], path: str, problems: list[FieldProblem]) -> tuple[bool, int | None, int | None]:
    """`enabled`, `min_length`, `max_length`: all of them optional."""
    enabled, least, most = (raw.get(member, usual) for member, usual in _RULES.items())
    if not isinstance(enabled, bool):
        problems.append(FieldProblem(f"{path}.enabled", "not-boolean", "must be true or false", "必须是 true 或 false"))
    for member, length in (("min_length", least), ("max_length", most)):
        if length is not None and not (type(length) is int and 0 <= length <= MAX_LENGTH):
            problems.append(
                FieldProblem(
                    f"{path}.{member}",
                    "length-invalid",
                    f"must be a whole number from 0 to {MAX_LENGTH}",
                    f"必须是 0 到 {MAX_LENGTH} 的整数",
                )
            )
    if type(least) is int and type(most) is int and least > most:
        problems.append(
            FieldProblem(f"{path}.max_length", "length-invalid", "is below min_length", "不得小于 min_length")
        )
    return enabled, least, most
