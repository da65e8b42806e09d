"""The public doors: what anybody is told, in which form, and what nobody but the owner ever sees."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.harness import Node, at, item, text_value

SECRET = "wholesale-price-17.20"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def make(node: Node, suffix: str, *values: dict[str, Any]) -> str:
    identifier = f"{node.prefix}/{suffix}"
    answer = await node.owner.post("/api/v1/identifiers", {"identifier": identifier, "values": list(values)})
    assert answer.status == 201, answer.body
    return identifier


async def full(node: Node) -> str:
    return await make(
        node, "Full",
        text_value(1, "NOTE", "n"),
        text_value(2, "T", "t"),
        text_value(3, "T.A", "ta"),
        text_value(4, "TX", "tx"),
        text_value(9, "COST", SECRET, permissions="1100"),
        text_value(300, "HS_SECKEY", SECRET),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ("", [1, 2, 3, 4]),
        ("?type=T", [2]),
        ("?type=T.", [2, 3]),
        ("?type=T&type=NOTE", [1, 2]),
        ("?index=3", [3]),
        ("?index=3&index=1", [1, 3]),
        ("?type=T&index=4", [2, 4]),
        ("?type=NONE", []),
        ("?index=77", []),
        ("?index=9", []),
        ("?type=COST&type=HS_SECKEY", []),
        ("?index=300&index=1", [1]),
    ],
)
async def test_values_are_chosen_by_type_and_index_and_private_ones_never(
    node: Node, query: str, indexes: list[int]
) -> None:
    identifier = await full(node)
    answer = await node.anybody.get(f"/api/handles/{identifier}{query}")
    assert answer.status == 200
    assert answer.json["responseCode"] == (1 if indexes else 200)
    assert [value["index"] for value in answer.json["values"]] == indexes
    assert SECRET.encode() not in answer.body


async def test_a_batch_gives_what_is_asked_for_of_each(node: Node) -> None:
    identifier = await full(node)
    for query, indexes in (("?type=T.", [2, 3]), ("?index=1&type=TX", [1, 4]), ("?type=NOPE", [])):
        alone = (await node.anybody.get(f"/api/handles/{identifier}{query}")).json
        for _ in range(2):
            [said] = (await node.anybody.post(f"/api/v1/resolve{query}", [identifier])).json["items"]
            assert said == alone | {"identifier": identifier, "status": "found"}
        assert [value["index"] for value in said["values"]] == indexes
    [public] = (await node.owner.post("/api/v1/resolve?publicOnly=true", [identifier])).json["items"]
    assert public["values"] == (await node.anybody.get(f"/api/handles/{identifier}")).json["values"]


async def test_lines_are_answered_as_they_come(node: Node) -> None:
    """Whoever waits for an answer before the next line gets it; the body goes on."""
    identifier = await full(node)
    url = urlsplit(node.anybody.base_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = b"POST /api/v1/resolve HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    line = f"{identifier}\n".encode()
    writer.write(head)
    for _ in range(3):
        writer.write(b"%x\r\n%b\r\n" % (len(line), line))
        await asyncio.wait_for(reader.readuntil(b'"status":"found"'), 5)
    writer.write(b"0\r\n\r\n")
    assert b'{"summary":{"lines":3}}' in await asyncio.wait_for(reader.readuntil(b"}}\n"), 5)
    writer.close()


@pytest.mark.parametrize("index", ["0", "-1", "x", "1.0", "4294967296", "%C2%B2", "", "000000000001" + "9" * 5000])
async def test_a_wrong_index_is_named(node: Node, index: str) -> None:
    answer = await node.anybody.get(f"/api/handles/{node.prefix}/x?index={index}")
    assert answer.status in (400, 404)
    identifier = await full(node)
    answer = await node.anybody.get(f"/api/handles/{identifier}?index={index}")
    assert (answer.status, answer.json["slug"], answer.json["responseCode"]) == (400, "parameter-invalid", 4)


async def test_what_is_not_public_is_shown_to_its_owner_alone(node: Node) -> None:
    identifier = await full(node)
    for api in (node.anybody, node.partner, node.stranger):
        for url in (f"/api/handles/{identifier}", f"/{identifier}", f"/{identifier}?noredirect"):
            for accept in ("*/*", "application/json", CHROME):
                answer = await api.get(url, headers={"Accept": accept})
                assert answer.status == 200 and SECRET.encode() not in answer.body, (url, accept)
        many = await api.post("/api/v1/resolve", {"identifiers": [identifier]})
        assert many.status == 200 and SECRET.encode() not in many.body
    for api in (node.owner, node.operator):
        read = await api.get(f"/api/v1/identifiers/{identifier}")
        shown = {value["index"]: value for value in read.json["values"]}
        assert shown[9]["data"]["value"] == SECRET and shown[9]["permissions"] == "1100"
        assert shown[300]["permissions"] == "1100", "a secret key is private without being told"
    conflict = await node.owner.post(
        "/api/v1/identifiers", {"identifier": identifier, "values": [text_value(300, "HS_SECKEY", "x")]}
    )
    assert conflict.status == 409
    assert (
        next(found for found in conflict.json["difference"] if found["index"] == 300)["registered"]["value"] == "••••••"
    )


async def test_a_value_that_becomes_private_is_gone_at_once(node: Node) -> None:
    identifier = await make(node, "Turn", text_value(1, "COST", SECRET))
    assert SECRET.encode() in (await node.anybody.get(f"/api/handles/{identifier}")).body
    values = [text_value(1, "COST", SECRET, permissions="1100")]
    assert (await node.owner.put(f"/api/v1/identifiers/{identifier}", {"values": values})).json["version"] == 2
    answer = await node.anybody.get(f"/api/handles/{identifier}")
    assert (answer.json["responseCode"], answer.json["values"]) == (200, [])


@pytest.mark.parametrize(
    ("path", "status", "code", "slug"),
    [
        ("{}/nowhere", 404, 100, "identifier-unknown"),
        ("88.118.77/nowhere", 404, 100, "identifier-unknown"),
        ("88.119/x", 400, 301, "not-responsible"),
        ("88.1180/x", 400, 301, "not-responsible"),
        ("10.1000/x", 400, 301, "not-responsible"),
        ("{}", 400, 102, "identifier-malformed"),
    ],
)
async def test_what_is_not_here_says_so_with_its_handle_code(
    node: Node, path: str, status: int, code: int, slug: str
) -> None:
    for url in (f"/api/handles/{path}", f"/{path}"):
        answer = await node.anybody.get(url.replace("{}", node.prefix))
        assert (answer.status, answer.json["responseCode"], answer.json["slug"]) == (status, code, slug)


async def test_many_are_answered_in_order_with_a_mixture_of_outcomes(node: Node) -> None:
    there = await make(node, "There", text_value(1, "NOTE", "n"))
    gone = await make(node, "Gone", text_value(1, "NOTE", "n"))
    await node.owner.post(f"/api/v1/identifiers/{gone}/withdraw", {"reason": "r", "successor": there})
    kinds = {
        there: "found", there.lower(): "found", gone: "withdrawn", f"{node.prefix}/no": "unknown", "x": "malformed",
        "10.1/x": "not-responsible",
    }  # fmt: skip
    asked = [list(kinds)[number % len(kinds)] for number in range(1000)]
    for body in ({"identifiers": asked}, asked):
        answer = await node.anybody.post("/api/v1/resolve", body)
        assert answer.status == 200
        assert [(one["identifier"], one["status"]) for one in answer.json["items"]] == [
            (name, kinds[name]) for name in asked
        ]
    by_kind = {one["status"]: one for one in answer.json["items"]}
    assert {kind: one["responseCode"] for kind, one in by_kind.items()} == {
        "found": 1, "withdrawn": 100, "unknown": 100, "malformed": 102, "not-responsible": 301,
    }  # fmt: skip
    assert by_kind["withdrawn"]["withdrawn"]["successor"] == there
    assert (await node.anybody.post("/api/v1/resolve", {"identifiers": [there] * 1001})).status == 422


async def test_one_address_serves_programs_browsers_and_links(node: Node) -> None:
    plain = await make(node, "Plain", text_value(1, "NOTE", "型号 note"))
    linked = await make(
        node, "Linked", text_value(1, "NOTE", "n"), text_value(2, "URL", "https://example.org/a?b=%20c#d")
    )
    for accept in ("application/json", "*/*", ""):
        answer = await node.anybody.get(f"/{plain}", headers={"Accept": accept})
        assert answer.status == 200 and answer.json["handle"] == plain
    page = await node.anybody.get(f"/{plain}", headers={"Accept": CHROME, "Accept-Language": "zh-CN"})
    assert page.headers["Content-Type"] == "text/html; charset=utf-8" and "型号 note" in page.body.decode()
    assert "zh" in page.body.decode().partition("<head>")[0]
    for accept in (CHROME, "*/*"):
        sent = await node.anybody.get(f"/{linked}", headers={"Accept": accept})
        assert (sent.status, sent.headers["Location"]) == (302, "https://example.org/a?b=%20c#d")
        assert "Accept" in sent.headers["Vary"]
    assert (await node.anybody.get(f"/{linked}", headers={"Accept": "application/json"})).json["handle"] == linked
    for query in ("?noredirect", "?noredirect=1", "?lang=zh&noredirect"):
        page = await node.anybody.get(f"/{linked}{query}", headers={"Accept": CHROME})
        assert page.status == 200 and b"example.org" in page.body


async def test_a_page_that_has_not_changed_is_not_sent_again(node: Node) -> None:
    """Its tag is none of the JSON's, nor of the page in the other language; a redirect heeds no precondition."""
    plain = "/" + at(await make(node, "tagged", text_value(2001, "A", "b")))
    html = {"Accept": "text/html", "Accept-Language": "zh"}
    page = await node.anybody.get(plain, headers=html)
    tag = page.headers["ETag"]
    again = await node.anybody.get(plain, headers=html | {"If-None-Match": f'"other", {tag}'})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    for other in (html | {"Accept-Language": "en"}, {"Accept": "application/json"}):
        assert (await node.anybody.get(plain, headers=other | {"If-None-Match": tag})).status == 200
    assert (await node.anybody.get(plain, headers=html | {"If-None-Match": '"1"'})).status == 200
    assert (
        await node.owner.call("PATCH", f"/api/v1/identifiers{plain}", {"values": [text_value(2001, "A", "c")]})
    ).status == 200
    assert (await node.anybody.get(plain, headers=html | {"If-None-Match": tag})).status == 200
    moved = "/" + at(await make(node, "moved", text_value(1, "URL", "https://example.com/")))
    there = await node.anybody.get(moved)
    assert (there.status, there.headers["ETag"]) == (302, 'W/"1-302"')
    assert (await node.anybody.get(moved, headers={"If-None-Match": 'W/"1-302"'})).status == 302


