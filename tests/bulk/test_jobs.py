"""What a manufacturer does with a file: send, look at the plan, confirm, read the verdicts, send it again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.bulk.conftest import Bulk, runner_process
from tests.harness import at, item


def csv_of(*lines: str, header: str = "identifier,型号,Note,maker") -> bytes:
    return "\n".join((header, *lines, "")).encode()


async def test_plan_confirm_merge_and_the_same_file_again(bulk: Bulk) -> None:
    prefix = bulk.node.prefix
    octets = csv_of(
        f"{prefix}/a1,M1,first,甲",
        "a2,M2,,",
        f"{prefix}/bad,,no model,",
        "a1,M1,first,甲",
        "a2,other,,",
        "88.118.9/x,M,,",
    )
    sent = await bulk.send(octets)
    assert sent.status == 202, sent.body
    job = await bulk.wait(sent.json["id"], "planned")
    plan = job["plan"]
    assert (plan["new"], plan["same"], plan["changed"]) == (2, 0, 0)
    assert (job["rows"], job["refused"], job["unchanged"]) == (6, 3, 1)
    assert plan["unknown_columns"] == []
    again = await bulk.send(octets)
    assert (again.status, again.json["id"]) == (200, job["id"])
    assert (await bulk.step(job["id"], "confirm")).status == 200
    done = await bulk.wait(job["id"])
    assert (done["state"], done["created"], done["unchanged"], done["changed"], done["refused"]) == ("done", 2, 1, 0, 3)
    said = {(int(line[0]), line[3]) for line in await bulk.verdicts(job["id"])}
    assert said == {(4, "value-required"), (6, "identifier-twice"), (7, "prefix-differs")}
    read = (await bulk.node.owner.get(f"/api/v1/identifiers/{at(f'{prefix}/a1')}")).json
    assert [value["data"]["value"] for value in read["values"]] == ["M1", "first", "甲"]
    assert read["template"] == bulk.template
    assert await bulk.counts() == (2, 2)
    everything = await bulk.verdicts(job["id"], "?all=1")
    assert sorted(int(line[0]) for line in everything) == [2, 3, 4, 5, 6, 7]


async def test_other_content_is_a_new_version_with_its_history(bulk: Bulk) -> None:
    prefix = bulk.node.prefix
    await bulk.load(csv_of("a,M,one,x", "b,M,one,", "c,M,same,"))
    await bulk.node.owner.post(f"/api/v1/identifiers/{at(prefix + '/b')}/withdraw", {"reason": "recalled"})
    sent = await bulk.send(csv_of("a,M,two,x", "b,M,two,", "c,M,same,", "d,M,new,"))
    job = await bulk.wait(sent.json["id"], "planned")
    assert {name: job["plan"][name] for name in ("new", "same", "changed", "withdrawn")} == {
        "new": 1, "same": 1, "changed": 1, "withdrawn": 1,
    }  # fmt: skip
    await bulk.step(job["id"], "confirm")
    done = await bulk.wait(job["id"])
    assert [done[name] for name in ("created", "unchanged", "changed", "refused")] == [1, 1, 1, 1]
    assert [(line[0], line[3]) for line in await bulk.verdicts(done["id"])] == [("3", "identifier-withdrawn")]
    read = (await bulk.node.owner.get(f"/api/v1/identifiers/{at(prefix + '/a')}")).json
    assert (read["version"], read["values"][1]["data"]["value"]) == (2, "two")
    assert read["values"][1]["timestamp"] >= read["values"][0]["timestamp"]
    history = await bulk.sql("SELECT kind, version, key FROM identifier_change WHERE kind = 'bulk'")
    assert [tuple(row) for row in history] == [("bulk", 2, f"{prefix}/A")]
    assert await bulk.counts() == (4, 4)
    same = await bulk.load(csv_of("a,M,two,x", "c,M,same,", "d,M,new,"))
    assert (same["unchanged"], same["created"], same["changed"]) == (3, 0, 0)


async def test_an_unknown_identifier_is_known_right_after_the_merge(bulk: Bulk) -> None:
    """The worker would remember for two seconds that there is none."""
    url = f"/api/handles/{at(bulk.node.prefix + '/soon')}"
    sent = await bulk.send(csv_of("soon,M,,"))
    await bulk.wait(sent.json["id"], "planned")
    assert (await bulk.node.anybody.get(url)).status == 404
    await bulk.step(sent.json["id"], "confirm")
    await bulk.wait(sent.json["id"])
    assert (await bulk.node.anybody.get(url)).status == 200


async def test_registered_one_by_one_and_in_bulk_are_the_same(bulk: Bulk) -> None:
    """A row of a file says exactly what the same registration over the API says."""
    prefix = bulk.node.prefix
    text = 'quote " back\\slash 中文 \u2028 🔧'
    values = [
        {"index": i, "type": t, "data": {"format": "string", "value": text}}
        for i, t in ((2000, "MODEL"), (2001, "NOTE"))
    ]
    body = {**item(f"{prefix}/x"), "values": values, "template": bulk.template}
    assert (await bulk.node.owner.post("/api/v1/identifiers", body)).status == 201
    quoted = '"' + text.replace('"', '""') + '"'
    done = await bulk.load(csv_of(f"x,{quoted},{quoted},"))
    assert (done["unchanged"], done["changed"]) == (1, 0)


async def test_paused_resumed_and_cancelled(bulk_node: Bulk, tmp_path: Path) -> None:
    octets = csv_of(*(f"p{n:06d},M,,," for n in range(4_000))).replace(b",,,\n", b",,\n")
    sent = await bulk_node.send(octets)
    job_id = sent.json["id"]
    with runner_process(bulk_node.node.settings, tmp_path, "tests.bulk.crashing_runner", BULK_CHUNK_ROWS="10"):
        await bulk_node.wait(job_id, "planned")
        assert (await bulk_node.step(job_id, "pause")).json["state"] == "paused"
        assert (await bulk_node.step(job_id, "confirm")).status == 409
        assert (await bulk_node.step(job_id, "resume")).json["state"] == "planned"
        await bulk_node.step(job_id, "confirm")
        await bulk_node.wait(job_id, "merging")
        assert (await bulk_node.step(job_id, "pause")).json["state"] == "paused"
        await asyncio.sleep(0.3)
        halted = await bulk_node.job(job_id)
        assert 0 <= halted["created"] < 4_000
        await asyncio.sleep(0.3)
        assert await bulk_node.job(job_id) == halted
        assert (await bulk_node.step(job_id, "resume")).json["state"] == "merging"
        await asyncio.sleep(0.1)
        assert (await bulk_node.step(job_id, "cancel")).json["state"] == "cancelled"
        await asyncio.sleep(0.5)
        ended = await bulk_node.job(job_id)
        assert await bulk_node.counts() == (ended["created"], ended["created"])
        again = await bulk_node.send(octets, auto="1")
        assert again.status == 202 and again.json["id"] != job_id, "a cancelled job may be sent again"
        done = await bulk_node.wait(again.json["id"])
    assert (done["created"], done["unchanged"]) == (4_000 - ended["created"], ended["created"])


async def test_only_the_owner_and_operators(bulk: Bulk) -> None:
    node, octets = bulk.node, csv_of("own,M,,")
    for api, status in ((node.stranger, 403), (node.partner, 403), (node.anybody, 401)):
        assert (await bulk.send(octets, api=api)).status == status
    sent = await bulk.send(octets, api=node.operator)
    assert sent.status == 202
    path = f"/api/v1/bulk-jobs/{sent.json['id']}"
    await bulk.wait(sent.json["id"], "planned")
    for api, status in ((node.stranger, 403), (node.partner, 403), (node.anybody, 401)):
        for call in ("", "/verdicts", "/events"):
            assert (await api.get(path + call)).status == status
        for step in ("confirm", "pause", "resume", "cancel"):
            assert (await api.post(f"{path}/{step}")).status == status
        assert (await api.get(f"/api/v1/bulk-jobs?prefix={node.prefix}")).status == status
    assert (await node.operator.post(path + "/confirm")).status == 200
    events = await node.owner.get(path + "/events")
    assert events.body.count(b"event: job") >= 1 and b'"state":"done"' in events.body


async def test_parameters_and_files_that_cannot_be(bulk: Bulk) -> None:
    prefix = bulk.node.prefix
    for query in ({"format": "pdf"}, {"mapping": "x"}, {"template": f"{prefix}/META_none"}, {"template": "nonsense"}):
        answer = await bulk.send(b"identifier,MODEL\nx,M\n", named=False, **query)
        assert (answer.status, answer.json.get("slug")) == (400, "parameter-invalid"), (query, answer.body)
    for octets, slug in (
        (b"", "file-empty"), (b"a,b\n1,2\n", "identifier-column-missing"), (b"PK\x03\x04nonsense", "workbook-unreadable"),
        (b"identifier,MODEL,\xe5\x9e\x8b\xe5\x8f\xb7\n", "column-twice"), (b'"identifier,MODEL\n', "header-unreadable"),
    ):  # fmt: skip
        sent = await bulk.send(octets)
        job = await bulk.wait(sent.json["id"])
        assert (job["state"], job["problem"]["slug"]) == ("failed", slug)
    assert (await bulk.node.owner.get("/api/v1/bulk-jobs/999999")).status == 404
    listed = (await bulk.node.owner.get(f"/api/v1/bulk-jobs?prefix={prefix}&limit=3")).json
    assert [job["state"] for job in listed["items"]] == ["failed"] * 3
    older = (await bulk.node.owner.get(f"/api/v1/bulk-jobs?prefix={prefix}&before={listed['next']}")).json
    assert len(older["items"]) == 2 and older["next"] is None


async def test_a_mapping_is_kept_for_the_template(bulk: Bulk) -> None:
    mapping = '{"料号": "identifier", "规格": "MODEL"}'
    first = await bulk.load("料号;规格;其他\nm1;R0603;x\n".encode("gb18030"), mapping=mapping)
    assert (first["state"], first["created"], first["plan"]["unknown_columns"]) == ("done", 1, ["其他"])
    assert first["plan"]["encoding"] == "gb18030"
    second = await bulk.load("料号\t规格\nm2\tR0805\n".encode("utf-16"))
    assert (second["state"], second["created"]) == ("done", 1)


async def test_objects_a_line_and_the_items_of_the_api(bulk: Bulk) -> None:
    prefix = bulk.node.prefix
    values = [{"index": 2000, "type": "MODEL", "data": {"format": "string", "value": "M"}, "ttl": 60}]
    lines: list[Any] = [
        {"identifier": f"{prefix}/n1", "型号": "M", "note": 5, "extra": [1]},
        {"identifier": "n2", "values": values},
        {"identifier": "n3", "values": [{"index": 1, "type": "X", "data": "y"}]},
        {"identifier": "n4", "MODEL": {"a": 1}},
        [],
    ]
    octets = b"\n".join(map(orjson.dumps, lines)) + b"\n{broken\n\n"
    done = await bulk.load(octets)
    assert (done["format"], done["rows"], done["created"], done["refused"]) == ("ndjson", 6, 2, 4)
    assert {(line[0], line[3]) for line in await bulk.verdicts(done["id"])} == {
        ("3", "index-not-in-template"), ("4", "data-invalid"), ("5", "row-unreadable"), ("6", "row-unreadable"),
    }  # fmt: skip
    read = (await bulk.node.owner.get(f"/api/v1/identifiers/{at(prefix + '/n2')}")).json
    assert read["values"][0]["ttl"] == 60
    headers = {"Accept": "application/x-ndjson"}
    said = await bulk.node.owner.call("GET", f"/api/v1/bulk-jobs/{done['id']}/verdicts", headers=headers)
    assert [orjson.loads(line)["row"] for line in said.body.splitlines()] == [3, 4, 5, 6]


async def test_a_file_in_a_form(bulk: Bulk) -> None:
    form = aiohttp.FormData()
    form.add_field("file", csv_of("f1,M,,"), filename="部件.csv", content_type="text/csv")
    url = f"{bulk.node.owner.base_url}/api/v1/bulk-jobs?prefix={bulk.node.prefix}&template={at(bulk.template)}&auto=1"
    headers = {"Authorization": f"Bearer {bulk.node.owner.key}"}
    async with bulk.node.owner.session.post(url, data=form, headers=headers) as answer:
        assert answer.status == 202
        sent = await answer.json()
    assert sent["file"]["name"] == "部件.csv"
    assert (await bulk.wait(sent["id"]))["created"] == 1


async def test_a_file_of_gtins_is_read_in_any_spelling_and_each_is_checked(bulk: Bulk) -> None:
    given = {"enterprise_id": 1, "scheme": "gs1", "prefix": "9506000"}
    assert (await bulk.node.operator.post("/api/v1/prefixes", given)).status == 201
    octets = csv_of(
        "01/09506000134352,M1,n,",
        "(01)9506000134352(10)L1,M2,n,",
        "https://id.gs1.org/01/09506000134352/10/L2,M3,n,",
        "01/09506000134353,M4,n,",
        "01/00614141123452,M5,n,",
    )
    sent = await bulk.send(octets, prefix="GS1.9506000")
    assert sent.status == 202, sent.body
    job = await bulk.wait(sent.json["id"], "planned")
    assert (await bulk.step(job["id"], "confirm")).status == 200
    done = await bulk.wait(job["id"])
    assert (done["state"], done["created"], done["refused"]) == ("done", 3, 2)
    said = {(int(line[0]), line[3]) for line in await bulk.verdicts(job["id"])}
    assert said == {(5, "gs1-check-digit"), (6, "scheme-prefix-differs")}
    found = await bulk.node.anybody.get("/api/handles/01/09506000134352/10/L2")
    assert found.json["handle"] == "https://id.gs1.org/01/09506000134352/10/L2"
