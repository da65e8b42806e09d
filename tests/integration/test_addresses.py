"""Hostile names in every URL, and addresses that are nobody's: each gets the one right answer."""

from __future__ import annotations

import pytest

from tests.harness import Node, at, item, text_value

SUFFIXES = [
    "MTD6508-ADJE/JQ", "BAV99,215", "a b", " lead", "trail ", "a#b", "a?b=c", "100%", "%41", "%2F", "%25", "a+b", "a&b", "10Ω", "中文",
    "🔧", "'single'", '"double"', "a\\b", "a//b", "/", "//", "..", "./x", "../../etc/passwd", "a/../b", "<script>", "a;b", "a:b", "@",
    "withdraw", "x/withdraw", "identifiers:batch", "é", "\u0301x", "i\u0307", "null", "0", "{x}", "[1]", "|", "~", "^`", "a=b",
]  # fmt: skip


async def test_every_name_works_in_every_url(node: Node) -> None:
    for suffix in SUFFIXES:
        identifier = f"{node.prefix}/{suffix}"
        made = await node.owner.post("/api/v1/identifiers", item(identifier, suffix))
        assert (made.status, made.json["identifier"]) == (201, identifier), suffix
        for where in (made.headers["Location"], "/api/v1/identifiers/" + at(identifier)):
            read = await node.owner.get(where)
            assert (read.status, read.json["identifier"]) == (200, identifier), where
        for url in (f"/api/handles/{at(identifier)}", f"/{at(identifier)}"):
            found = await node.anybody.get(url, headers={"Accept": "application/json"})
            assert (found.status, found.json["handle"]) == (200, identifier), url
            assert found.json["values"][0]["data"]["value"] == suffix
        page = await node.anybody.get(f"/{at(identifier)}", headers={"Accept": "text/html"})
        assert page.status == 200 and b"<script>" not in page.body
        body = {"values": [text_value(1, "DESC", "second")]}
        assert (await node.owner.put("/api/v1/identifiers/" + at(identifier), body)).json["identifier"] == identifier
        gone = await node.owner.post(f"/api/v1/identifiers/{at(identifier)}/withdraw", {"reason": "r"})
        assert (gone.status, gone.json["identifier"]) == (200, identifier)
        assert (await node.anybody.get(f"/api/handles/{at(identifier)}")).status == 410, suffix
    many = await node.anybody.post(
        "/api/v1/resolve", {"identifiers": [f"{node.prefix}/{suffix}" for suffix in SUFFIXES]}
    )
    assert {answer["status"] for answer in many.json["items"]} == {"withdrawn"}


async def test_plain_slashes_and_other_spellings_name_the_same(node: Node) -> None:
    identifier = f"{node.prefix}/Ab c/D+é"
    await node.owner.post("/api/v1/identifiers", item(identifier))
    for path in ("Ab%20c/D+%C3%A9", "ab%20c%2fd%2B%c3%a9", "AB%20C/%44+e%CC%81"):
        found = await node.anybody.get(f"/api/handles/{node.prefix}/{path}")
        assert (found.status, found.json and found.json["handle"]) == (200, identifier), path
    assert (await node.anybody.get(f"/api/handles/{node.prefix}/Ab+c/D+%C3%A9")).status == 404, "+ is not a space"
    assert (await node.anybody.get(f"/api/handles/{node.prefix}/Ab%2520c/D+%C3%A9")).status == 404, "decoded once"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("{}/a%0Ab", "U+000A"),
        ("{}/a%00", "U+0000"),
        ("{}/%E2%80%AE", "U+202E"),
        ("{}/%D6%D0", "GBK"),
        ("{}/100%", "percent-escape"),
        ("{}/%zz", "percent-escape"),
        ("{}/", "empty"),
        ("{}", "no '/'"),
        ("%2Fx", "empty"),
        ("{}/" + "x" * 250, "255"),
        ("8" * 65 + "/x", "64"),
    ],
)
async def test_malformed_identifiers_get_102_and_the_reason_at_every_door(node: Node, path: str, reason: str) -> None:
    path = path.replace("{}", node.prefix)
    for api, url in (
        (node.anybody, f"/api/handles/{path}"),
        (node.anybody, f"/{path}"),
        (node.owner, f"/api/v1/identifiers/{path}"),
    ):
        answer = await api.get(url)
        assert (answer.status, answer.json["slug"]) == (400, "identifier-malformed"), url
        assert reason in answer.json["detail"]
        if api is node.anybody:
            assert answer.json["responseCode"] == 102


