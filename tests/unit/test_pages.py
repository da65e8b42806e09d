"""The pages: nothing hostile gets out, nothing private gets in, both languages, no outside address, well-formed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from core.errors import all_problems
from core.identifier import encode_path
from core.page import CONTENT_SECURITY_POLICY, LAYOUT_TEXTS, STYLE, Reader, Texts
from core.values import HandleValue
from node.pages import prose
from node.reference import line, reference
from node.texts import TEXTS as NODE_TEXTS
from resolver.pages import foreign_page, page_tag, record_page, withdrawn_page
from resolver.shown import name_value
from resolver.texts import TEXTS as RESOLVER_TEXTS
from tests.paper_node import (
    BY_KEY,
    FOREIGN,
    FOREIGN_WAY,
    HOSTILE,
    NAME,
    RECORDS,
    SECRET,
    SPECIFICATION_SAMPLE,
    PaperNames,
    make_app,
    record,
    withdrawn,
)

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PATHS = ["/", "/docs", "/errors", "/errors/identifier-gone", "/lookup?identifier=noslash", "/nothing", "/88.118.8/NOPE"]
PATHS += ["/20.500.1/M8x25", "/20.500.1/DOWN"]
PATHS += ["/88.118.8/DOWN", "/88.118.8/CRASH", "/99.1/X", *("/" + encode_path(each.identifier) for each in RECORDS)]
_VOID = {"meta", "link", "input", "br", "img"}


class Outline(HTMLParser):
    """What a page is made of; fails where an element is not closed by its own end tag."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute twice in {tag}"
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text.append(data)

    def all(self, attribute: str) -> list[str]:
        return [str(found[attribute]) for _, found in self.elements if attribute in found]

    def hrefs(self) -> list[str]:
        return [str(found["href"]) for tag, found in self.elements if tag == "a"]


@pytest_asyncio.fixture
async def client() -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(make_app())) as found:
        yield found


async def get(client: TestClient, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    url = URL(str(client.make_url("/")).rstrip("/") + path, encoded=True)
    async with client.session.get(url, headers={**BROWSER, **headers}, allow_redirects=False) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PATHS)
