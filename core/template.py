"""Data templates: which values an identifier of a kind has, and what is wrong with values that do not fit. Pure.

What can be made ready once is made when a template is read: a registration costs one look-up and one check a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from core.data_types import Check, check_of
from core.errors import FieldProblem
from core.template_item import PUBLIC, STRING, WIDTH, TemplateItem, item_from_json
from core.values import VISIBILITIES, HandleValue


@dataclass(frozen=True, slots=True)
class Asked:
    """An item with its check. `text_only`: other formats of the Handle system are not taken."""

    item: TemplateItem
    check: Check | None
    text_only: bool


@dataclass(frozen=True, slots=True)
class Template:
    """One row of `template`. `facts` is what is said beside the items, as JSON text; a retired one is for identifiers that
    have it already."""

    id: int
    key: str
    identifier: str
    items: tuple[TemplateItem, ...]
    retired: bool = False
    facts: str | None = None
    version: str | None = None
    asked: dict[int, Asked] = field(init=False, repr=False, compare=False)
    required: tuple[TemplateItem, ...] = field(init=False, repr=False, compare=False)
    narrows: bool = field(init=False, repr=False, compare=False)  # some values are not public unless they say so

    def __post_init__(self) -> None:
        asked = {
            item.index: Asked(item, check_of(item), item.data_type != STRING or item.pattern is not None)
            for item in self.items
        }
        object.__setattr__(self, "asked", asked)
        object.__setattr__(self, "required", tuple(item for item in self.items if item.required and item.enabled))
        object.__setattr__(self, "narrows", any(item.visibility != PUBLIC for item in self.items))


def template_from_row(row: Any) -> Template:
    rules = orjson.loads(row["rules"]) if row.get("rules") else {}
    items = tuple(item_from_json(item, rules.get(str(item["index"]), {})) for item in orjson.loads(row["items"]))
    return Template(
        row["id"], row["key"], row["identifier"], items, row.get("retired", False), row.get("facts"), row.get("version")
    )


def fit_values(
    template: Template,
    values: list[HandleValue],
    path: str,
    problems: list[FieldProblem],
    held: Sequence[HandleValue] | None = None,
) -> list[HandleValue]:
    """The values as the template has them: those that leave their visibility to it get it. Appends what `check_values`
    does, and `visibility-too-wide`. The same list where nothing was to do."""
    check_values(template, values, path, problems, held)
    if not template.narrows:
        return values
    before = {value.index: value for value in held or ()}
    fitted = []
    for position, value in enumerate(values):
        asked = template.asked.get(value.index)
        if asked is not None and WIDTH[value.visibility] > WIDTH[asked.item.visibility]:
            if value.by_default:
                value = replace(value, permissions=VISIBILITIES[asked.item.visibility], by_default=False)
            elif not _as_it_was(value, before.get(value.index)):
                problems.append(_too_wide(asked.item, value, f"{path}[{position}].visibility"))
        fitted.append(value)
    return fitted


def check_values(
    template: Template,
    values: list[HandleValue],
    path: str,
    problems: list[FieldProblem],
    held: Sequence[HandleValue] | None = None,
) -> None:
    """What is wrong with `values` by the template: unknown index, wrong type, data or length, disabled, missing required.

    `held` are the values that an existing identifier has: what is left as it was is not held to rules made since.
    """
    if template.retired and held is None:
        problems.append(template_retired(template.identifier, path.removesuffix("values") + "template"))
    before = {value.index: (value.type, value.data) for value in held} if held else {}
    for position, value in enumerate(values):
        asked = template.asked.get(value.index)
        if asked is None or asked.item.type != value.type:
            problems.append(_misplaced(template, asked, value, f"{path}[{position}]"))
        elif (asked.check is not None or not asked.item.enabled) and (
            before.get(value.index) != (value.type, value.data)
        ):
            _check_rules(asked, value, f"{path}[{position}]", problems)
    present = {value.index for value in values} if template.required else ()
    problems.extend(_missing(item, path) for item in template.required if item.index not in present)


def template_retired(identifier: str, path: str) -> FieldProblem:
    return FieldProblem(path, "template-retired", f"the template {identifier} was retired", f"模板 {identifier} 已停用")


def _check_rules(asked: Asked, value: HandleValue, path: str, problems: list[FieldProblem]) -> None:
    """What an item asks beyond its type."""
    item = asked.item
    if not item.enabled:
        problems.append(
            FieldProblem(
                f"{path}.index",
                "item-disabled",
                f"index {item.index} ({item.type}) is disabled in the template",
                f"索引 {item.index}（{item.type}）在模板中已禁用",
            )
        )
    if asked.text_only and value.format != STRING:
        en, zh = f"must be text: the template has {item.data_type} here", f"必须是文本：模板中为 {item.data_type}"
        problems.append(FieldProblem(f"{path}.data.format", "data-not-text", en, zh))
    elif asked.check is not None and isinstance(value.data, str) and (fault := asked.check(value.data)) is not None:
        problems.append(FieldProblem(f"{path}.data.value", *fault))


def _as_it_was(value: HandleValue, held: HandleValue | None) -> bool:
    return held is not None and (value.type, value.data, value.permissions) == (held.type, held.data, held.permissions)


def _too_wide(item: TemplateItem, value: HandleValue, path: str) -> FieldProblem:
    return FieldProblem(
        path,
        "visibility-too-wide",
        f"is {value.visibility}; the template allows at most {item.visibility} for index {item.index}",
        f"为 {value.visibility}；模板规定索引 {item.index} 最多为 {item.visibility}",
    )


def _misplaced(template: Template, asked: Asked | None, value: HandleValue, path: str) -> FieldProblem:
    if asked is None:
        return FieldProblem(
            f"{path}.index",
            "index-not-in-template",
            f"index {value.index} is not in the template {template.identifier}",
            f"索引 {value.index} 在模板 {template.identifier} 中不存在",
        )
    return FieldProblem(
        f"{path}.type",
        "type-not-in-template",
        f"index {value.index} has the type {asked.item.type} in the template, not {value.type}",
        f"模板中索引 {value.index} 的类型为 {asked.item.type}，而不是 {value.type}",
    )


def _missing(item: TemplateItem, path: str) -> FieldProblem:
    return FieldProblem(
        path,
        "value-required",
        f"the template needs a value {item.index} ({item.type}, {item.name_en})",
        f"缺少模板要求的值 {item.index}（{item.type}，{item.name_zh}）",
    )
