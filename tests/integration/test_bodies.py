"""Bodies that are wrong, and everything that is said about them; a body never breaks the node."""

from __future__ import annotations

import gzip
from pathlib import Path

import aiohttp
import orjson
import pytest

from tests.conftest import Servers
from tests.harness import Api, Node, at, item, settings_for, take_aboard, text_value, worker_here


async def test_all_problems_of_a_body_come_together_with_their_paths(node: Node) -> None:
    body = {
        "identifier": f"{node.prefix}/",
        "values": [
            text_value(0, "", "x", ttl=-1),
            text_value(2, "A", "b", permissions="abcd"),
            text_value(2, "A", "b"),
        ],
        "template": "none",
        "colour": "red",
    }
    answer = await node.owner.post("/api/v1/identifiers", body)
    assert (answer.status, answer.json["slug"]) == (422, "body-invalid")
    assert {(one["path"], one["slug"]) for one in answer.json["errors"]} == {
        ("identifier", "identifier-empty-part"),
        ("values[0].index", "index-invalid"),
        ("values[0].type", "type-invalid"),
        ("values[0].ttl", "ttl-invalid"),
        ("values[1].permissions", "permissions-invalid"),
        ("template", "identifier-no-slash"),
        ("colour", "member-unknown"),
    }
    assert all(one["en"] and one["zh"] for one in answer.json["errors"])


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"{'a': 1}", b"NaN", b'"\\ud800"', b"[" * 5000, b"identifier=x"])
@pytest.mark.parametrize(
    "path", ["/api/v1/identifiers", "/api/v1/identifiers:batch", "/api/v1/resolve", "/api/v1/keys"]
)
async def test_what_is_not_json_is_400(node: Node, path: str, raw: bytes) -> None:
    answer = await node.operator.post(path, raw=raw)
    assert (answer.status, answer.json["slug"]) == (400, "body-not-json")


@pytest.mark.parametrize("body", [[], "x", 5, True])
@pytest.mark.parametrize(
    "path", ["/api/v1/identifiers", "/api/v1/identifiers:batch", "/api/v1/enterprises", "/api/v1/templates"]
)
async def test_json_that_is_no_object_is_422(node: Node, path: str, body: object) -> None:
    answer = await node.operator.post(path, body)
    assert (answer.status, answer.json["errors"][0]["slug"]) == (422, "not-an-object")


async def test_data_nested_too_deep_is_refused_and_never_stored(node: Node) -> None:
    for depth in (33, 200, 400, 900):
        raw = b'{"identifier":"%s/deep","values":[{"index":1,"type":"S","data":{"format":"site","value":%s}}]}' % (
            node.prefix.encode(),
            b'{"a":' * depth + b"1" + b"}" * depth,
        )
        answer = await node.owner.post("/api/v1/identifiers", raw=raw)
        assert answer.status == 422, depth
        assert answer.json["errors"][0]["slug"] == "data-too-deep"
    deepest = b'{"a":' * 32 + b"1" + b"}" * 32
    raw = b'{"identifier":"%s/deep","values":[{"index":1,"type":"S","data":{"format":"site","value":%s}}]}' % (
        node.prefix.encode(),
        deepest,
    )
    assert (await node.owner.post("/api/v1/identifiers", raw=raw)).status == 201
    answer = await node.anybody.post("/api/v1/resolve", {"identifiers": [f"{node.prefix}/deep"]})
    assert answer.json["items"][0]["values"][0]["data"]["value"] == orjson.loads(deepest)