async def test_case_is_ignored_or_kept_as_the_prefix_says(node: Node) -> None:
    granted = await node.operator.post(
        "/api/v1/prefixes", {"enterprise_id": 1, "prefix": "88.118.cs", "suffix_case_sensitive": True}
    )
    assert granted.status == 201
    for suffix in ("Part", "PART", "part"):
        assert (await node.owner.post("/api/v1/identifiers", item(f"88.118.cs/{suffix}", suffix))).status == 201
    for suffix in ("Part", "PART", "part"):
        found = await node.anybody.get(f"/api/handles/88.118.CS/{suffix}")
        assert found.json["values"][0]["data"]["value"] == suffix
    assert (await node.anybody.get("/api/handles/88.118.cs/pART")).status == 404
    gone = await node.owner.post(
        "/api/v1/identifiers/88.118.cs/part/withdraw", {"reason": "spelling", "successor": "88.118.cs/Part"}
    )
    assert gone.status == 200, "the other case is another identifier"
    wrong = await node.owner.put("/api/v1/identifiers/88.118.cs/PART", item("88.118.cs/Part", "x"))
    assert wrong.json["errors"][0]["slug"] == "identifier-differs"
    assert (await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/Part"))).status == 201
    again = await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/pART"))
    assert (again.status, again.json["identifier"]) == (200, f"{node.prefix}/Part"), "shown as first registered"


async def test_templates_of_a_case_sensitive_prefix_are_found(node: Node) -> None:
    body = {"enterprise_id": 1, "prefix": "88.118.cs", "suffix_case_sensitive": True}
    await node.operator.post("/api/v1/prefixes", body)
    items = [{"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model"}]
    published = await node.owner.post("/api/v1/templates", {"identifier": "88.118.cs/META_part", "items": items})
    assert published.status == 201
    sent = {"identifier": "88.118.cs/1", "values": [text_value(2001, "MODEL", "x")], "template": "88.118.cs/META_part"}
    made = await node.owner.post("/api/v1/identifiers", sent)
    assert (made.status, made.json["template"]) == (201, "88.118.cs/META_part")
    unknown = await node.owner.post("/api/v1/identifiers", sent | {"template": "88.118.cs/META_PART"})
    assert unknown.json["errors"][0]["slug"] == "template-unknown"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/api/v1/resolve", "POST"),
        ("GET", "/api/v1/identifiers:batch", "POST"),
        ("GET", "/api/v1/enterprises", "POST"),
        ("PATCH", "/api/v1/templates", "GET, HEAD, POST"),
        ("PUT", "/api/v1/keys/0123456789abcdef", "DELETE"),
        ("POST", "/api/v1/openapi.json", "GET, HEAD"),
        ("POST", "/api/handles/88.118.8/x", "GET, HEAD"),
        ("DELETE", "/api/v1/identifiers/88.118.8/x", "GET, HEAD, PUT"),
        ("PATCH", "/api/v1/identifiers", "GET, HEAD, POST"),
        ("PUT", "/88.118.8/x", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
        ("PROPFIND", "/docs", "GET, HEAD"),
    ],
)
async def test_the_wrong_method_is_405_and_says_which_are_right(node: Node, method: str, path: str, allow: str) -> None:
    answer = await node.operator.call(method, path)
    assert (answer.status, answer.json["slug"]) == (405, "method-not-allowed")
    allowed = answer.headers["Allow"].split(", ")
    assert set(allow.split(", ")) <= set(allowed) and method not in allowed


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v2/identifiers", "/api/x", "/api/v1/keys/a/b", "/api/v1/resolve/"]
)
async def test_an_unknown_address_of_the_api_is_404(node: Node, path: str) -> None:
    answer = await node.operator.get(path)
    assert (answer.status, answer.json["slug"]) == (404, "page-unknown")


async def test_a_percent_encoded_fixed_part_never_names_another_identifier(node: Node) -> None:
    for suffix in ("x", "x/w"):
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{suffix}"))
    answer = await node.owner.post(f"/api/v1/identifiers/{node.prefix}/x/withdra%77", {"reason": "r"})
    assert answer.status == 404
    for suffix in ("x", "x/w"):
        assert (await node.anybody.get(f"/api/handles/{node.prefix}/{suffix}")).status == 200
    assert (await node.anybody.get(f"/%61pi/handles/{node.prefix}/x")).status == 404


async def test_an_identifier_that_ends_in_withdraw_is_withdrawn_itself(node: Node) -> None:
    identifier = f"{node.prefix}/x/withdraw"
    await node.owner.post("/api/v1/identifiers", item(identifier))
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/x"))
    answer = await node.owner.post(f"/api/v1/identifiers/{node.prefix}/x/withdraw/withdraw", {"reason": "r"})
    assert answer.json["identifier"] == identifier
    assert (await node.anybody.get(f"/api/handles/{node.prefix}/x")).status == 200
    assert (await node.anybody.get(f"/api/handles/{identifier}")).status == 410
