"""What a person sees after scanning: the page of an identifier, and that of a withdrawn one. Pure but for the templates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import orjson

from core.access import Prefix
from core.page import Reader, page_environment, render_page, speaker
from core.record import Record
from core.template import Template
from core.values import HandleValue
from resolver.answers import is_web_address, public_values, redirect_target
from resolver.texts import TEXTS

_PAGES = page_environment("resolver", "pages_html")
_SHOWN_CODED = 64  # characters of base64 or hex that a person is shown
_TALL = 600  # characters of text after which it scrolls in its own box


class Names(Protocol):
    """The part of `core.directory.Directory` that pages need."""

    def prefix(self, key: str) -> Prefix | None: ...

    def template(self, template_id: int | None) -> Template | None: ...


@dataclass(frozen=True, slots=True)
class ShownValue:
    """One line of the page. `kind` is link, text, json or coded; `note` says size and format of a coded one."""

    label: str
    type: str
    kind: str
    text: str
    note: str = ""

    @property
    def tall(self) -> bool:
        return len(self.text) > _TALL

    @property
    def technical(self) -> bool:
        """The Handle system's own types (administrators, sites, keys): for programs, so shown last and folded."""
        return self.type.startswith("HS_")


def record_page(
    directory: Names, record: Record, node_name: str, language: str, stale_seconds: float, query: str = ""
) -> str:
    """The page of a registered identifier; public values only. `query` is the request's, for the language link."""
    values = public_values(record)
    if not query and redirect_target(values) is not None:
        query = "noredirect"  # or the other language would be the manufacturer's site
    return render_page(
        _PAGES,
        "record.html",
        TEXTS,
        Reader(node_name, language, query),
        record=record,
        maker=_maker(directory, record),
        values=shown_values(values, directory.template(record.template_id), language),
        stale=math.ceil(stale_seconds),
    )


def withdrawn_page(directory: Names, record: Record, node_name: str, language: str, query: str = "") -> str:
    """The page of a withdrawn identifier: when, why, and what took its place. None of its values."""
    reader = Reader(node_name, language, query)
    return render_page(_PAGES, "withdrawn.html", TEXTS, reader, record=record, maker=_maker(directory, record))


def shown_values(values: list[HandleValue], template: Template | None, language: str) -> list[ShownValue]:
    """Values under the names that their template gives them, else under their types."""
    t = speaker(TEXTS, language)
    names = {
        (item.index, item.type): item.name_zh if language == "zh" else item.name_en
        for item in (template.items if template else ())
    }
    return [_shown(value, names.get((value.index, value.type)) or value.type, t) for value in values]


def _maker(directory: Names, record: Record) -> str | None:
    prefix = directory.prefix(record.key.partition("/")[0])
    return prefix.enterprise_name if prefix else None


def _shown(value: HandleValue, label: str, t: Callable[..., str]) -> ShownValue:
    data = value.data
    if not isinstance(data, str):
        text = orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()
        return ShownValue(label, value.type, "json", text)
    if value.format in ("base64", "hex"):
        return _coded(value, data, label, t)
    return ShownValue(label, value.type, "link" if is_web_address(data) else "text", data)


def _coded(value: HandleValue, data: str, label: str, t: Callable[..., str]) -> ShownValue:
    size = len(data) * 3 // 4 - data.count("=", -2) if value.format == "base64" else len("".join(data.split())) // 2
    whole = len(data) <= _SHOWN_CODED
    note = t("bytes-whole" if whole else "bytes", format=value.format, size=f"{size:,}")
    return ShownValue(label, value.type, "coded", data if whole else data[:_SHOWN_CODED] + "…", note)
