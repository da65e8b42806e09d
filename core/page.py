"""Pages for people: one layout, one style, two languages, a strict policy. No script, no outside address.

Every room that shows pages has a folder of templates, which extend `layout/base.html`, and one catalog of texts
(key -> Chinese, English). The style is part of each page, so a page is one request, and the policy names its hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jinja2
from aiohttp import web
from markupsafe import Markup

from core.identifier import encode_path

Texts = Mapping[str, tuple[str, str]]  # key -> (Chinese, English); {names} are filled in by `str.format`

LAYOUT_TEXTS: Texts = {
    "skip": ("跳到正文", "Skip to the content"),
    "home": ("首页", "Home"),
    "switch": ("English", "中文"),
    "foot": (
        "标解是工业互联网标识解析体系的开放二级节点软件。",
        "Biaojie is open software for a secondary node of China’s Industrial Internet identifier system.",
    ),
    "foot-links": ("本节点", "This node"),
    "docs": ("接口文档", "API reference"),
    "errors": ("错误说明", "Errors"),
}

_BEIJING = timezone(timedelta(hours=8))
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a page is made for. `query` is the raw query string of the request."""

    node_name: str
    language: str  # zh or en
    query: str = ""

    @property
    def tag(self) -> str:
        """The language tag of the page (BCP 47)."""
        return "zh-CN" if self.language == "zh" else "en"

    @property
    def other(self) -> str:
        return "en" if self.language == "zh" else "zh"

    @property
    def chosen(self) -> str | None:
        """The language chosen by hand, which links must carry on; None where the browser's own was taken."""
        asked = dict(parse_qsl(self.query)).get("lang")
        return asked if asked in ("zh", "en") else None

    @property
    def switch(self) -> str:
        """The query string of this same page in the other language; other parameters stay."""
        kept = [(name, value) for name, value in parse_qsl(self.query, keep_blank_values=True) if name != "lang"]
        return "?" + urlencode([*kept, ("lang", self.other)])

    def link(self, path: str) -> str:
        """A path on this node, in the language chosen by hand where there is one."""
        return f"{path}?lang={self.chosen}" if self.chosen else path


def page_environment(package: str, folder: str) -> jinja2.Environment:
    """The templates in `folder` of `package`, and the layout as `layout/base.html`; each is compiled once."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.PackageLoader(package, folder),
                jinja2.PrefixLoader({"layout": jinja2.PackageLoader("core", "layout")}),
            ]
        ),
        autoescape=True,
        auto_reload=False,
        cache_size=-1,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["style"] = Markup(STYLE)  # noqa: S704  # our own file
    environment.filters["beijing"] = beijing_time
    environment.filters["iso"] = iso_utc
    environment.filters["identifier_path"] = encode_path
    return environment


def render_page(environment: jinja2.Environment, template: str, texts: Texts, reader: Reader, **facts: Any) -> str:
    """A whole page. Templates say `t("key")` for a text, `reader.link("/docs")` for a link."""
    return environment.get_template(template).render(t=speaker(texts, reader.language), reader=reader, **facts)


def speaker(texts: Texts, language: str) -> Callable[..., str]:
    """The function `t` of the templates: a text by its key, with its {names} filled in."""
    column = 0 if language == "zh" else 1

    def t(key: str, **values: Any) -> str:
        text = (texts.get(key) or LAYOUT_TEXTS[key])[column]
        return text.format(**values) if values else text

    return t


def html_response(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A page with its charset and its policy. `headers` are added, and may overrule `Vary`."""
    fixed = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Referrer-Policy": "same-origin",
        "Vary": "Accept, Accept-Language",
    }
    return web.Response(
        text=text, status=status, content_type="text/html", charset="utf-8", headers={**fixed, **(headers or {})}
    )


def beijing_time(moment: datetime) -> str:
    return moment.astimezone(_BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def iso_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_style() -> str:
    text = files("core").joinpath("layout/style.css").read_text(encoding="utf-8")
    lines = (line.strip() for line in _COMMENT.sub("", text).splitlines())
    return "\n".join(line for line in lines if line)


def _policy(style: str) -> str:
    """Nothing but our own style, the icon inside the page, and the search form.

    Browsers hold `form-action` against redirects too, and an identifier found by the form may redirect to its
    manufacturer's address: hence the two schemes.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self' http: https:; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


STYLE = _read_style()
CONTENT_SECURITY_POLICY = _policy(STYLE)
