"""What a person sees after scanning: the page of an identifier, and that of a withdrawn one. Pure but for the templates."""

from __future__ import annotations

import hashlib
import math
from typing import Any, Protocol

from core.access import Prefix
from core.page import Reader, page_environment, render_page
from core.record import Record
from core.template import Template
from core.values import HandleValue
from resolver.answers import public_values, redirect_target
from resolver.shown import name_value, shown_values
from resolver.texts import TEXTS

PAGES = page_environment("resolver", "pages_html")


class Names(Protocol):
    """The part of `core.directory.Directory` that pages need."""

    def prefix(self, key: str) -> Prefix | None: ...

    def template(self, template_id: int | None) -> Template | None: ...


def record_page(
    directory: Names,
    record: Record,
    node_name: str,
    language: str,
    stale_seconds: float,
    query: str = "",
    holder: str | None = None,
) -> str:
    """The page of a registered identifier; public values only. `query` is the request's, for the language link; `holder` whom
    it was transferred to, empty where the name is not known, None where nobody."""
    values = public_values(record)
    return render_page(
        PAGES,
        "record.html",
        TEXTS,
        _reader(values, node_name, language, query),
        record=record,
        stale=math.ceil(stale_seconds),
        holder=holder,
        **_shown(values, directory.template(record.template_id), language),
        **_owner(directory, record),
    )


def withdrawn_page(
    directory: Names, record: Record, node_name: str, language: str, query: str = "", holder: str | None = None
) -> str:
    """The page of a withdrawn identifier: when, why, and what took its place. None of its values."""
    reader = Reader(node_name, language, query)
    return render_page(
        PAGES, "withdrawn.html", TEXTS, reader, record=record, holder=holder, **_owner(directory, record)
    )


def foreign_page(
    identifier: str, values: list[HandleValue], way: tuple[str, ...], node_name: str, language: str, query: str = ""
) -> str:
    """The page of an identifier that another node answered for; `way` are the addresses that were asked, the last one's answer
    is shown. Under the names of types: templates of this node say nothing of foreign values."""
    reader = _reader(values, node_name, language, query)
    shown = _shown(values, None, language)
    return render_page(PAGES, "foreign.html", TEXTS, reader, identifier=identifier, way=way, **shown)


def page_tag(page: str, version: int, language: str) -> str:
    """The entity tag of a page, without the mark that it is weak."""
    return f'"{version}-{language}-{hashlib.blake2b(page.encode(), digest_size=8).hexdigest()}"'


def _reader(values: list[HandleValue], node_name: str, language: str, query: str) -> Reader:
    """Where the values lead away, the link to the other language stays here."""
    if not query and redirect_target(values) is not None:
        query = "noredirect"
    return Reader(node_name, language, query)


def _shown(values: list[HandleValue], template: Template | None, language: str) -> dict[str, Any]:
    """The value that names it, and the others."""
    name = name_value(values, template)
    others = [value for value in values if value is not name]
    return {"name": str(name.data).strip() if name else None, "values": shown_values(others, template, language)}


def _owner(directory: Names, record: Record) -> dict[str, Any]:
    """Whose it is. `suspended` is why the prefix is, empty where nobody said; None: it is not."""
    prefix = directory.prefix(record.key.partition("/")[0])
    if prefix is None:
        return {"maker": None, "verified": False, "suspended": None}
    return {
        "maker": prefix.enterprise_name,
        "verified": prefix.verified,
        "suspended": (prefix.reason or "") if prefix.suspended else None,
    }
