"""Bulk jobs and what is not theirs to write: identifiers that were transferred, suffixes that are leased, a prefix given away."""

from __future__ import annotations

from datetime import timedelta

from core.web import now
from tests.bulk.conftest import Bulk
from tests.harness import at, item, text_value


async def test_rows_of_transferred_identifiers_are_refused_one_by_one(bulk: Bulk) -> None:
    node = bulk.node
    for suffix in ("A", "B"):
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{suffix}"))
    offered = await node.owner.post(
        "/api/v1/transfers", {"object": f"{node.prefix}/A", "to_enterprise": 2, "reason": "sold"}
    )
    assert (await node.stranger.post(f"/api/v1/transfers/{offered.json['id']}:accept")).status == 200
    for text in ("real", "other"):  # saying the same is not theirs either
        rows = f"identifier,1:DESC\nA,{text}\nB,new {text}\nC,new {text}\n".encode()
        job = await bulk.wait((await bulk.send(rows, named=False, auto="true")).json["id"])
        assert (job["state"], job["refused"], job["changed"] + job["created"]) == ("done", 1, 2)
        verdicts = (await node.owner.get(f"/api/v1/bulk-jobs/{job['id']}/verdicts")).body.decode()
        assert "identifier-transferred" in verdicts and f"{node.prefix}/A" in verdicts
    held = await node.stranger.get(f"/api/v1/identifiers/{at(node.prefix + '/A')}")
    assert (held.json["version"], held.json["values"][0]["data"]["value"]) == (2, "real")


async def test_rows_of_leased_suffixes_are_refused_but_for_what_was_reported(bulk: Bulk) -> None:
    node = bulk.node
    writer = await node.owner.post("/api/v1/keys", {"role": "writer"})
    lease = {
        "prefix": node.prefix,
        "pattern": "l{seq}",
        "count": 3,
        "label": "line",
        "values": [text_value(1, "DESC", "x")],
    }
    lease |= {"until": (now() + timedelta(hours=1)).isoformat()}
    opened = await node.anybody.with_key(writer.json["key"]).post("/api/v1/leases", lease)
    assert opened.status == 201, opened.body
    await node.owner.post(f"/api/v1/leases/{opened.json['id']}:report", {"used": [1]})
    rows = b"identifier,1:DESC\nL1,changed\nL2,y\nL4,y\nx,y\n"
    job = await bulk.wait((await bulk.send(rows, named=False, auto="true")).json["id"])
    assert (job["state"], job["changed"], job["created"], job["refused"]) == ("done", 1, 2, 1)
    assert "suffix-leased" in (await node.owner.get(f"/api/v1/bulk-jobs/{job['id']}/verdicts")).body.decode()
