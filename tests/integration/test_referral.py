"""Prefixes that an enterprise answers at its own node: every door names the site, none answers itself."""

from __future__ import annotations

from typing import Any

import orjson

from tests.harness import Node, at, item, text_value, until
from tests.integration.test_two_lanes import FAST, FRAMEWORK, ask, both

TCP = {"query": True, "admin": False, "protocol": "TCP", "port": 2641}
HTTP = {"query": True, "admin": False, "protocol": "HTTP", "port": 8000}
HTML = {"Accept": "text/html"}


async def move(node: Node, *interfaces: dict[str, Any], address: str = "203.0.113.7") -> None:
    site = {"servers": [{"address": address, "interfaces": list(interfaces)}]}
    told = await node.operator.put(f"/api/v1/prefixes/{node.prefix}/hosting", {"hosting": "own-node", "site": site})
    assert told.status == 200, told.body


async def test_the_handle_door_refers(node: Node) -> None:
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/x"))
    await move(node, TCP)
    for name in (f"{node.prefix}/x", f"{node.prefix}/never-registered", f"{node.prefix}.7/below"):
        answer = await node.anybody.get(f"/api/handles/{name}")
        assert (answer.status, answer.json["responseCode"], answer.json["handle"]) == (300, 303, name)
        (value,) = answer.json["values"]
        assert (value["type"], value["data"]["format"]) == ("HS_SITE.PREFIX", "site")
        assert value["data"]["value"]["servers"][0]["interfaces"] == [TCP]
    refused = await node.anybody.get(f"/api/handles/{node.prefix}/x?doNotRefer")
    assert (refused.status, refused.json["responseCode"]) == (400, 301)
    told = await node.anybody.get(f"/api/handles/{node.prefix}/x?explain")
    assert told.json["referral"][0]["prefix"] == node.prefix and told.json["representation"]["rule"] == "own-node"
    told = await node.anybody.get(f"/api/handles/{node.prefix}/x?info")
    assert (told.json["status"], told.json["site"]["servers"][0]["address"]) == ("referred", "203.0.113.7")


async def test_the_negotiated_door_redirects_to_http_and_else_names_the_site(node: Node) -> None:
    name = f"{node.prefix}/零件 1"
    await move(node, TCP)
    page = await node.anybody.get("/" + at(name), headers=HTML)
    assert (
        page.status == 300 and "tcp://203.0.113.7:2641" in page.body.decode() and "Owner 甲企业" in page.body.decode()
    )
    assert (await node.anybody.get("/" + at(name))).json["responseCode"] == 303
    await move(node, TCP, HTTP, address="2001:db8::1")

    async def moved() -> bool:
        answer = await node.anybody.get("/" + at(name), headers=HTML)
        return answer.status == 302 and answer.headers["Location"] == (
            f"http://[2001:db8::1]:8000/{node.prefix}/%E9%9B%B6%E4%BB%B6%201"
        )

    await until(moved, 3)
    assert (await node.anybody.get("/" + at(name))).status == 302
    assert (await node.anybody.get("/" + at(name), headers={"Accept": "application/json"})).status == 300
    assert (await node.anybody.get("/" + at(name) + "?noredirect", headers=HTML)).status == 300
    await both(node, f"GET /{at(name)}")
    await both(node, f"GET /api/handles/{at(name)}")


async def test_a_link_of_gs1_is_referred_with_all_that_was_asked(node: Node) -> None:
    """The other node is asked for the key as it was here, links and all, by a redirect of GS1."""
    given = {"enterprise_id": 1, "scheme": "gs1", "prefix": "9506000"}
    assert (await node.operator.post("/api/v1/prefixes", given)).status == 201
    site = {"servers": [{"address": "203.0.113.7", "interfaces": [HTTP]}]}
    told = await node.operator.put("/api/v1/prefixes/GS1.9506000/hosting", {"hosting": "own-node", "site": site})
    assert told.status == 200, told.body
    asked = "01/09506000134352/10/A%2FB?linkType=gs1:pip"
    for headers in (HTML, {"Accept": "*/*"}):
        sent = await node.anybody.get(f"/{asked}", headers=headers)
        assert (sent.status, sent.headers["Location"]) == (307, f"http://203.0.113.7:8000/{asked}")
    await both(node, f"GET /{asked}")


