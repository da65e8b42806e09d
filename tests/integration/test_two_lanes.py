"""The two lanes of a worker say the same: what the fast lane answers, aiohttp would have answered so."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.harness import Node, at, item, text_value

FAST, FRAMEWORK = b"", b"TE: trailers\r\n"  # the second is not for the fast lane


NAMES = [
    *(
        f"{{prefix}}/{name}"
        for name in ("plain", "PLAIN", "linked", "%E9%9B%B6%E4%BB%B6%201", "secret", "gone", "alias")
    ),
    *(
        "{prefix}/none",
        "{prefix}%2Fplain",
        "{prefix}",
        "{prefix}//",
        "99.1/x",
        "10.1000/182",
        "a.b/%ff",
        ".well-known/gs1resolver",
    ),
    *("01/09506000134352", "01/09506000134352/21/none", "01/09506000134353", "0.NA/{prefix}", "1.2.156.1", "healthz"),
]
QUERIES = ["type=URL", "index=1", "index=x", "pretty", "publicOnly=true", "auth=true", "min_version=1", "min_version=2"]
QUERIES += ["info", "noredirect", "lang=zh", "lang=en", "ignore_aliases=1", "linkType=gs1:pip", "linkType=linkset"]
QUERIES += ["doNotRefer", "locatt=a:b", "callback=f", "", "=", "%zz"]
FIELDS = {
    "Accept": [
        "*/*",
        "application/json",
        "text/html",
        "text/html;q=0.5, application/json",
        "application/linkset+json",
        "",
    ],
    "Accept-Language": ["zh-CN,zh;q=0.9", "en", "fr", "zh;q=x", ""],
    "If-None-Match": ['"1"', 'W/"1"', '"2", "1"', "*", "1", ""],
    "If-Version-At-Least": ["1", "2", "x"],
    "Authorization": ["Bearer wrong", "Basic x"],
}


class Said:
    """One answer, without what differs from request to request."""

    def __init__(self, head: bytes, body: bytes) -> None:
        status, *lines = head.decode().split("\r\n")
        self.status = status
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        self.request_id = self.headers.pop("x-request-id")
        self.dated = self.headers.pop("date")
        self.body = body.replace(self.request_id.encode(), b"<request id>")

    def __eq__(self, other: Any) -> bool:
        return (self.status, self.headers, self.body) == (other.status, other.headers, other.body)

    def __repr__(self) -> str:
        return f"{self.status} {self.headers} {self.body!r}"


async def ask(node: Node, lane: bytes, line: str, *headers: str, body: bytes = b"") -> Said:
    """On a connection of its own."""
    url = urlsplit(node.anybody.base_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = "".join(f"{header}\r\n" for header in ("Host: node", *headers))
    size = f"Content-Length: {len(body)}\r\n" if body else ""
    writer.write(f"{line} HTTP/1.1\r\n{head}{size}".encode() + lane + b"\r\n" + body)
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    if line.startswith("HEAD "):
        length = b""
    rest = await asyncio.wait_for(reader.readexactly(int(length or 0)), 5)
    writer.close()
    return Said(answer[:-4], rest)


async def both(node: Node, line: str, *headers: str, body: bytes = b"") -> Said:
    """The answer of the fast lane, once it is that of the other one."""
    fast, framework = [await ask(node, lane, line, *headers, body=body) for lane in (FAST, FRAMEWORK)]
    assert fast == framework
    return fast


@pytest.fixture
async def known(node: Node) -> Node:
    """Some identifiers of every kind: plain, with a URL, in Chinese, with secrets, withdrawn."""
    for wish in (
        item(f"{node.prefix}/plain"),
        {"identifier": f"{node.prefix}/linked", "values": [text_value(2000, "URL", "https://example.com/零件?a=1")]},
        item(f"{node.prefix}/零件 1"),
        {
            "identifier": f"{node.prefix}/secret",
            "values": [text_value(2000, "A", "x"), text_value(2001, "B", "hidden", visibility="private")],
        },
        item(f"{node.prefix}/gone"),
    ):
        assert (await node.owner.post("/api/v1/identifiers", wish)).status == 201
    gone = at(f"{node.prefix}/gone")
    withdrawn = await node.owner.post(f"/api/v1/identifiers/{gone}/withdraw", {"reason": "报废"})
    assert withdrawn.status == 200
    return node


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json;q=0.9, */*;q=0.1"])
async def test_every_reading_says_the_same(known: Node, accept: str) -> None:
    prefix, key = known.prefix, f"Authorization: Bearer {known.owner.key}"
    paths = [at(f"{prefix}/{name}") for name in ("plain", "linked", "零件 1", "secret", "gone", "unknown")]
    paths += [f"{prefix}/PLAIN", f"{prefix}/%ff", f"{prefix}/a%00b", f"{prefix}/%zz", f"{prefix}//", "99.1/x", "a.b/"]
    for path in paths:
        for door in ("/api/handles/", "/"):
            for headers in ([], [key], ["Authorization: Bearer wrong"], ['If-None-Match: "1"'], ["If-None-Match: *"]):
                for _ in range(2):  # from the tiers, and from memory
                    await both(known, f"GET {door}{path}", f"Accept: {accept}", *headers)


async def test_queries_say_the_same(known: Node) -> None:
    plain = at(f"{known.prefix}/plain")
    for query in (
        "type=URL",
        "index=2000&index=1",
        "index=x",
        "type=%E9%9B%B6",
        "lang=zh",
        "noredirect",
        "a=+%2b",
        "?",
        "",
    ):
        await both(known, f"GET /api/handles/{plain}?{query}")
        await both(known, f"GET /{at(f'{known.prefix}/linked')}?{query}")
    said = await both(known, f"GET /{at(f'{known.prefix}/unknown')}?lang=zh")
    assert "未在本节点注册".encode() in said.body


@pytest.mark.parametrize("language", ["zh-CN,zh;q=0.9", "en", "fr"])
async def test_problems_speak_the_same_language(known: Node, language: str) -> None:
    for path in ("unknown", "gone"):
        await both(known, f"GET /api/handles/{at(f'{known.prefix}/{path}')}", f"Accept-Language: {language}")


async def test_links_aliases_and_other_schemes_say_the_same(known: Node) -> None:
    gtin = "01/09506000134352"
    given = {"enterprise_id": 1, "scheme": "gs1", "prefix": "9506000"}
    assert (await known.operator.post("/api/v1/prefixes", given)).status == 201
    links = [text_value(1, "gs1:pip", "https://example.com/p"), text_value(2, "URL", "https://example.com/")]
    places = '<locations><location href="https://example.com/a" weight="1"/></locations>'
    for identifier, values in (
        (gtin, links),
        (f"{known.prefix}/links", links),
        (f"{known.prefix}/places", [text_value(1, "10320/loc", places)]),
        (f"{known.prefix}/alias", [text_value(1, "HS_ALIAS", f"{known.prefix}/links")]),
        (f"{known.prefix}/loop", [text_value(1, "HS_ALIAS", f"{known.prefix}/loop")]),
    ):
        wish = {"identifier": identifier, "values": values}
        assert (await known.operator.post("/api/v1/identifiers", wish)).status == 201
    for path in (
        *(gtin, f"{gtin}/21/a%2Fb", f"{gtin}/21", "01/09506000134353", "01/00012345600012", "1.2.156.1"),
        *(f"{known.prefix}/{name}" for name in ("links", "places", "alias", "loop")),
    ):
        for door in ("/api/handles/", "/"):
            for accept in ("*/*", "application/json", "application/linkset+json"):
                for query in ("", "?linkType=gs1:pip", "?linkType=linkset", "?linkType=gs1:none", "?ignore_aliases=1"):
                    for _ in range(2):
                        await both(known, f"GET {door}{path}{query}", f"Accept: {accept}")


async def test_registering_says_the_same(known: Node) -> None:
    key = f"Authorization: Bearer {known.owner.key}"
    for body in (b"", b"{", b"[]", b"{}", b'{"identifier":"99.1/x","values":[]}', "{'零': 1}".encode()):
        await both(known, "POST /api/v1/identifiers", key, body=body)
        await both(known, "POST /api/v1/identifiers", body=body)
    again = b'{"identifier":"%s/plain","values":[{"index":2000,"type":"A","data":{"format":"string","value":"b"}}]}'
    conflict = await both(known, "POST /api/v1/identifiers", key, body=again % known.prefix.encode())
    assert "409" in conflict.status
    new = [
        await ask(
            known, lane, "POST /api/v1/identifiers", key, body=again.replace(b"plain", name) % known.prefix.encode()
        )
        for lane, name in ((FAST, b"new-1"), (FRAMEWORK, b"new-2"))
    ]
    assert new[0].status == new[1].status == "HTTP/1.1 201 Created"
    assert new[0].headers.keys() == new[1].headers.keys()


@st.composite
def plain_requests(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Method, door, name, query, and header fields, each as often absent as not. `{prefix}` is the node's."""
    name = draw(st.sampled_from(NAMES) | st.text(max_size=6).map(lambda text: "{prefix}/" + quote(text, safe="/,")))
    query = "&".join(draw(st.lists(st.sampled_from(QUERIES), max_size=3)))
    path = draw(st.sampled_from(("/", "/api/handles/"))) + name + ("?" + query if query else "")
    fields = [
        f"{field}: {value}"
        for field, values in FIELDS.items()
        if (value := draw(st.none() | st.sampled_from(values))) is not None
    ]
    return f"{draw(st.sampled_from(('GET', 'HEAD')))} {path}", draw(st.permutations(fields))