async def test_head_is_get_without_the_body(node: Node) -> None:
    plain = await make(node, "Plain", text_value(1, "NOTE", "n"))
    linked = await make(node, "Linked", text_value(2, "URL", "https://example.org"))
    for url in (f"/{plain}", f"/api/handles/{plain}", f"/{linked}", f"/{node.prefix}/no", "/healthz"):
        get, head = await node.anybody.get(url), await node.anybody.call("HEAD", url)
        assert (head.status, head.body) == (get.status, b"")
        for name in ("Content-Type", "ETag", "Location"):
            assert head.headers.get(name) == get.headers.get(name)
    read = await node.owner.call("HEAD", f"/api/v1/identifiers/{plain}")
    assert (read.status, read.headers["ETag"]) == (200, '"1"')


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "//evil.example/", "\\\\evil.example", "https://a\\@evil.example",
        "https://example.org/\r\nSet-Cookie: a=b", "https://example.org/\nX: y", "https://example.org/\x00", "https://", "https://a b/",
        "file:///etc/passwd", "https://example.org/" + "x" * 3000, " https://example.org",
    ],
)  # fmt: skip
async def test_hostile_url_values_never_redirect(node: Node, url: str) -> None:
    identifier = await make(node, "Hostile", text_value(1, "URL", url))
    for accept in (CHROME, "*/*"):
        answer = await node.anybody.get(f"/{identifier}", headers={"Accept": accept})
        assert answer.status == 200 and "Location" not in answer.headers and "Set-Cookie" not in answer.headers
    page = await node.anybody.get(f"/{identifier}", headers={"Accept": CHROME})
    assert b'href="javascript:' not in page.body.lower() and b'href="data:text' not in page.body.lower()


async def test_a_private_url_value_does_not_redirect(node: Node) -> None:
    identifier = await make(node, "P", text_value(1, "URL", "https://secret.example", permissions="1100"))
    answer = await node.anybody.get(f"/{identifier}", headers={"Accept": CHROME})
    assert answer.status == 200 and b"secret.example" not in answer.body


async def test_a_registration_is_seen_at_once_by_who_asked_before(node: Node) -> None:
    for number in range(5):
        identifier = f"{node.prefix}/later-{number}"
        assert (await node.anybody.get(f"/api/handles/{identifier}")).status == 404
        await node.owner.post("/api/v1/identifiers", item(identifier))
        assert (await node.anybody.get(f"/api/handles/{identifier}")).status == 200


async def test_pages_of_other_sites_may_read_the_public_answers(node: Node) -> None:
    identifier = await make(node, "Open", text_value(1, "NOTE", "n"))
    answer = await node.anybody.get(f"/api/handles/{identifier}")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in (await node.owner.get(f"/api/v1/identifiers/{identifier}")).headers
