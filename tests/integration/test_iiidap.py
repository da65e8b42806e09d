"""IIIDAP as its clients use it: paths, bodies by who asks, comparison of names, limits, redirects."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from jsonschema import Draft202012Validator

from tests.applicant import taken_aboard
from tests.conftest import Servers
from tests.harness import Answer, Api, Node, free_port, settings_for, take_aboard, until, worker_here

SCHEMAS = Path(__file__).resolve().parents[1] / "conformance" / "iiidap"


def valid(answer: Answer, schema: str, status: int = 200) -> Any:
    """The body, held against the schema of the draft."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/iiidap+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    checker = Draft202012Validator(orjson.loads((SCHEMAS / f"iiidap-{schema}.json").read_bytes()))
    assert [error.message for error in checker.iter_errors(answer.json)] == []
    return answer.json


async def ask(api: Api, path: str, **more: Any) -> Answer:
    return await api.get("/iiidap/" + path, **more)


@pytest.fixture
async def settled(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> AsyncIterator[Node]:
    """A node whose limits are out of the way."""
    settings = settings_for(
        database, servers.redis_url, data_dir=scratch, iiidap_lookups_per_minute=0, iiidap_searches_per_minute=0
    )
    async with worker_here(settings) as base_url:
        yield await take_aboard(settings, Api(base_url, session))


async def test_who_asks_decides_what_is_shown(settled: Node) -> None:
    node = settled
    application = await taken_aboard(node, prefix="88.118.600")
    owner = node.anybody.with_key((await application.move("first-key")).json["key"])
    stranger = valid(await ask(node.anybody, "identifier/88.118.600"), "node")
    assert set(stranger["node"]) == {"name", "type"} and stranger["status"] == "ok"
    assert stranger["node"]["type"].startswith("information transmission")
    assert stranger["remarks"][0]["type"] == "information truncated due to authorization"
    partner = valid(await ask(node.partner, "identifier/88.118.600"), "node")
    assert set(partner["node"]) == {"name", "type", "nature", "subType", "address"}
    assert valid(await ask(node.stranger, "identifier/88.118.600"), "node")["node"] == partner["node"]
    for api in (owner, node.operator, node.partner):
        assert (await ask(api, "identifier/88.118.600")).headers["Cache-Control"] == "private, no-store"
    for api in (owner, node.operator):
        assert "13965757203" not in (await ask(api, "identifier/88.118.600")).body.decode()
        whole = valid(await ask(api, "identifier/88.118.600"), "node")
        assert whole["node"]["idNumber"] and "*" in whole["node"]["contact"][0]["phone"], "masked, even to its owner"
        assert whole["remarks"][0]["type"] == "obscured"


async def test_a_suspended_prefix_is_on_hold_and_one_that_is_not_given_is_not_there(settled: Node) -> None:
    await settled.operator.post(f"/api/v1/prefixes/{settled.prefix}:suspend", {"reason": "r"})
    assert valid(await ask(settled.anybody, f"identifier/{settled.prefix}"), "node")["status"] == "hold"
    for prefix in ("88.118.9999", "99.1"):
        assert valid(await ask(settled.anybody, f"identifier/{prefix}"), "error", 404)["errorCode"] == 404
    ours = valid(await ask(settled.anybody, "identifier/88.118"), "node")
    assert ours["node"]["name"] == settled.settings.node_name and not ours["remarks"]


@pytest.mark.parametrize(
    "path", ["identifier/%FF%FE", "identifier/a%2Fb", "identifier/8", "name/%ff", "names", "names?name=%ff"]
)
async def test_what_cannot_be_read_is_400(settled: Node, path: str) -> None:
    valid(await ask(settled.anybody, path), "error", 400)


@pytest.mark.parametrize("pattern", ["*a", "a*b", "a**", "*"])
async def test_other_patterns_are_422(settled: Node, pattern: str) -> None:
    told = valid(await ask(settled.anybody, f"names?name={pattern}"), "error", 422)
    assert told["description"] != [told["title"]], "and says which ones are served"


async def test_names_compare_without_width_and_case(settled: Node) -> None:
    """The enterprise is called `Owner 甲企业`."""
    for spelled in ("Owner 甲企业", "ＯＷＮＥＲ　甲企业", "owner 甲企业"):
        found = valid(await ask(settled.anybody, f"name/{quote(spelled)}"), "node")
        assert (found["identifier"], found["node"]["name"]) == (settled.prefix, "Owner 甲企业")
    valid(await ask(settled.anybody, f"name/{quote('Owner 甲')}"), "error", 404)
    found = valid(await ask(settled.anybody, f"names?x=1&name={quote('ｏｗｎ')}*"), "search")
    assert [one["identifier"] for one in found["NodeSearchResults"]] == [settled.prefix]
    assert valid(await ask(settled.anybody, "names?name=nobody*"), "search")["NodeSearchResults"] == []
    node = valid(await ask(settled.anybody, f"name/{quote(settled.settings.node_name.upper())}"), "node")
    assert node["identifier"] == "88.118"


async def test_a_character_is_not_split_from_its_mark(settled: Node) -> None:
    made = await settled.operator.post("/api/v1/enterprises", {"name": "Zx\u0302y"})  # has no composed form
    await settled.operator.post("/api/v1/prefixes", {"enterprise_id": made.json["id"]})
    for stem, hits in (("zx", 0), ("z", 1), ("zx\u0302", 1)):
        found = valid(await ask(settled.anybody, f"names?name={quote(stem)}*"), "search")
        assert len(found["NodeSearchResults"]) == hits, stem


async def test_strangers_get_at_most_25_hits(settled: Node) -> None:
    for number in range(27):
        made = await settled.operator.post("/api/v1/enterprises", {"name": f"Many {number}"})
        await settled.operator.post("/api/v1/prefixes", {"enterprise_id": made.json["id"]})
    cut = valid(await ask(settled.anybody, "names?name=many*"), "search")
    assert len(cut["NodeSearchResults"]) == 25
    assert cut["notices"][-1]["type"] == "result set truncated due to authorization"
    whole = valid(await ask(settled.partner, "names?name=many*"), "search")
    assert len(whole["NodeSearchResults"]) == 27 and len(whole["notices"]) == 1


async def test_only_get_and_head(settled: Node) -> None:
    for path in ("help", f"identifier/{settled.prefix}"):
        head = await settled.anybody.call("HEAD", f"/iiidap/{path}")
        assert (head.status, head.body) == (200, b"")
        refused = await settled.anybody.post(f"/iiidap/{path}", {})
        valid(refused, "error", 405)
        assert "GET" in refused.headers["Allow"]
    for path in ("", "nothing", "identifier/", "nothing/x"):
        valid(await ask(settled.anybody, path), "error", 404)
    assert (await settled.anybody.call("OPTIONS", f"/iiidap/identifier/{settled.prefix}")).status == 204
    assert (await settled.anybody.call("HEAD", "/iiidap/identifier/88.118.9999")).status == 404
    valid(await ask(settled.anybody, "help"), "help")


async def test_basic_is_for_tls_only(settled: Node) -> None:
    assert settled.owner.key is not None
    sent = base64.b64encode(f"{settled.owner.key.split('_')[1]}:{settled.owner.key}".encode()).decode()
    refused = await ask(settled.anybody, f"identifier/{settled.prefix}", headers={"Authorization": f"Basic {sent}"})
    valid(refused, "error", 401)
    assert refused.headers["WWW-Authenticate"].startswith("Bearer"), "what is taken here"
    wrong = await ask(settled.anybody.with_key("bj_wrong"), f"identifier/{settled.prefix}")
    valid(wrong, "error", 401)
    assert wrong.headers["WWW-Authenticate"].startswith("Bearer")


async def test_basic_behind_our_proxy(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    settings = settings_for(database, servers.redis_url, data_dir=scratch, trusted_proxies="127.0.0.0/8")
    async with worker_here(settings) as base_url:
        node = await take_aboard(settings, Api(base_url, session))
        assert node.partner.key is not None
        _, user, secret = node.partner.key.split("_", 2)
        for password in (secret, node.partner.key):
            sent = base64.b64encode(f"{user}:{password}".encode()).decode()
            headers = {"Authorization": f"Basic {sent}", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
            found = await ask(node.anybody, f"identifier/{node.prefix}", headers=headers)
            assert valid(found, "node")["identifier"] == node.prefix
        for said, status in (("http, https", 200), ("https, http", 401)):  # ours is the last word, not the client's
            told = await ask(node.anybody, f"identifier/{node.prefix}", headers=headers | {"X-Forwarded-Proto": said})
            assert told.status == status, said
        headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:x".encode()).decode()
        refused = await ask(node.anybody, f"identifier/{node.prefix}", headers=headers)
        assert refused.status == 401 and refused.headers["WWW-Authenticate"].startswith("Basic")


async def test_too_many_are_told_when_to_come_back(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    settings = settings_for(
        database, servers.redis_url, data_dir=scratch, iiidap_lookups_per_minute=3, iiidap_searches_per_minute=1
    )
    async with worker_here(settings) as base_url:
        node = await take_aboard(settings, Api(base_url, session))
        for path, most in (("identifier/88.118", 3), ("names?name=x*", 1)):
            assert [(await ask(node.anybody, path)).status for _ in range(most)] == [200] * most
            refused = await ask(node.anybody, path)
            valid(refused, "error", 429)
            assert 1 <= int(refused.headers["Retry-After"]) <= 60
            assert (await ask(node.partner, path)).status == 200, "a key has a quota of its own"


async def test_foreign_prefixes_are_redirected_by_the_bootstrap_registry(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    asked = 0

    async def registry(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        body = (SCHEMAS / "sample-bootstrap.json").read_bytes()
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "max-age=3600"})

    top = web.Application()
    top.router.add_get("/iiidap/bootstrap.json", registry)
    async with TestServer(top) as server:
        settings = settings_for(
            database, servers.redis_url, data_dir=scratch, iiidap_redirect=True,
            iiidap_bootstrap_url=str(server.make_url("/iiidap/bootstrap.json")),
        )  # fmt: skip
        async with worker_here(settings) as base_url:
            anybody = Api(base_url, session)

            async def known() -> bool:  # fetched beside requests, into PostgreSQL, by one of the workers
                return (await ask(anybody, "identifier/88.608.0042")).status == 302

            await until(known, 10)
            moved = await ask(anybody, "identifier/88.608.0042")
            assert (moved.status, moved.headers["Location"]) == (
                302,
                "https://sln.example.com/iiidap/identifier/88.608.0042",
            )
            moved = await ask(anybody, "identifier/88.608.0099")
            assert moved.headers["Location"] == "https://iiidap.eln.example.com/identifier/88.608.0099"
            assert (await ask(anybody, "identifier/88.6080")).status == 404
            assert (await ask(anybody, "identifier/88.118.77")).status == 404, "ours to know"
            foreign = await anybody.get("/api/handles/88.608.0042%2FX")
            assert (foreign.status, foreign.json["slug"]) == (400, "not-responsible")
            assert foreign.json["responsible"] == {"iiidap": "https://sln.example.com/iiidap/"}
            assert "responsible" not in (await anybody.get("/api/handles/77.1%2FX")).json
            assert asked == 1, "cached"
    async with worker_here(settings.model_copy(update={"http_port": free_port(), "handle_port": 0})) as base_url:
        anybody = Api(base_url, session)
        await until(known, 10)  # the copy outlives the top level that gave it, and the worker


async def test_a_registry_that_is_away_costs_a_404(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    settings = settings_for(
        database, servers.redis_url, data_dir=scratch, iiidap_redirect=True, iiidap_bootstrap_url="http://127.0.0.1:9/x"
    )
    async with worker_here(settings) as base_url:
        assert (await ask(Api(base_url, session), "identifier/88.608")).status == 404
