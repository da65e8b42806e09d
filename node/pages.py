"""The node's own pages: the start page with its search, the reference, the errors, and a page for whatever went wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from aiohttp import web
from markupsafe import Markup, escape

from core.errors import IdentifierMalformed, PageUnknown, Problem, all_problems
from core.exchange import ANY_ORIGIN, NOT_KEPT
from core.identifier import decode_path, encode_path, parse_identifier, shorten
from core.negotiation import wants
from core.page import Reader, html_response, page_environment, render_page
from core.web import REQUEST_ID, preferred_language
from node.reference import Reference, reference
from node.texts import TEXTS
from resolver.iiidap.doors import IIIDAP_BASE, iiidap_problem

_PAGES = page_environment("node", "pages_html")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_BAR_CODE = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_LONGEST_SHOWN = 300  # characters of a wrong identifier that are put back into the search box


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the pages say about this node."""

    name: str
    prefix: str
    version: str


NODE: web.AppKey[NodeFacts] = web.AppKey("node_facts", NodeFacts)
SPECIFICATION: web.AppKey[dict[str, Any]] = web.AppKey("specification")


async def landing(request: web.Request) -> web.Response:
    """`GET /`: what this node is, the search, how to begin."""
    return _page(request, "landing.html", problem=None, asked="", base=_base(request))


async def lookup(request: web.Request) -> web.Response:
    """`GET /lookup?identifier=`: on to the identifier's page; malformed ones are explained on the start page, 400."""
    text = request.query.get("identifier", "").strip()
    try:
        identifier = parse_identifier(_scanned(text, _base(request)))
    except IdentifierMalformed as problem:
        if wants(request.headers.get("Accept", "")) == "json":
            raise
        asked = text[:_LONGEST_SHOWN]
        return _page(request, "landing.html", 400, problem=problem, asked=asked, base=_base(request))
    there = _reader(request).link("/" + encode_path(str(identifier)))
    return web.Response(status=303, headers={"Location": there, "Cache-Control": "no-store"})


async def docs(request: web.Request) -> web.Response:
    """`GET /docs`: every call, from the OpenAPI document that programs get."""
    document = orjson.dumps(request.app[SPECIFICATION])
    return _page(request, "docs.html", reference=_reference(document, preferred_language(request)), base=_base(request))


async def errors_index(request: web.Request) -> web.Response:
    """`GET /errors`: every problem there is."""
    return _page(request, "errors.html", problems=list(all_problems()))


async def error_page(request: web.Request) -> web.Response:
    """`GET /errors/{slug}`: where the `type` of a problem document leads. Raises `PageUnknown`."""
    slug = request.match_info["slug"]
    for kind in all_problems():
        if kind.slug == slug:
            return _page(request, "error.html", kind=kind)
    raise PageUnknown(f"There is no error called {shorten(slug)}", f"没有名为 {shorten(slug)} 的错误")


def problem_page(request: web.Request, problem: Problem) -> web.Response | None:
    """A page for a browser, and the form of IIIDAP below its address; None for the API and for programs, which get the JSON
    document."""
    if request.path.startswith(IIIDAP_BASE):
        return iiidap_problem(problem)
    if request.path.startswith("/api/") or wants(request.headers.get("Accept", "")) != "html":
        return None
    withdrawn = problem.extra.get("withdrawn")
    return _page(
        request,
        "problem.html",
        problem.status,
        {**ANY_ORIGIN, **NOT_KEPT, **problem.headers},
        problem=problem,
        asked=_asked(request, problem),
        request_id=request.get(REQUEST_ID, ""),
        successor=withdrawn.get("successor") if isinstance(withdrawn, dict) else None,
        way=problem.extra.get("way"),
    )


def prose(text: str) -> Markup:
    """Paragraphs, `- ` lists and `code` of a description; everything else of Markdown stays as written."""
    blocks = []
    if not text.strip():
        return Markup("")
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [_inline(line.strip().removeprefix("- ").removeprefix("* ")) for line in block.splitlines()]
        if re.match(r"\s*[-*] ", block):
            blocks.append(Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(x) for x in lines)))
        else:
            blocks.append(Markup("<p>{}</p>").format(Markup("\n").join(lines)))
    return Markup("").join(blocks)


def _inline(line: str) -> Markup:
    parts = line.split("`")
    if len(parts) % 2 == 0:  # an unpaired one is meant
        return escape(line)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if n % 2 else escape(part) for n, part in enumerate(parts)
    )


_PAGES.filters["prose"] = prose
_PAGES.filters["inline"] = _inline


def _page(
    request: web.Request, template: str, status: int = 200, headers: dict[str, str] | None = None, /, **facts: Any
) -> web.Response:
    reader = _reader(request)
    text = render_page(_PAGES, template, TEXTS, reader, node=request.app[NODE], **facts)
    return html_response(text, status, headers)


def _reader(request: web.Request) -> Reader:
    return Reader(request.app[NODE].name, preferred_language(request), request.rel_url.raw_query_string)


def _base(request: web.Request) -> str:
    """Our own address as the client wrote it, for lines that are pasted into a shell: nothing but a host gets in."""
    host = request.host if _HOST.fullmatch(request.host) else "localhost"
    return f"{request.scheme}://{host}"


def _scanned(text: str, base: str) -> str:
    """What a scanner gives is often the whole address on this node: take the identifier out of it. Or the bare number of a bar
    code, which is a GTIN."""
    if _BAR_CODE.fullmatch(text):
        return f"(01){text}"
    rest = text.removeprefix(f"{base}/")
    return text if rest == text else decode_path(rest.partition("?")[0].partition("#")[0])


def _asked(request: web.Request, problem: Problem) -> str:
    """What goes back into the search box: the identifier that was asked for, if one was."""
    asked = problem.extra.get("handle")
    if asked is None and isinstance(problem, IdentifierMalformed):
        asked = request.path.removeprefix("/")
    return str(asked or "")[:_LONGEST_SHOWN]


@lru_cache(maxsize=4)
def _reference(document: bytes, language: str) -> Reference:
    return reference(orjson.loads(document), language)
