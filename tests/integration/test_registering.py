"""The registering calls of the README's table, against a real node."""

from __future__ import annotations

from tests.harness import Node, at, item, text_value


async def test_register_again_and_differently(node: Node) -> None:
    identifier = f"{node.prefix}/MTD6508-ADJE/JQ"
    first = await node.owner.post("/api/v1/identifiers", item(identifier))
    assert (first.status, first.json["version"], first.headers["ETag"]) == (201, 1, '"1"')
    again = await node.owner.post("/api/v1/identifiers", item(identifier.lower()))
    assert (again.status, again.json["identifier"]) == (200, identifier)
    other = await node.owner.post("/api/v1/identifiers", item(identifier, "other"))
    assert (other.status, other.json["slug"]) == (409, "identifier-conflict")
    assert other.json["difference"][0]["kind"] == "changed"
    read = await node.owner.get("/api/v1/identifiers/" + at(identifier))
    assert read.json["values"][0]["data"]["value"] == "real"


async def test_batch_keeps_good_beside_bad(node: Node) -> None:
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/there"))
    items = [
        item(f"{node.prefix}/new"),
        item(f"{node.prefix}/there"),
        item(f"{node.prefix}/there", "else"),
        item("no-slash"),
        item(f"{node.stranger_prefix}/mine?"),
        item(f"{node.prefix}/NEW"),
        {"identifier": f"{node.prefix}/x", "values": [text_value(0, "A", "b")]},
    ]
    answer = await node.owner.post("/api/v1/identifiers:batch", {"items": items})
    verdicts = [one["verdict"] for one in answer.json["items"]]
    assert verdicts == ["created", "unchanged", "conflict", "invalid", "invalid", "unchanged", "invalid"]
    assert answer.json["items"][6]["reason"]["errors"][0]["path"] == "items[6].values[0].index"
    assert (await node.anybody.get(f"/api/handles/{node.prefix}/new")).status == 200