async def test_a_batch_says_referred(node: Node) -> None:
    await node.stranger.post("/api/v1/identifiers", item(f"{node.stranger_prefix}/x"))
    await move(node, TCP)
    asked = [f"{node.prefix}/x", f"{node.stranger_prefix}/x"]
    items = (await node.anybody.post("/api/v1/resolve", asked)).json["items"]
    assert [one["status"] for one in items] == ["referred", "found"]
    assert items[0]["values"][0]["data"]["value"]["servers"][0]["address"] == "203.0.113.7"
    lines = await node.anybody.post(
        "/api/v1/resolve", raw="\n".join(asked).encode(), headers={"Content-Type": "application/x-ndjson"}
    )
    assert orjson.loads(lines.body.splitlines()[0])["status"] == "referred"


async def test_a_referral_is_counted_apart(node: Node) -> None:
    """Also where an alias leads there: the alias is a resolution, and what it stands for a referral."""
    alias = {"identifier": f"{node.stranger_prefix}/alias", "values": [text_value(1, "HS_ALIAS", f"{node.prefix}/x")]}
    assert (await node.stranger.post("/api/v1/identifiers", alias)).status == 201
    await node.stranger.post("/api/v1/identifiers", item(f"{node.stranger_prefix}/x"))
    await move(node, TCP)
    await node.anybody.get(f"/api/handles/{node.prefix}/x")
    await node.anybody.get(f"/{node.prefix}/x", headers=HTML)
    await node.anybody.get(f"/api/handles/{node.stranger_prefix}/alias")
    await node.anybody.post("/api/v1/resolve", [f"{node.prefix}/x", f"{node.stranger_prefix}/alias"])
    await node.anybody.get(f"/api/handles/{node.stranger_prefix}/x")

    async def counted() -> bool:
        told = (await node.operator.get("/api/v1/usage")).json
        referred = sum(kind["resolutions"] for kind in told["kinds"] if kind["outcome"] == "referred")
        assert told["resolutions"] <= 3 and referred <= 5
        return bool(told["resolutions"] == 3 and referred == 5)

    await until(counted, 5)


async def warm(node: Node, path: str) -> None:
    """The fast lane has the answer ready under this path."""
    for _ in range(3):
        assert (await ask(node, FAST, f"GET {path}")).status == "HTTP/1.1 200 OK"


async def test_ready_answers_end_when_the_prefix_stops_answering_or_moves(node: Node) -> None:
    """Both lanes, from the moment that the change is acknowledged: the worker that changed it knows at once."""
    path = f"/api/handles/{node.prefix}/x"
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/x"))
    await warm(node, path)
    body = {"reason": "假冒", "stop_answering": True}
    assert (await node.operator.post(f"/api/v1/prefixes/{node.prefix}:suspend", body)).status == 200
    for lane in (FAST, FRAMEWORK):
        assert (await ask(node, lane, f"GET {path}")).status.startswith("HTTP/1.1 403")
    await node.operator.post(f"/api/v1/prefixes/{node.prefix}:resume")
    await warm(node, path)
    await move(node, TCP)
    for lane in (FAST, FRAMEWORK):
        assert (await ask(node, lane, f"GET {path}")).status.startswith("HTTP/1.1 300")
        assert (await ask(node, lane, f"GET /{node.prefix}/x")).status.startswith("HTTP/1.1 300")


async def test_a_suspended_prefix_refers_nobody(node: Node) -> None:
    await move(node, TCP, HTTP)
    body = {"reason": "假冒", "stop_answering": True}
    assert (await node.operator.post(f"/api/v1/prefixes/{node.prefix}:suspend", body)).status == 200
    for name in (f"{node.prefix}/x", f"{node.prefix}.7/x"):
        answer = await node.anybody.get(f"/api/handles/{name}")
        assert (answer.status, answer.json["slug"]) == (403, "prefix-not-answering")