async def test_every_page_is_well_formed_and_keeps_to_itself(client: TestClient, path: str, language: str) -> None:
    _, page, headers = await get(client, path, **{"Accept-Language": language})
    outline = Outline(page)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    tags = [tag for tag, _ in outline.elements]
    assert {"header", "main", "footer", "h1"} <= set(tags)
    assert tags.count("h1") == tags.count("main") == 1
    assert not {"script", "img", "iframe", "object"} & set(tags)
    assert not [name for _, found in outline.elements for name in found if name.startswith("on") or name == "style"]
    assert dict(outline.elements)["html"]["lang"] == ("zh-CN" if language == "zh" else "en")
    ids = outline.all("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in outline.hrefs() if link.startswith("#")} <= set(ids)
    assert SECRET not in page


@pytest.mark.parametrize("path", PATHS)
async def test_no_outside_address_but_in_values(client: TestClient, path: str) -> None:
    _, page, _ = await get(client, path)
    own = f"http://{client.host}:{client.port}"
    shown = [value for each in RECORDS for value in each.values] + FOREIGN
    values = [*FOREIGN_WAY, *(value.data for value in shown if isinstance(value.data, str))]
    found = [address for address in re.findall(r"https?://[^\s\"<&]+", page) if not address.startswith(own)]
    assert all(any(address in value for value in values) for address in found)
    assert "//" not in "".join(re.findall(r'(?:src|action)="([^"]*)"', page))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_hostile_identifiers_and_values_stay_text(language: str) -> None:
    values = [HandleValue(1, HOSTILE, HOSTILE), HandleValue(2, "URL", "javascript:alert(1)"),
              HandleValue(3, "HS_SITE", {"</pre><script>": HOSTILE}, "site"), HandleValue(4, "X", HOSTILE, "hex"),
              HandleValue(5, "X", "y", references=((HOSTILE, 1), (f"a/{HOSTILE}", 2)))]  # fmt: skip
    hostile = record(f"88.118.8/{HOSTILE}", values)
    page = record_page(
        PaperNames(), hostile, HOSTILE, language, 0, f"x={quote(HOSTILE)}&lang={quote(HOSTILE)}", HOSTILE
    )
    gone = withdrawn_page(
        PaperNames(), withdrawn(f"88.118.8/{HOSTILE}", HOSTILE, HOSTILE), HOSTILE, language, "", HOSTILE
    )
    foreign = foreign_page(f"88.118.8/{HOSTILE}", values, (HOSTILE,), HOSTILE, language, f"x={quote(HOSTILE)}")
    for outline in (Outline(page), Outline(gone), Outline(foreign)):
        assert not {"script", "img"} & {tag for tag, _ in outline.elements}
        assert f"88.118.8/{HOSTILE}" in outline.text
        assert not [link for link in outline.hrefs() if link.lower().startswith("javascript:")]
    assert "javascript:alert(1)" in Outline(page).text


@pytest.mark.parametrize(
    "data", ["https://e.com/a b", "http://", 'https://e.com/"onclick=', "HTTPS:x", " https://e.com"]
)
def test_only_true_web_addresses_become_links(data: str) -> None:
    page = record_page(PaperNames(), record("88.118.8/X", [HandleValue(1, "URL", data)]), NAME, "en", 0)
    assert "nofollow" not in page


def test_web_addresses_become_links_that_give_nothing_away() -> None:
    page = record_page(
        PaperNames(), record("88.118.8/X", [HandleValue(1, "D", "https://e.com/?a=1&b=2")]), NAME, "en", 0
    )
    assert '<a href="https://e.com/?a=1&amp;b=2" rel="noopener noreferrer nofollow">' in page


def test_values_have_their_names_in_the_readers_language() -> None:
    pages = [record_page(PaperNames(), RECORDS[0], NAME, language, 0) for language in ("zh", "en")]
    assert "型号" in pages[0]
    assert "数据手册" in pages[0]
    assert "江苏长电科技股份有限公司" in pages[0]
    assert "Datasheet" in pages[1]
    assert "CERTIFICATE" in pages[1]  # not in the template: its type
    assert "base64, 900 bytes" in pages[1]
    assert '<time datetime="2026-01-31T17:05:09Z">2026-02-01 01:05:09</time>' in pages[1]
    assert 'href="/api/handles/88.118.8/BAV99%2C215"' in pages[1]


def test_private_values_are_not_even_named() -> None:
    page = record_page(PaperNames(), RECORDS[3], NAME, "en", 0)
    assert SECRET not in page
    assert "COST" not in page
    assert "nothing about it is public" in page


def test_what_another_node_said_is_not_vouched_for() -> None:
    for language, words in (("zh", "未经本节点核验"), ("en", "this node has not verified it")):
        page = foreign_page("20.500.1/M8x25", FOREIGN, FOREIGN_WAY, NAME, language)
        assert words in page and all(address in page for address in FOREIGN_WAY)
        assert "已在本节点注册" not in page and "Registered at this node" not in page
        assert not any(f'href="{address}' in page for address in FOREIGN_WAY), "a peer is no place to send people to"


def test_a_page_has_a_tag_of_what_it_says() -> None:
    pages = [
        record_page(PaperNames(), RECORDS[0], NAME, language, stale, "", holder)
        for language, stale, holder in (
            ("zh", 0, None),
            ("en", 0, None),
            ("en", 5, None),
            ("en", 0, "A"),
            ("en", 0, ""),
        )
    ]
    assert "Held now by: A" in pages[3] and "Held now by: another enterprise" in pages[4]
    tags = {page_tag(page, 1, "en") for page in pages}
    assert len(tags) == len(pages) and tags == {page_tag(page, 1, "en") for page in pages}


def test_stale_answers_say_so_and_fresh_ones_do_not() -> None:
    assert "out of date by 43 s" in record_page(PaperNames(), RECORDS[0], NAME, "en", 42.4)
    assert "可能已过时 1 秒" in record_page(PaperNames(), RECORDS[0], NAME, "zh", 0.2)
    assert "out of date" not in record_page(PaperNames(), RECORDS[0], NAME, "en", 0)


def test_withdrawn_says_when_why_and_what_instead() -> None:
    page = withdrawn_page(PaperNames(), RECORDS[5], NAME, "en", "lang=en")
    assert "批次召回" in page
    assert "2026-03-02 11:00:00" in page
    assert 'href="/88.118.8/BAV99%2C215?lang=en"' in page
    assert SECRET not in page


def test_a_language_link_keeps_the_query_and_does_not_leave_the_page() -> None:
    assert Reader(NAME, "zh", "a=1&lang=zh&b=%26").switch == "?a=1&b=%26&lang=en"
    elsewhere = record("88.118.8/X", [HandleValue(1, "URL", "https://e.com/")])
    assert "noredirect=&amp;lang=zh" in record_page(PaperNames(), elsewhere, NAME, "en", 0)


@pytest.mark.parametrize(
    ("identifier", "path"),
    [("88.118/a b#c?d%e+f&gΩ/h", "88.118/a%20b%23c%3Fd%25e%2Bf%26g%CE%A9/h"), ("88.118/../x", "88.118%2F..%2Fx"),
     ("9506000134352", "https%3A//id.gs1.org/01/09506000134352")],
)  # fmt: skip
async def test_lookup_leads_to_the_encoded_address(client: TestClient, identifier: str, path: str) -> None:
    status, _, headers = await get(client, f"/lookup?identifier=%20{quote(identifier, safe='')}&lang=en")
    assert (status, headers["Location"]) == (303, f"/{path}?lang=en")
    own = quote(f"http://{client.host}:{client.port}/{path}?x=1", safe="")
    status, _, headers = await get(client, f"/lookup?identifier={own}")
    assert (status, headers["Location"]) == (303, f"/{path}")


async def test_lookup_explains_what_is_malformed(client: TestClient) -> None:
    status, page, _ = await get(client, f"/lookup?identifier={quote(HOSTILE.replace('/', ''))}&lang=zh")
    assert status == 400
    assert "标识格式不正确" in page
    assert 'aria-invalid="true"' in page
    assert (await get(client, "/lookup"))[0] == 400
    status, page, _ = await get(client, "/lookup?identifier=9506000134353")
    assert status == 400 and "check digit" in page, "a bar code is a GTIN"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [("/88.118.8/NOPE", 404, "No such identifier"), ("/nothing", 400, "Not a valid identifier"), ("/99.1/X", 400, "not responsible"),
     ("/88.118.8/DOWN", 503, "database cannot be reached"), ("/88.118.8/CRASH", 500, "Internal error"),
     ("/errors/nope", 404, "no error called"), ("/88.118.8/OLD-1", 410, "was withdrawn")],
)  # fmt: skip
async def test_problems_are_pages_for_people_and_documents_for_programs(
    client: TestClient, path: str, status: int, said: str
) -> None:
    got, page, headers = await get(client, path, **{"X-Request-Id": "req-1"})
    assert got == status
    assert said in page
    if status != 410:
        assert 'action="/lookup"' in page
        assert "req-1" in page
        for accept in ("application/json", "*/*"):
            got, _, headers = await get(client, path, Accept=accept)
            assert (got, headers["Content-Type"]) == (status, "application/problem+json")
    assert (await get(client, "/api/nothing"))[2]["Content-Type"] == "application/problem+json"