async def test_a_body_that_is_badly_compressed_is_the_callers_mistake(node: Node) -> None:
    body = orjson.dumps(item(f"{node.prefix}/zipped"))
    good = await node.owner.post("/api/v1/identifiers", raw=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    assert good.status == 201
    bad = await node.owner.post("/api/v1/identifiers", raw=body, headers={"Content-Encoding": "gzip"})
    assert (bad.status, bad.json["slug"]) == (400, "body-not-json")


async def test_an_expectation_that_cannot_be_met_is_the_callers_mistake(node: Node) -> None:
    answer = await node.owner.post("/api/v1/identifiers", item("x"), headers={"Expect": "teapot"})
    assert answer.status == 417


async def test_bodies_over_the_limit_are_413(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    settings = settings_for(database, servers.redis_url, data_dir=scratch, body_limit_bytes=2048)
    async with worker_here(settings) as base_url:
        node = await take_aboard(settings, Api(base_url, session))
        bomb = gzip.compress(b" " * 10_000_000)
        for raw, headers in ((b" " * 2049, {}), (bomb, {"Content-Encoding": "gzip"})):
            for path in ("/api/v1/identifiers", "/api/v1/identifiers:batch", "/api/v1/resolve", "/api/v1/enterprises"):
                answer = await node.operator.post(path, raw=raw, headers=headers)
                assert (answer.status, answer.json["slug"], answer.json["limit"]) == (413, "body-too-large", 2048)
        address = "/api/v1/identifiers/" + at(f"{node.prefix}/x")
        assert (await node.owner.put(address, raw=b" " * 2049)).status == 413
        assert (await node.owner.post(f"{address}/withdraw", raw=b" " * 2049)).status == 413
        body = orjson.dumps(item(f"{node.prefix}/fits"))
        assert (await node.owner.post("/api/v1/identifiers", raw=body + b" " * (2048 - len(body)))).status == 201


async def test_batches_have_1_to_10000_items(node: Node) -> None:
    answer = await node.owner.post("/api/v1/identifiers:batch", {"items": [5] * 10_001})
    assert (answer.status, answer.json["slug"], answer.json["limit"]) == (413, "body-too-large", 10_000)
    for body in ({}, {"items": []}, {"items": {}}, {"items": None}):
        answer = await node.owner.post("/api/v1/identifiers:batch", body)
        assert (answer.status, answer.json["errors"][0]["path"]) == (422, "items")
    answer = await node.owner.post("/api/v1/identifiers:batch", {"items": [1], "more": 1})
    assert answer.json["errors"][0] | {"en": "", "zh": ""} == {
        "path": "more",
        "slug": "member-unknown",
        "en": "",
        "zh": "",
    }


async def test_a_whole_batch_of_10000_is_taken_and_counted(node: Node) -> None:
    items = [item(f"{node.prefix}/S{number:05d}") for number in range(9_997)]
    items += [item(f"{node.prefix}/s00001", "other"), item("broken"), item(f"{node.prefix}/S00002")]
    answer = await node.owner.post("/api/v1/identifiers:batch", {"items": items})
    assert answer.json["counts"] == {"created": 9_997, "unchanged": 1, "conflict": 1, "invalid": 1}
    assert len(answer.json["items"]) == 10_000
    assert answer.json["items"][9_997]["reason"]["difference"][0]["kind"] == "changed"
    assert answer.json["items"][9_998]["identifier"] == "broken"
    assert (await node.anybody.get(f"/api/handles/{node.prefix}/S09996")).status == 200


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"identifiers": ["x"] * 1_001}, [("identifiers", "list-invalid")]),
        ({"identifiers": []}, [("identifiers", "list-invalid")]),
        ({"identifiers": "x"}, [("identifiers", "list-invalid")]),
        ({}, [("identifiers", "list-invalid")]),
        (5, [("identifiers", "list-invalid")]),
        ({"identifiers": ["x", 5, None]}, [("identifiers[1]", "not-text"), ("identifiers[2]", "not-text")]),
    ],
)
async def test_a_wrong_list_to_resolve_says_what_is_wrong(
    node: Node, body: object, errors: list[tuple[str, str]]
) -> None:
    answer = await node.anybody.post("/api/v1/resolve", body)
    assert answer.status == 422
    assert [(one["path"], one["slug"]) for one in answer.json["errors"]] == errors
