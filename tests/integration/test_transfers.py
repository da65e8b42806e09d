"""Transfers of identifiers and prefixes: with the consent of both sides, in one moment, and nothing of the old owner's left."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.conftest import Servers
from tests.harness import Answer, Api, Node, at, item, settings_for, text_value, worker_here

TRANSFERS = "/api/v1/transfers"
IDENTIFIERS = "/api/v1/identifiers/"


async def offer(node: Node, api: Api | None = None, **body: Any) -> Answer:
    return await (api or node.owner).post(TRANSFERS, {"to_enterprise": 2, "reason": "sold"} | body)


async def move(api: Api, transfer: Answer, step: str) -> Answer:
    return await api.post(f"{TRANSFERS}/{transfer.json['id']}:{step}")


async def registered(node: Node, suffix: str = "X1", **more: Any) -> str:
    identifier = f"{node.prefix}/{suffix}"
    assert (await node.owner.post("/api/v1/identifiers", item(identifier, **more))).status == 201
    return identifier


async def given(node: Node, **what: str) -> Answer:
    offered = await offer(node, **what)
    assert (offered.status, offered.json["state"]) == (201, "offered"), offered.body
    accepted = await move(node.stranger, offered, "accept")
    assert (accepted.status, accepted.json["state"]) == (200, "accepted"), accepted.body
    return accepted


async def database_of(node: Node) -> Any:
    return await asyncpg.connect(node.settings.database_url.get_secret_value())


async def test_an_identifier_changes_hands(node: Node) -> None:
    secret = text_value(2, "COST", "7", visibility="private")
    identifier = f"{node.prefix}/X1"
    await node.owner.post(
        "/api/v1/identifiers", {"identifier": identifier, "values": [text_value(1, "A", "a"), secret]}
    )
    assert (await node.stranger.get(IDENTIFIERS + at(identifier))).status == 403
    await given(node, object=identifier)
    for method, path, body in (
        ("GET", IDENTIFIERS + at(identifier), None),
        ("PUT", IDENTIFIERS + at(identifier), {"values": [text_value(1, "A", "b")]}),
        ("PATCH", IDENTIFIERS + at(identifier), {"values": [text_value(1, "A", "c")]}),
        ("GET", "/api/v1/history/" + at(identifier), None),
        ("POST", IDENTIFIERS + at(identifier) + "/withdraw", {"reason": "r"}),
        ("POST", IDENTIFIERS + at(identifier) + "/restore", None),
        ("POST", "/api/v1/grants", {"identifier": identifier, "to": {"enterprise_id": 1}}),
        ("DELETE", "/api/v1/grants/1", None),
        ("POST", TRANSFERS, {"object": identifier, "to_enterprise": 1, "reason": "back"}),
    ):
        old = await node.owner.call(method, path, body)
        assert old.status in (403, 404), (method, path, old.body)
        new = await node.stranger.call(method, path, body)
        assert new.status in (200, 201), (method, path, new.body)
    again = await node.owner.post("/api/v1/identifiers", item(identifier))
    assert (again.status, again.json["slug"]) == (409, "identifier-transferred")
    assert "difference" not in again.json
    snms = await node.owner.get(f"/identityv2/data/detail?handle={at(identifier)}")
    assert snms.json["status"] == -3
    assert (await node.stranger.get(f"/identityv2/data/detail?handle={at(identifier)}")).json["status"] == 1


async def test_the_present_owner_is_named_beside_the_first(node: Node) -> None:
    identifier = await registered(node)
    info, page = f"/api/handles/{at(identifier)}?info", f"/{at(identifier)}"
    html = {"Accept": "text/html", "Accept-Language": "zh"}
    assert (await node.anybody.get(info)).json["held_by"] == {"name": "Owner 甲企业"}
    assert "现持有方" not in (await node.anybody.get(page, headers=html)).body.decode()
    await given(node, object=identifier)
    told = (await node.anybody.get(info)).json
    assert (told["registered_by"], told["held_by"]) == ({"name": "Owner 甲企业"}, {"name": "Stranger 乙企业"})
    shown = (await node.anybody.get(page, headers=html)).body.decode()
    assert "生产企业: </span>Owner 甲企业" in shown and "现持有方: Stranger 乙企业" in shown
    assert (await node.stranger.post(IDENTIFIERS + at(identifier) + "/withdraw", {"reason": "r"})).status == 200
    gone = await node.anybody.get(page, headers=html)
    assert gone.status == 410 and "现持有方: Stranger 乙企业" in gone.body.decode()


async def test_an_owner_without_a_prefix_is_named_too(node: Node) -> None:
    identifier = await registered(node)
    made = await node.operator.post("/api/v1/enterprises", {"name": "丙企业"})
    assert made.status == 201
    database = await database_of(node)
    await database.execute("UPDATE identifier SET owner_id = $2 WHERE key = $1", identifier, made.json["id"])
    await database.close()
    assert (await node.anybody.get(f"/api/handles/{at(identifier)}?info&auth=true")).json["held_by"] == {
        "name": "丙企业"
    }


async def test_readers_and_lists_follow_the_owner(node: Node) -> None:
    identifier, stays = await registered(node, "X1"), await registered(node, "X2")
    values = {"values": [text_value(1, "A", "a", visibility="private"), text_value(2, "B", "b", visibility="partners")]}
    await node.owner.put(IDENTIFIERS + at(identifier), values)
    await node.owner.post("/api/v1/grants", {"prefix": node.prefix, "to": {"enterprise_id": 1}})
    for api, seen in ((node.owner, 2), (node.stranger, 0)):
        assert len((await api.get("/api/handles/" + at(identifier))).json["values"]) == seen
    await given(node, object=identifier)
    for api, seen in ((node.owner, 0), (node.stranger, 2), (node.operator, 2)):
        assert len((await api.get("/api/handles/" + at(identifier))).json["values"]) == seen

    async def listed(api: Api, query: str) -> list[str]:
        return [one["identifier"] for one in (await api.get(f"/api/v1/identifiers?{query}")).json["items"]]

    assert await listed(node.owner, f"prefix={node.prefix}") == [stays]
    assert await listed(node.operator, f"prefix={node.prefix}") == [identifier, stays]
    assert await listed(node.stranger, "transferred=true") == [identifier]
    assert await listed(node.operator, "transferred=true&enterprise=2") == [identifier]
    assert await listed(node.owner, "transferred=true") == []
    exported = (await node.owner.get(f"/api/v1/export?prefix={node.prefix}")).body
    assert stays.encode() in exported and identifier.encode() not in exported
    history = (await node.stranger.get("/api/v1/history/" + at(identifier))).json["items"]
    assert (history[0]["kind"], history[0]["reason"], history[0]["version"]) == ("transfer", "sold", 3)
    for api, action in ((node.owner, "transfer-given"), (node.stranger, "accept-transfer")):
        entries = (await api.get("/api/v1/audit")).json["items"]
        assert any(one["action"] == action and identifier in one["object"] for one in entries)


async def test_an_identifier_given_back_follows_its_prefix_again(node: Node) -> None:
    identifier = await registered(node)
    await given(node, object=identifier)
    back = await offer(node, node.stranger, object=identifier, to_enterprise=1)
    assert (await move(node.owner, back, "accept")).status == 200
    assert (await node.owner.get(IDENTIFIERS + at(identifier))).status == 200
    database = await database_of(node)
    assert await database.fetchval("SELECT owner_id FROM identifier WHERE key = upper($1)", identifier) is None
    await database.close()


async def test_a_prefix_changes_hands_whole(node: Node) -> None:
    kept, moved = await registered(node, "KEPT"), await registered(node, "MOVED")
    await given(node, object=kept)
    await node.stranger.post("/api/v1/grants", {"identifier": kept, "to": {"key_id": node.partner.key.split("_")[1]}})
    items = [{"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": False}]
    template = f"{node.prefix}/META_x"
    await node.owner.post("/api/v1/templates", {"identifier": template, "items": items})
    await node.owner.post("/api/v1/grants", {"prefix": node.prefix, "to": {"key_id": node.partner.key.split("_")[1]}})
    await node.owner.post("/api/v1/app-identities", {"identity": f"{node.prefix}/App_mes"})
    until = (await node.operator.get(TRANSFERS)).json["items"][0]["until"]
    lease = {"prefix": node.prefix, "pattern": "L{seq}", "count": 5, "until": until, "label": "x"}
    leased = await node.owner.post("/api/v1/leases", lease)
    assert leased.status == 201, leased.body
    job = await node.owner.call("POST", f"/api/v1/bulk-jobs?prefix={node.prefix}", raw=b"identifier,1:A\nq,y\n")
    other = await offer(node, object=moved)
    await given(node, prefix=node.prefix)

    refused = await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/new"))
    assert (refused.status, refused.json["slug"]) == (403, "prefix-not-yours")
    assert (await node.owner.get(IDENTIFIERS + at(moved))).status == 403
    assert (await node.stranger.post("/api/v1/identifiers", item(f"{node.prefix}/new"))).status == 201
    assert (await node.stranger.get(IDENTIFIERS + at(moved))).status == 200
    assert (await node.stranger.post(f"/api/v1/templates/{at(template)}:retire", {"reason": "r"})).status == 200
    states = [(grant["scope"], grant["revoked_at"] is None)
              for grant in (await node.stranger.get(f"/api/v1/grants?prefix={node.prefix}")).json["items"]]  # fmt: skip
    assert states == [("identifier", True), ("prefix", False)], "what the new owner of one granted stays"
    assert (await node.stranger.get(f"/api/v1/leases/{leased.json['id']}")).json["state"] == "closed"
    assert (await node.stranger.get(f"/api/v1/bulk-jobs/{job.json['id']}")).json["state"] == "cancelled"
    assert (await node.owner.get(f"{TRANSFERS}/{other.json['id']}")).json["state"] == "cancelled"
    database = await database_of(node)
    sql = "SELECT revoked_at IS NOT NULL FROM api_key k JOIN app_identity a ON a.key = k.id"
    assert await database.fetchval(sql)
    counted = await database.fetch(
        "SELECT enterprise_id, sum(registered)::int AS n FROM enterprise_count GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in counted] == [(1, 3), (2, 1)], "what was registered stays counted for who did it"
    await database.close()


async def test_another_worker_that_has_not_heard_refuses_the_old_owner_too(
    node: Node, servers: Servers, database: str
) -> None:
    """Its memory is a minute behind, and still nothing is acknowledged for a key whose prefix was given away."""
    there = await registered(node, "THERE")
    settings = settings_for(database, servers.redis_url).model_copy(update={"feed_interval_milliseconds": 60_000})
    async with worker_here(settings, 1) as base_url:
        behind = Api(base_url, node.owner.session, node.owner.key)
        assert (await behind.post("/api/v1/identifiers", item(f"{node.prefix}/before"))).status == 201
        await given(node, prefix=node.prefix)
        batch = {"items": [item(f"{node.prefix}/b"), {"identifier": "x"}]}
        values = [text_value(1, "A", "b")]
        for method, path, body in (
            ("PUT", IDENTIFIERS + at(there), {"values": values}),
            ("POST", IDENTIFIERS + at(there) + "/withdraw", {"reason": "r"}),
            ("POST", "/api/v1/grants", {"prefix": node.prefix, "to": {"enterprise_id": 2}}),
            ("POST", "/api/v1/app-identities", {"identity": f"{node.prefix}/App_late"}),
            ("POST", TRANSFERS, {"prefix": node.prefix, "to_enterprise": 2, "reason": "again"}),
            ("POST", "/api/v1/leases", {"prefix": node.prefix, "pattern": "L{seq}", "count": 1, "label": "x",
                                        "until": (await node.operator.get(TRANSFERS)).json["items"][0]["until"]}),
            ("POST", "/api/v1/identifiers:batch", batch),
        ):  # fmt: skip
            answer = await behind.call(method, path, body)
            told = answer.json["items"][0]["reason"] if path.endswith(":batch") else answer.json
            assert told["slug"] == "prefix-not-yours", (method, path, answer.body)
        assert (await behind.post("/api/v1/identifiers", item(f"{node.prefix}/a"))).status == 403
    assert (await node.stranger.get(IDENTIFIERS + at(f"{node.prefix}/a"))).status == 404


async def test_what_is_acknowledged_while_a_prefix_is_given_is_counted_for_who_was_told_so(node: Node) -> None:
    told: list[int] = []

    async def keep_registering(api: Api, name: str) -> None:
        for number in range(60):
            answer = await api.post("/api/v1/identifiers", item(f"{node.prefix}/{name}-{number}"))
            told.append(answer.status)

    offered = await offer(node, prefix=node.prefix)
    writers = [asyncio.create_task(keep_registering(node.owner, f"w{n}")) for n in range(8)]
    while len(told) < 40:
        await asyncio.sleep(0)
    assert (await move(node.stranger, offered, "accept")).status == 200
    await asyncio.gather(*writers)
    assert set(told) <= {201, 403} and 403 in told
    database = await database_of(node)
    counted = await database.fetch("SELECT enterprise_id, sum(registered)::int FROM enterprise_count GROUP BY 1")
    assert [tuple(row) for row in counted] == [(1, told.count(201))]
    await database.close()


async def test_what_stands_in_the_way_is_told(node: Node) -> None:
    offered = await offer(node, prefix=node.prefix)
    below = await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": f"{node.prefix}.7"})
    assert below.status == 201, below.body
    blocked = await move(node.stranger, offered, "accept")
    assert (blocked.status, blocked.json["slug"], blocked.json["sub_prefixes"]) == (
        409, "transfer-blocked", [f"{node.prefix}.7"],
    )  # fmt: skip
    first = await offer(node, prefix=f"{node.prefix}.7")
    assert (await move(node.stranger, first, "accept")).status == 200
    database = await database_of(node)
    await node.owner.call("POST", f"/api/v1/bulk-jobs?prefix={node.prefix}", raw=b"identifier,1:A\nq,y\n")
    await database.execute("UPDATE bulk_job SET state = 'merging'")
    assert (await move(node.stranger, offered, "accept")).json["reason"] == "bulk-merging"
    await database.execute("UPDATE bulk_job SET state = 'done'")
    assert (await move(node.stranger, offered, "accept")).status == 200
    await database.close()


async def test_the_operator_starts_one_and_consents_for_nobody(node: Node) -> None:
    started = await offer(node, node.operator, prefix=node.prefix)
    assert (started.status, started.json["state"]) == (201, "proposed")
    for api, step, status in (
        (node.operator, "confirm", 403), (node.operator, "accept", 403), (node.stranger, "confirm", 403),
        (node.stranger, "accept", 409), (node.partner, "accept", 403), (node.owner, "accept", 403),
        (node.owner, "confirm", 200), (node.owner, "confirm", 200), (node.stranger, "accept", 200),
        (node.stranger, "accept", 200), (node.owner, "cancel", 409),
    ):  # fmt: skip
        assert (await move(api, started, step)).status == status, step


@pytest.mark.parametrize(("side", "step", "state"), [("owner", "cancel", "cancelled"), ("stranger", "decline", "declined"), ("operator", "cancel", "cancelled")])  # fmt: skip
async def test_an_offer_ends_without_anything_changing_hands(node: Node, side: str, step: str, state: str) -> None:
    identifier = await registered(node)
    offered = await offer(node, object=identifier)
    twice = await offer(node, object=identifier)
    assert (twice.status, twice.json["slug"]) == (409, "transfer-open")
    assert (await move(getattr(node, side), offered, step)).json["state"] == state
    assert (await move(node.stranger, offered, "accept")).json["slug"] == "transfer-state"
    assert (await node.owner.get(IDENTIFIERS + at(identifier))).json["version"] == 1
    assert (await offer(node, object=identifier)).status == 201, "and it can be offered again"


async def test_an_offer_expires(node: Node) -> None:
    identifier = await registered(node)
    offered = await offer(node, object=identifier)
    database = await database_of(node)
    await database.execute("UPDATE transfer SET until = now() - interval '1 second'")
    await database.close()
    assert (await node.owner.get(f"{TRANSFERS}/{offered.json['id']}")).json["state"] == "expired"
    assert (await move(node.stranger, offered, "accept")).json["slug"] == "transfer-state"
    assert [one["id"] for one in (await node.owner.get(f"{TRANSFERS}?state=expired")).json["items"]] == [1]
    assert (await offer(node, object=identifier)).status == 201


async def test_what_is_wrong_with_an_offer_is_said_at_once(node: Node) -> None:
    answer = await offer(
        node, object="x", prefix=node.prefix, to_enterprise="2", reason="", until="2020-01-01T00:00:00Z"
    )
    assert {(one["path"], one["slug"]) for one in answer.json["errors"]} == {
        ("", "object-unclear"), ("object", "identifier-no-slash"), ("to_enterprise", "number-invalid"),
        ("reason", "text-invalid"), ("until", "time-invalid"),
    }  # fmt: skip
    for receiver, slug in ((1, "receiver-itself"), (77, "receiver-unknown")):
        wrong = await offer(node, prefix=node.prefix, to_enterprise=receiver)
        assert (wrong.status, wrong.json["errors"][0]["slug"]) == (422, slug)
    assert (await offer(node, object=f"{node.prefix}/nothing")).status == 404
    identifier = await registered(node)
    await node.owner.post(IDENTIFIERS + at(identifier) + "/withdraw", {"reason": "r"})
    assert (await offer(node, object=identifier)).json["slug"] == "identifier-withdrawn"
    third = await node.operator.post("/api/v1/enterprises", {"name": "Third 丙"})
    key = await node.operator.post("/api/v1/keys", {"role": "enterprise", "enterprise_id": third.json["id"]})
    offered = await offer(node, prefix=node.prefix)
    outside = node.anybody.with_key(key.json["key"])
    assert (await outside.get(f"{TRANSFERS}/{offered.json['id']}")).status == 404
    assert (await move(outside, offered, "accept")).status == 404
    assert (await outside.get(TRANSFERS)).json["items"] == []