async def test_every_error_has_its_page(client: TestClient) -> None:
    _, index, _ = await get(client, "/errors")
    for kind in all_problems():
        assert f'href="/errors/{kind.slug}"' in index
        status, page, _ = await get(client, f"/errors/{kind.slug}")
        assert status == 200
        assert {kind.title_zh, kind.title_en} <= set(Outline(page).text)


async def test_a_host_header_cannot_put_words_into_a_shell(client: TestClient) -> None:
    _, page, _ = await get(client, "/", Host='x";rm -rf ~;"')
    assert "rm -rf" not in page
    assert "BASE=http://localhost\n" in page


async def test_the_reference_follows_the_document(client: TestClient) -> None:
    _, page, _ = await get(client, "/docs", **{"Accept-Language": "zh"})
    text = " ".join(" ".join(Outline(page).text).split())
    assert "注册一个标识" in text
    assert "$BASE/api/handles/88.118.8/BAV99%2C215" in text
    assert """'"'"'S""" in text  # the quote in the example is safe in the shell line
    found = reference(SPECIFICATION_SAMPLE, "en")
    register = next(call for group in found.groups for call in group.calls if call.anchor == "register")
    assert register.key == "needed"
    rows = [(row.depth, row.name, row.required) for row in register.bodies[0].rows]
    assert rows[:6] == [(0, "identifier", True), (0, "values", True), (1, "index", True), (1, "type", True), (1, "data", True),
                        (2, "format", False)]  # fmt: skip
    assert [answer.bodies[0].schema for answer in register.answers] == ["", "Problem", "Problem"]
    assert "version" in register.answers[0].bodies[0].example
    assert found.groups[1].calls[0].key == "open"


