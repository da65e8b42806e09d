"""Values as a person reads them: under the names of the template, with units, labels of choices and links. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import orjson

from core.errors import IdentifierMalformed
from core.identifier import encode_path, parse_identifier
from core.page import speaker
from core.template import Template
from core.template_item import TemplateItem
from core.values import HandleValue
from resolver.answers import is_web_address
from resolver.links import link_of
from resolver.texts import LINK_NAMES, TEXTS

_SHOWN_CODED = 64  # characters of base64 or hex that a person is shown
_TALL = 600  # characters of text after which it scrolls in its own box
_LONGEST_NAME = 120
_MOST_REFERENCES = 5  # of a value: more are for programs
_NAME_TYPES = frozenset(("PRODUCT_NAME", "PRODUCTNAME", "NAME", "TITLE"))
_NAME_LABELS = frozenset(("名称", "产品名称", "商品名称", "品名", "物料名称", "设备名称"))


@dataclass(frozen=True, slots=True)
class NamedElsewhere:
    """A value of another record, as a reference names it; `href` is empty where that is nothing to open here."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class ShownValue:
    """One line of the page. `kind` is link, text, json or coded; `note` says size and format of a coded one, or the code
    of a choice; `href` is where a link leads."""

    label: str
    type: str
    kind: str
    text: str
    note: str = ""
    href: str = ""
    references: tuple[NamedElsewhere, ...] = ()

    @property
    def tall(self) -> bool:
        return len(self.text) > _TALL

    @property
    def technical(self) -> bool:
        """The Handle system's own types (administrators, sites, keys): for programs, so shown last and folded."""
        return self.type.startswith("HS_")


def name_value(values: Sequence[HandleValue], template: Template | None) -> HandleValue | None:
    """The value that says what the thing is called: by its type, or by what the template calls it."""
    items = _items(template)
    for value in values:
        item = items.get((value.index, value.type))
        named = value.type.upper() in _NAME_TYPES or (item is not None and item.name_zh in _NAME_LABELS)
        text = value.data
        if named and value.format == "string" and isinstance(text, str) and 0 < len(text.strip()) <= _LONGEST_NAME:
            return value
    return None


def shown_values(values: Sequence[HandleValue], template: Template | None, language: str) -> list[ShownValue]:
    """Values under the names that their template gives them, else under their types."""
    t, items = speaker(TEXTS, language), _items(template)
    shown = [_shown(value, items.get((value.index, value.type)), language, t) for value in values]
    return [
        replace(one, references=_references(value)) if value.references else one
        for one, value in zip(shown, values, strict=True)
    ]


def _items(template: Template | None) -> dict[tuple[int, str], TemplateItem]:
    return {(item.index, item.type): item for item in (template.items if template else ())}


def _shown(value: HandleValue, item: TemplateItem | None, language: str, t: Callable[..., str]) -> ShownValue:
    label = ((item.name_zh if language == "zh" else item.name_en) if item else "") or value.type
    data = value.data
    if not isinstance(data, str):
        text = orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()
        return ShownValue(label, value.type, "json", text)
    if value.format in ("base64", "hex"):
        return _coded(value, data, label, t)
    if (link := link_of(value, "")) is not None:
        named = LINK_NAMES.get(value.type, (value.type, value.type))[language != "zh"]
        return ShownValue(label if item else named, value.type, "link", link.title or data, href=link.href)
    if is_web_address(data):
        return ShownValue(label, value.type, "link", data, href=data)
    if item is None:
        return ShownValue(label, value.type, "text", data)
    return _by_template(value.type, data, label, item, language, t)


def _by_template(
    kind: str, data: str, label: str, item: TemplateItem, language: str, t: Callable[..., str]
) -> ShownValue:
    """What the item of the template says about a text."""
    for choice in item.choices:
        if choice.code == data:
            text = choice.zh if language == "zh" else choice.en
            return ShownValue(label, kind, "text", text, data if text != data else "")
    if item.data_type == "boolean" and data in ("true", "false"):
        return ShownValue(label, kind, "text", t(data))
    if item.data_type == "reference" and (href := _trace(data)):
        return ShownValue(label, kind, "link", data, href=href)
    return ShownValue(label, kind, "text", f"{data} {item.unit}" if item.unit else data)


def _references(value: HandleValue) -> tuple[NamedElsewhere, ...]:
    first = value.references[:_MOST_REFERENCES]
    shown = tuple(NamedElsewhere(f"{index}:{handle}", _trace(handle)) for handle, index in first)
    return shown if first == value.references else (*shown, NamedElsewhere("…", ""))


def _trace(text: str) -> str:
    """Where another identifier is opened on this node, empty for what is none."""
    try:
        return "/" + encode_path(str(parse_identifier(text)))
    except IdentifierMalformed:
        return ""


def _coded(value: HandleValue, data: str, label: str, t: Callable[..., str]) -> ShownValue:
    size = len(data) * 3 // 4 - data.count("=", -2) if value.format == "base64" else len("".join(data.split())) // 2
    whole = len(data) <= _SHOWN_CODED
    note = t("bytes-whole" if whole else "bytes", format=value.format, size=f"{size:,}")
    return ShownValue(label, value.type, "coded", data if whole else data[:_SHOWN_CODED] + "…", note)