async def test_whatever_is_asked_both_lanes_say_the_same(known: Node) -> None:
    """Also from memory: each example is asked on both lanes after others were, in an order that nobody chose."""
    given_here = {"enterprise_id": 1, "scheme": "gs1", "prefix": "9506000"}
    assert (await known.operator.post("/api/v1/prefixes", given_here)).status == 201
    links = [
        text_value(1, "gs1:pip", "https://example.com/p"),
        text_value(2, "gs1:defaultLink", "https://example.com/"),
    ]
    for identifier, values in (
        ("01/09506000134352", links),
        (f"{known.prefix}/alias", [text_value(1, "HS_ALIAS", f"{known.prefix}/linked")]),
    ):
        wish = {"identifier": identifier, "values": values}
        assert (await known.operator.post("/api/v1/identifiers", wish)).status == 201
    loop = asyncio.get_running_loop()

    @settings(max_examples=300, deadline=None, phases=[Phase.generate])
    @given(plain_requests())
    def said(request: tuple[str, list[str]]) -> None:
        line, fields = request
        line = line.replace("{prefix}", known.prefix)
        asyncio.run_coroutine_threadsafe(both(known, line, *fields), loop).result(20)

    await asyncio.to_thread(said)


async def test_a_browser_is_given_pages_on_the_first_request(known: Node) -> None:
    for path in ("plain", "unknown", "gone"):
        said = await ask(known, FAST, f"GET /{at(f'{known.prefix}/{path}')}", "Accept: text/html")
        assert said.headers["content-type"].startswith("text/html")


async def test_a_request_id_that_was_sent_comes_back(known: Node) -> None:
    for lane in (FAST, FRAMEWORK):
        for sent, kept in (("abc-1", True), ("x" * 65, False), ("\u00e9", False)):
            said = await ask(known, lane, f"GET /api/handles/{known.prefix}/plain", f"X-Request-Id: {sent}")
            assert (said.request_id == sent) is kept


async def test_the_nodes_own_pages_are_not_taken_for_identifiers(known: Node) -> None:
    for path in (
        "/healthz",
        "/api/v1/openapi.json",
        "/errors/body-invalid",
        "/robots.txt",
        "/docs",
        "/.well-known/gs1resolver",
    ):
        said = await both(known, f"GET {path}")
        assert "handle" not in str(said.body[:40])