@pytest.mark.parametrize(
    ("summary", "heading", "more"),
    [
        ("Publish a draft: it resolves; once", "Publish a draft", "it resolves; once"),
        ("IIIDAP: whose a prefix is; what is shown", "IIIDAP: whose a prefix is", "what is shown"),
        ("The session of `Authorization: Handle` here", "The session of `Authorization: Handle` here", ""),
        ("批量解析，逐一应答；末行为总数", "批量解析，逐一应答", "末行为总数"),
        ("Withdraw", "Withdraw", ""),
    ],
)
def test_the_contents_name_a_call_briefly(summary: str, heading: str, more: str) -> None:
    """What else its summary says stands with the call."""
    told = reference({"openapi": "3.1.0", "paths": {"/x": {"get": {"summary": summary, "responses": {}}}}}, "en")
    [call] = [call for group in told.groups for call in group.calls]
    assert (call.heading, call.more) == (heading, more)


def test_prose_is_escaped() -> None:
    assert (
        prose("a <b> `c <d>`\n\n- e\n- f") == "<p>a &lt;b&gt; <code>c &lt;d&gt;</code></p><ul><li>e</li><li>f</li></ul>"
    )
    assert prose("un`paired") == "<p>un`paired</p>"


@pytest.mark.parametrize("texts", [LAYOUT_TEXTS, RESOLVER_TEXTS, NODE_TEXTS])
def test_every_text_is_there_in_both_languages(texts: Texts) -> None:
    for key, (zh, en) in texts.items():
        assert zh, key
        assert en, key
        assert sorted(re.findall(r"{\w+}", zh)) == sorted(re.findall(r"{\w+}", en)), key
        assert key in ("switch", "docs-key", "in-cookie") or not re.search(r"[\u4e00-\u9fff]", en), key


def test_the_policy_allows_this_style_and_no_script() -> None:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")
    assert "script-src" not in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "</" not in STYLE


