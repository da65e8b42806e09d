"""Leases of ranges of suffixes: nothing is given twice, what is reported is registered, what is not comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg

from core.web import now
from tests.harness import Answer, Node, at, item, text_value

LEASES = "/api/v1/leases"
VALUES = [text_value(1, "DESC", "printed")]


def soon(**more: int) -> str:
    return (now() + timedelta(**more or {"hours": 8})).isoformat()


async def lease(node: Node, count: int = 100, pattern: str = "L{seq:6}{check}", **more: Any) -> Answer:
    body = {
        "prefix": node.prefix,
        "pattern": pattern,
        "count": count,
        "values": VALUES,
        "until": soon(),
        "label": "line 1",
    }
    return await node.owner.post(LEASES, body | more)


async def suffixes(node: Node, lease_id: int) -> list[str]:
    answer = await node.owner.get(f"{LEASES}/{lease_id}/suffixes")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    return answer.body.decode().splitlines()


async def report(node: Node, lease_id: int, used: list[Any], **more: Any) -> Any:
    answer = await node.owner.post(f"{LEASES}/{lease_id}:report", {"used": used, **more})
    assert answer.status == 200, answer.body
    return answer.json


async def another_key(node: Node) -> Any:
    made = await node.owner.post("/api/v1/keys", {"role": "writer"})
    return node.anybody.with_key(made.json["key"])


async def test_a_lease_is_opened_reported_and_closed(node: Node) -> None:
    made = await lease(node, 100)
    assert made.status == 201, made.body
    opened = made.json
    assert (opened["state"], opened["count"], opened["ranges"], opened["used"]) == ("open", 100, ["1-100"], [])
    listed = await suffixes(node, opened["id"])
    assert len(set(listed)) == 100
    assert opened["first"] == f"{node.prefix}/{listed[0]}" and opened["last"] == f"{node.prefix}/{listed[-1]}"
    assert opened["formula"] == [{"text": "L"}, {"number": 6}, {"check": "ISO/IEC 7064 MOD 37,36"}]

    own = {"suffix": listed[49], "values": [text_value(1, "DESC", "its own")]}
    said = await report(node, opened["id"], ["1-40", 41, own])
    assert said["counts"] == {"created": 42, "unchanged": 0, "conflict": 0, "invalid": 0}
    assert (said["lease"]["used_count"], said["lease"]["unused_count"]) == (42, 58)
    found = await node.owner.get(f"/api/v1/identifiers/{at(node.prefix + '/' + listed[49])}")
    assert found.json["values"][0]["data"]["value"] == "its own"
    again = await report(node, opened["id"], ["1-40", 41, own])
    assert again["counts"]["unchanged"] == 42 and again["problems"] == []

    ended = await report(node, opened["id"], ["42"], final=True)
    assert (ended["lease"]["state"], ended["counts"]["created"]) == ("closed", 1)
    late = await report(node, opened["id"], ["42", 60])
    assert late["counts"] == {"created": 0, "unchanged": 1, "conflict": 0, "invalid": 0} | {"conflict": 1}
    assert late["problems"][0]["reason"]["slug"] == "lease-ended"
    shown = (await node.owner.get(f"{LEASES}/{opened['id']}")).json
    assert (shown["used"], shown["unused"]) == (["1-42", "50"], ["43-49", "51-100"])
    counts = await node.owner.get("/api/v1/counts?enterprise=1")
    assert sum(row["registered"] for row in counts.json["items"]) == 43


async def test_what_comes_back_is_given_out_first(node: Node) -> None:
    first = (await lease(node, 10)).json
    await report(node, first["id"], ["3-4"])
    for _ in range(2):
        returned = await node.owner.post(f"{LEASES}/{first['id']}:return")
        assert (returned.status, returned.json["state"]) == (200, "closed")
    second = (await lease(node, 12)).json
    assert second["ranges"] == ["1-2", "5-14"]
    minted = await node.owner.post("/api/v1/identifiers:mint",
                                   {"prefix": node.prefix, "pattern": "L{seq:6}{check}", "count": 1, "values": VALUES})  # fmt: skip
    assert minted.json["identifiers"][0].startswith(f"{node.prefix}/L000015")


async def test_a_leased_suffix_is_nobody_elses(node: Node) -> None:
    opened = (await lease(node, 5, "K{seq}")).json
    other = await another_key(node)
    for method, path, body in (
        ("POST", "/api/v1/identifiers", item(f"{node.prefix}/k3")),
        ("POST", "/api/v1/identifiers:batch", {"items": [item(f"{node.prefix}/k3"), item(f"{node.prefix}/k6")]}),
    ):
        answer = await other.call(method, path, body)
        told = answer.json if answer.status == 409 else answer.json["items"][0]["reason"]
        assert (told["slug"], told["lease"]) == ("suffix-leased", opened["id"])
    assert (await node.owner.get(f"/api/v1/identifiers/{node.prefix}%2FK6")).status == 200, "the other item is there"
    # `{{`: another pattern of the same suffixes passes over them.
    minted = await other.post("/api/v1/identifiers:mint",
                              {"prefix": node.prefix, "pattern": "K{seq:1}", "count": 3, "values": VALUES})  # fmt: skip
    assert minted.json["identifiers"] == [f"{node.prefix}/K{n}" for n in (7, 8, 9)], minted.json
    overlapping = (await lease(node, 3, "k{seq:1}")).json
    assert overlapping["ranges"] == ["10-12"]
    assert (await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/K4"))).status == 201, (
        "the key that leased"
    )
    await report(node, opened["id"], ["1-2"])
    await node.owner.post(f"{LEASES}/{opened['id']}:return")
    assert (await other.post("/api/v1/identifiers", item(f"{node.prefix}/K3"))).status == 201
    assert (await other.post("/api/v1/identifiers", item(f"{node.prefix}/K1"))).status == 409, "reported: registered"


async def test_numbers_that_are_registered_are_not_leased(node: Node) -> None:
    for number in (2, 5):
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/P{number:04}"))
    assert (await lease(node, 6, "P{seq:4}")).json["ranges"] == ["1", "3-4", "6-8"]


async def test_a_bad_item_costs_no_good_one(node: Node) -> None:
    opened = (await lease(node, 10, "B{seq:3}")).json
    bad = {"number": 4, "values": [{"index": 0}]}
    said = await report(node, opened["id"], [1, bad, {"suffix": "C001"}, "9-12", {"number": "x"}, {"suffix": "b003"}])
    assert said["counts"] == {"created": 4, "unchanged": 0, "conflict": 0, "invalid": 5}
    assert said["lease"]["used_count"] == 5, "the one with bad values was printed"
    named = [problem.get("number", problem.get("item")) for problem in said["problems"]]
    assert named == [4, "used[2]", 11, 12, "used[4]"]
    ended = await report(node, opened["id"], [], final=True)
    assert ended["lease"]["state"] == "closed"
    mended = await report(node, opened["id"], [{"number": 4, "values": VALUES}])
    assert mended["counts"]["created"] == 1, "what counted as used may still be mended"


async def test_after_its_end_a_lease_is_reported_as_long_as_nobody_took_the_suffix(node: Node) -> None:
    opened = (await lease(node, 4, "E{seq}")).json
    database = await asyncpg.connect(node.settings.database_url.get_secret_value())
    await database.execute("UPDATE suffix_lease SET until = now() - interval '1 second'")
    assert (await node.owner.get(f"{LEASES}/{opened['id']}")).json["state"] == "expired"
    assert len((await node.owner.get(f"{LEASES}?prefix={node.prefix}&state=open")).json["items"]) == 0
    other = await another_key(node)
    assert (await other.post("/api/v1/identifiers", item(f"{node.prefix}/E1", "somebody else's"))).status == 201
    said = await report(node, opened["id"], ["1-2"])
    assert said["counts"] == {"created": 1, "unchanged": 0, "conflict": 1, "invalid": 0}
    assert (await lease(node, 1, "E{seq}")).json["ranges"] == ["5"], "within the grace nobody gets them"
    await database.execute("UPDATE suffix_lease SET until = now() - interval '8 days' WHERE id = $1", opened["id"])
    assert (await report(node, opened["id"], [3]))["problems"][0]["reason"]["slug"] == "lease-ended"
    assert (await lease(node, 3, "E{seq}")).json["ranges"] == ["3-4", "6"]
    assert (await node.owner.get(f"{LEASES}/{opened['id']}")).json["ended_at"] is not None
    await database.close()


async def test_what_is_wrong_with_a_lease_is_said_at_once(node: Node) -> None:
    body = {"prefix": node.prefix, "pattern": "{uuid7}", "count": 100_001, "until": "yesterday", "label": ""}
    answer = await node.owner.post(LEASES, body)
    assert answer.status == 422
    assert {(one["path"], one["slug"]) for one in answer.json["errors"]} == {
        ("pattern", "pattern-invalid"), ("count", "number-invalid"), ("until", "time-invalid"), ("label", "text-invalid"),
    }  # fmt: skip
    assert (await node.owner.get(f"{LEASES}/77")).status == 404
    opened = (await lease(node, 20_000, "W{seq}")).json
    too_many = await node.owner.post(f"{LEASES}/{opened['id']}:report", {"used": ["1-10001"]})
    assert (too_many.status, too_many.json["slug"]) == (413, "body-too-large")


async def test_the_suffixes_are_there_as_csv(node: Node) -> None:
    opened = (await lease(node, 2_500, "Z{seq:5}{gs1}")).json
    answer = await node.owner.get(f"{LEASES}/{opened['id']}/suffixes?format=csv")
    lines = answer.body.decode().split("\r\n")
    assert (lines[0], lines[1]) == ("number,suffix,identifier", f"1,Z000017,{node.prefix}/Z000017")
    assert len(lines) == 2_500 + 2


async def test_a_template_holds_for_what_is_reported(node: Node) -> None:
    items = [{"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True}]
    template = f"{node.prefix}/META_line"
    assert (await node.owner.post("/api/v1/templates", {"identifier": template, "items": items})).status == 201
    assert (await lease(node, 2, "T{seq}", template=template)).status == 422, "its values do not fit"
    opened = (await lease(node, 2, "T{seq}", template=template, values=None)).json
    assert opened["template"] == template
    said = await report(node, opened["id"], [1, {"number": 2, "values": [text_value(2001, "MODEL", "m")]}])
    assert said["counts"] == {"created": 1, "unchanged": 0, "conflict": 0, "invalid": 1}


async def test_what_a_worker_left_that_died_while_leasing_comes_back(node: Node) -> None:
    left = (await lease(node, 5, "D{seq}")).json
    database = await asyncpg.connect(node.settings.database_url.get_secret_value())
    await database.execute("UPDATE suffix_lease SET state = 'making'")
    other = await another_key(node)
    assert (await node.owner.get(f"{LEASES}/{left['id']}")).status == 404, "nobody was told of it"
    assert (await other.post("/api/v1/identifiers", item(f"{node.prefix}/D1"))).json["slug"] == "suffix-leased"
    await database.execute("UPDATE suffix_lease SET created_at = now() - interval '11 minutes'")
    assert (await other.post("/api/v1/identifiers", item(f"{node.prefix}/D1"))).status == 201
    assert (await lease(node, 5, "D{seq}")).json["ranges"] == ["2-6"]
    await database.close()
