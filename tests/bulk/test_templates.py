"""Templates and bulk jobs: typed columns, visibility, and a template that is retired while a job waits."""

from __future__ import annotations

import orjson

from tests.bulk.conftest import Bulk
from tests.harness import at, text_value

TYPED = [
    {"index": 2000, "type": "N", "name_zh": "数", "name_en": "Number", "data_type": "number", "minimum": "0", "required": True},
    {"index": 2001, "type": "S", "name_zh": "密", "name_en": "Secret", "pattern": "[a-z]+", "visibility": "private"},
    {"index": 2002, "type": "D", "name_zh": "日", "name_en": "Day", "data_type": "date"},
]  # fmt: skip


async def test_typed_columns_are_checked_and_hidden_values_stay_hidden(bulk: Bulk) -> None:
    node, name = bulk.node, f"{bulk.node.prefix}/META_typed"
    assert (await node.owner.post("/api/v1/templates", {"identifier": name, "items": TYPED})).status == 201
    rows = "identifier,N,S,D\na,1.50,abc,2026-01-31\nb,-1,,\nc,1,ABC,\nd,1,,2026-02-30\ne,x,,\n"
    job = await bulk.load(rows.encode(), template=name)
    assert (job["created"], job["refused"]) == (1, 4)
    said = {int(line[0]): line[3] for line in await bulk.verdicts(job["id"])}
    assert said == {3: "range-invalid", 4: "pattern-unmatched", 5: "date-invalid", 6: "number-invalid"}
    seen = (await node.anybody.get(f"/api/handles/{node.prefix}/a")).json["values"]
    assert [value["index"] for value in seen] == [2000, 2002]
    alone = {
        "identifier": f"{node.prefix}/a",
        "template": name,
        "values": [text_value(2000, "N", "1.50"), text_value(2001, "S", "abc"), text_value(2002, "D", "2026-01-31")],
    }
    assert (await node.owner.post("/api/v1/identifiers", alone)).status == 200, "the same, by the other door"
    wide = {"identifier": "w", "values": [text_value(2000, "N", "1"), text_value(2001, "S", "a", visibility="public")]}
    narrow = {"identifier": "n", "values": [text_value(2000, "N", "1"), text_value(2001, "S", "a")]}
    lines = (
        b"\n".join(map(orjson.dumps, (wide, narrow, narrow | {"identifier": "d", "template": f"{name}-draft"}))) + b"\n"
    )
    await node.owner.post("/api/v1/templates", {"identifier": f"{name}-draft", "items": TYPED, "state": "draft"})
    items = await bulk.load(lines, template=name, format="ndjson")
    told = {int(line[0]): line[3] for line in await bulk.verdicts(items["id"])}
    assert (items["created"], told) == (1, {1: "visibility-too-wide", 3: "template-draft"})
    seen = (await node.anybody.get(f"/api/handles/{node.prefix}/n")).json["values"]
    assert [value["index"] for value in seen] == [2000]


async def test_a_template_retired_after_the_plan_takes_nothing_new(bulk: Bulk) -> None:
    node = bulk.node
    await bulk.load(b"identifier,MODEL\nold,M\nsame,M\n")
    sent = await bulk.send(b"identifier,MODEL\nold,new\nsame,M\nfresh,M\nalso,M\n")
    job = await bulk.wait(sent.json["id"], "planned")
    assert (job["plan"]["new"], job["plan"]["changed"]) == (2, 1)
    retired = await node.owner.post(f"/api/v1/templates/{at(bulk.template)}:retire", {"reason": "r"})
    assert retired.status == 200
    await bulk.step(job["id"], "confirm")
    done = await bulk.wait(job["id"])
    assert (done["state"], done["created"], done["changed"], done["unchanged"], done["refused"]) == ("done", 0, 1, 1, 2)
    assert {(int(line[0]), line[3]) for line in await bulk.verdicts(job["id"])} == {
        (4, "template-retired"),
        (5, "template-retired"),
    }
    assert (await node.owner.get(f"/api/v1/identifiers/{node.prefix}/fresh")).status == 404
    assert await bulk.counts() == (2, 2)
    again = await bulk.send(b"identifier,MODEL\nlater,M\n")
    assert (again.status, again.json["errors"][0]["slug"]) == (400, "template-retired")