def test_a_summary_in_two_languages_is_told_in_one() -> None:
    both = {"summary": "A page, or JSON. 页面，或 JSON。"}
    assert (line(both, "summary", "en"), line(both, "summary", "zh")) == ("A page, or JSON", "页面，或 JSON")
    assert line({"summary": "Only English."}, "summary", "zh") == "Only English."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read_by_everybody(scheme: str) -> None:
    """WCAG 2.2, 1.4.3: contrast of at least 4.5 for every pair of text and ground that the style uses."""
    light, dark = STYLE.split("@media (prefers-color-scheme: dark)")[:2]
    colours = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", light))
    colours |= dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", dark.partition("*,")[0])) if scheme == "dark" else {}
    pairs = [(text, ground) for text in ("ink", "soft", "link") for ground in ("paper", "sheet", "sunk")]
    pairs += [
        ("good", "good-soft"),
        ("warn", "warn-soft"),
        ("link", "link-soft"),
        ("ink", "seal-soft"),
        ("good", "sheet"),
    ]
    pairs += [("seal", "seal-soft"), ("seal", "sheet")] if scheme == "light" else []
    for text, ground in pairs:
        assert contrast(colours[f"--{text}"], colours[f"--{ground}"]) >= 4.5, (text, ground)
    for own in (("#ffffff", "#14568a"), ("#ffffff", "#0e4570"), ("#ffffff", colours["--seal"])):
        assert contrast(*own) >= 4.5, own
    assert contrast("#f09a90", "#3a1f1e") >= 4.5


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_products_name_comes_first_and_values_are_told_in_words() -> None:
    """Units, labels of choices and links to other identifiers are the template's."""
    record = BY_KEY["88.118.8/SN.2026-000117"]
    for language, words in (
        ("zh", ("一等品", "是", "净重", "已核验")),
        ("en", ("First grade", "Yes", "Net weight", "Verified")),
    ):
        page = record_page(PaperNames(), record, NAME, language, 0)
        assert '<h1 class="product">车规级双串联开关二极管</h1>' in page
        assert page.count("车规级双串联开关二极管") == 2, "the title and the headline, not a line below"
        assert "0.0085 kg" in page and 'href="/88.118.8/BATCH%202026/03"' in page
        assert all(word in page for word in words)


@pytest.mark.parametrize(("language", "words"), [("zh", "追溯信息"), ("en", "Traceability")])
def test_links_are_links_under_their_names(language: str, words: str) -> None:
    """Also where the value is JSON, which no person reads; one that leads nowhere stays text."""
    told = '{"href": "https://trace.example.com/a", "title": "批次 <7>", "hreflang": ["zh"]}'
    shown = record("88.118.8/X", [
        HandleValue(1, "gs1:traceability", told), HandleValue(2, "gs1:pip", "https://example.com/pip"),
        HandleValue(3, "gs1:pip", '{"href": "javascript:alert(1)"}'), HandleValue(4, "gs1:other", "https://example.com/o"),
    ])  # fmt: skip
    page = record_page(PaperNames(), shown, NAME, language, 0)
    found = Outline(page)
    assert {"https://trace.example.com/a", "https://example.com/pip", "https://example.com/o"} <= {
        attributes.get("href") for name, attributes in found.elements if name == "a"
    }
    assert words in page and "批次 &lt;7&gt;" in page and "gs1:other" in page and "&#34;hreflang&#34;" not in page
    assert not any((attributes.get("href") or "").startswith("javascript") for _, attributes in found.elements)


def test_references_lead_to_what_they_name() -> None:
    named = HandleValue(1, "MADE_FROM", "batch", references=(("88.118.8/BATCH 2026/03", 2001), ("no identifier", 0)))
    for language, word in (("zh", "引用"), ("en", "Refers to")):
        page = Outline(record_page(PaperNames(), record("88.118.8/X", [named]), NAME, language, 0))
        assert "/88.118.8/BATCH%202026/03" in page.hrefs() and page.text.count("2001:88.118.8/BATCH 2026/03") == 1
        assert "0:no identifier" in page.text, "told, and no link"
        assert sum(word in text for text in page.text) == 2
    many = replace(named, references=tuple((f"a/{number}", number) for number in range(100)))
    page = Outline(record_page(PaperNames(), record("88.118.8/X", [many]), NAME, "en", 0))
    assert [text for text in page.text if ":a/" in text] == [f"{number}:a/{number}" for number in range(5)]
    assert "…" in page.text


def test_a_name_that_is_not_one_stays_a_value() -> None:
    for value in (
        HandleValue(1, "NAME", " "),
        HandleValue(1, "NAME", "x" * 121),
        HandleValue(1, "NAME", "QQ==", "base64"),
    ):
        assert name_value([value], None) is None
    assert name_value([HandleValue(1, "A", "a"), HandleValue(2, "name", "b")], None) == HandleValue(2, "name", "b")
