"""The top level takes resolution over and hands it back: signed both ways, registration frozen at every door meanwhile."""

from __future__ import annotations

import asyncio
import copy
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from node.operations import monitor_of, orders_of
from sync.operations.canonical import canonical
from sync.operations.signatures import ISSUER, signed
from sync.signing.keys import Ed25519Signer, decode, new_seed
from sync.signing.request import signed_request
from sync.takeover.comparing import Compared
from sync.takeover.doors import PATH
from tests.applicant import WHOLE
from tests.conformance.peering.test_operations import require_schema
from tests.conftest import Servers
from tests.harness import at, item, text_value
from tests.integration.permissions import TOMORROW
from tests.takeover_stage import Stage, staged


@pytest.fixture
async def stage(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with staged(database, servers, session, tmp_path) as found:
        yield found


async def test_a_takeover_from_the_order_to_the_hand_back(stage: Stage) -> None:
    node, box = stage.peered.node, stage.box
    order = stage.order()
    require_schema("ops-takeover-order", order)
    assert (await box.api.get(f"/api/handles/{at(node.prefix + '/A')}")).status == 200  # in effect, whoever has heard
    assert await stage.send(order) == "accepted"
    held = box.desk.store.one("takeover", order_id=order["orderId"])
    acceptance = orjson.loads(held["acceptance"])
    require_schema("ops-takeover-answer", acceptance)
    assert acceptance["order"] == order and await stage.send(order) == "accepted"
    assert box.desk.store.one("takeover", order_id=order["orderId"])["acceptance"] == held["acceptance"]
    await stage.keeper.tick()
    assert await stage.state(order) == "active"
    refused = await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/new"))
    assert (refused.status, refused.json["slug"]) == (503, "registration-frozen") and refused.headers["Retry-After"]
    assert (
        await node.anybody.get(f"/api/handles/{at(node.prefix + '/A')}")
    ).status == 200  # what reaches us is answered
    for name, status in (("A", 200), ("gone", 410), ("none", 404)):
        assert (await box.api.get(f"/api/handles/{at(f'{node.prefix}/{name}')}")).status == status, name
    assert (await box.api.get("/api/handles/77.1%2Fx")).status == 400  # not responsible
    monitor = monitor_of(node.settings, stage.peered.pool)
    assert monitor is not None and await monitor.beat()
    await monitor.close()
    assert (
        orjson.loads(box.desk.store.one("heartbeat", app_id=stage.account["app_id"])["content"])["state"] == "takenover"
    )
    answer = await stage.hand_back(order)
    require_schema("ops-handback-answer", answer)
    assert answer["decision"] == "accept" and answer["reconcile"]["different"] == 0 < answer["reconcile"]["compared"]
    assert answer["offer"]["answered"] == {"resolved": 3, "notFound": 1}  # a withdrawn one is answered too
    assert await stage.state(order) == "closed"
    assert (await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/new"))).status == 201
    assert (await box.api.get(f"/api/handles/{at(node.prefix + '/A')}")).status == 300  # referred to the node
    audited = (await node.operator.get("/api/v1/audit?action=takeover-closed")).json["items"]
    assert [one["object"] for one in audited] == [order["orderId"]]
    usage = (await node.operator.get("/api/v1/usage?by=day")).json
    assert usage["resolutions"] <= 20  # the top level's own answers are never ours


async def test_resolution_is_not_taken_back_while_anything_differs(stage: Stage) -> None:
    """A node that was restored from an older copy, say."""
    node, order = stage.peered.node, stage.order()
    assert await stage.send(order) == "accepted"
    await stage.keeper.tick()
    await stage.peered.pool.execute("ALTER TABLE identifier DISABLE TRIGGER identifier_frozen")
    older = "UPDATE identifier SET version = version + $2, created_at = created_at - interval '1 day' WHERE key = $1"
    await stage.peered.pool.execute(older, f"{node.prefix}/A", 1)
    answer = await stage.hand_back(order)
    require_schema("ops-handback-answer", answer)
    assert answer["decision"] == "refuse" and answer["reconcile"]["different"] == 1
    assert answer["reconcile"]["impossible"] == [f"{node.prefix}/A"]
    assert await stage.state(order) == "active"
    assert (await node.owner.post("/api/v1/applications", WHOLE)).status == 503
    assert (await stage.hand_back(order))["decision"] == "accept"  # a whole set went up meanwhile
    assert await stage.peered.pool.fetchval("SELECT count(*) FROM standby_snapshot WHERE completed_at IS NOT NULL") == 2


async def test_an_offer_waits_for_its_outcome_and_survives_whoever_compares(stage: Stage) -> None:
    order = stage.order()
    assert await stage.send(order) == "accepted"
    await stage.keeper.tick()
    keeper, compared = stage.keeper, stage.keeper._comparison.of
    assert (await stage.offer(order))["status"] == 202 == (await stage.offer(order))["status"]
    assert await stage.state(order) == "returning"

    async def dies(_: Any) -> Compared:
        raise OSError("killed")

    keeper._comparison.of = dies
    with pytest.raises(OSError, match="killed"):
        await stage.keeper.tick()
    assert (await stage.offer(order))["status"] == 202  # and not 409 for ever

    async def overtaken(connection: Any) -> Compared:
        stage.box.desk.store.run("move_takeover", order_id=order["orderId"], state="active")
        assert (await stage.offer(order))["status"] == 202  # a new one
        return await compared(connection)

    assert await keeper._handing_back.take_back(overtaken) is None
    keeper._comparison.of = compared
    await stage.keeper.tick()
    assert (await stage.offer(order))["decision"] == "accept"


async def test_what_the_top_level_changed_is_brought_in_before_the_order_is_closed(stage: Stage) -> None:
    node, order = stage.peered.node, stage.order()
    assert await stage.send(order) == "accepted"
    await stage.keeper.tick()
    new = {"key": f"{node.prefix}/B", "version": 1, "values": [text_value(1, "DESC", "corrected")]}
    gone = {"key": f"{node.prefix}/A", "version": 1, "withdrawn": True, "reason": "recalled"}
    for wrong in (
        {**new, "version": 2}, {**new, "key": f"{node.prefix}/NONE"}, {**new, "key": "77.1/B"},
        {**new, "key": f"{node.prefix}/GONE"}, {**new, "values": [text_value(2, "X", "taken by a private one")]},
        {**gone, "successor": "no identifier"},
    ):  # fmt: skip
        refused = await stage.hand_back(order, [gone if wrong["key"] != gone["key"] else new, wrong])
        require_schema("ops-handback-answer", refused)
        assert refused["decision"] == "refuse" and len(refused["reconcile"]["impossible"]) == 1, refused
    there = f"/api/v1/identifiers/{at(node.prefix + '/B')}"
    assert (await node.owner.get(there)).json["version"] == 1  # all of them or none
    assert (await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/new"))).status == 503
    malformed = await stage.offer(order, [{**new, "withdrawn": True}])
    assert malformed["status"] == 400
    answer = await stage.hand_back(order, [new, gone])
    require_schema("ops-handback-answer", answer)
    assert answer["decision"] == "accept" and answer["reconcile"]["changed"] == 2
    found = (await node.owner.get(there)).json
    assert found["version"] == 2 and [one["data"]["value"] for one in found["values"]] == ["corrected", "hidden-price"]
    rows = await stage.peered.pool.fetch("SELECT key, kind, version FROM identifier_change ORDER BY key DESC LIMIT 2")
    assert {(row["key"], row["kind"], row["version"]) for row in rows} >= {(f"{node.prefix}/B", "revise", 2)}
    (audited,) = (await node.operator.get("/api/v1/audit?action=takeover-change")).json["items"]
    assert (audited["object"], audited["identifiers"]) == (order["orderId"], 2)
    withdrawn = (await node.owner.get(f"/api/v1/identifiers/{at(node.prefix + '/A')}")).json["withdrawn"]
    assert (withdrawn["reason"], withdrawn["successor"]) == ("recalled", None)


async def test_an_operator_countersigns_where_the_policy_says_so(stage: Stage) -> None:
    settings = stage.peered.node.settings.model_copy(update={"takeover_acceptance": "operator"})
    orders = orders_of(settings, stage.peered.pool)
    order = stage.order(in_seconds=600)
    assert (await orders.receive(canonical(order))).status == 202
    assert await stage.send(order) == "waiting"
    accepted = await orders.accept(order["orderId"])
    assert orjson.loads(accepted.body)["decision"] == "accept"
    assert (await orders.accept(order["orderId"])).body == accepted.body
    assert await stage.send(order) == "accepted"
    made = await stage.peered.node.owner.post("/api/v1/identifiers", item(f"{stage.peered.node.prefix}/still"))
    assert made.status == 201  # not before the order takes effect


async def test_an_order_takes_effect_before_anybody_has_countersigned(stage: Stage) -> None:
    """And before any process of the exchange looks at it: that may be busy, or away."""
    node, orders = stage.peered.node, stage.keeper._orders
    orders._automatic = False
    order = stage.order()
    assert (await orders.receive(canonical(order))).status == 202
    assert (await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/late"))).status == 503
    assert await stage.state(order) == "active"
    assert (await stage.hand_back(order))["decision"] == "accept"
    assert (await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/late"))).status == 201


async def test_an_order_that_took_effect_unheard_is_learnt_of_with_the_next_heartbeat(stage: Stage) -> None:
    order = stage.order(reason="failure")
    assert await stage.send(order, "http://127.0.0.1:1") == "unheard"
    node = stage.peered.node
    monitor = monitor_of(node.settings, stage.peered.pool)
    assert monitor is not None and await monitor.beat()
    await monitor.close()
    assert await stage.state(order) == "active"
    assert (await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/new"))).status == 503
    await stage.keeper.tick()
    assert (await stage.hand_back(order))["decision"] == "accept"


async def test_an_order_runs_out(stage: Stage) -> None:
    order = stage.order(for_seconds=1.0)
    assert await stage.send(order) == "accepted"
    await stage.keeper.tick()
    assert await stage.state(order) == "active"
    stage.box.turn(clock_skew_seconds=5)
    orders = stage.keeper._orders
    await asyncio.sleep(1.1)  # the tables refuse by the clock of the database
    monitor = monitor_of(stage.peered.node.settings, stage.peered.pool)
    assert monitor is not None and await monitor.beat()
    await monitor.close()
    assert await orders.move_on() is None and await stage.state(order) == "closed"
    assert (
        await stage.peered.node.owner.post("/api/v1/identifiers", item(f"{stage.peered.node.prefix}/n"))
    ).status == 201


async def test_what_is_not_the_top_levels_is_refused(stage: Stage) -> None:
    """Unsigned, by another key, altered, replayed, stale; documents with another signature, prefix or number."""
    order = stage.order(in_seconds=600)
    body = canonical(order)
    strange = Ed25519Signer("strange", decode(new_seed()))
    posing = Ed25519Signer(stage.signer.keyid, decode(new_seed()))
    assert (
        await stage.peered.node.anybody.call("POST", PATH, raw=body, headers={"Content-Type": "application/json"})
    ).status == 401
    for signer in (strange, posing):
        assert (await stage.post(PATH, body, signer)).status == 401
    assert (await stage.post(PATH, body, sent=body.replace(b"drill", b"drilL"))).status == 401
    assert (await stage.post(PATH, body, later=-1000)).status == 401
    assert (await stage.post(PATH, b"{}")).status == 400

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536

    json_ = {"Content-Type": "application/json"}
    try:  # no length is said: it is read to the bound, and no further
        async with stage.peered.node.anybody.session.post(stage.url + PATH, data=endless(), headers=json_) as answer:
            assert answer.status == 400
    except aiohttp.ClientError:
        pass  # the connection was closed while more was sent
    assert (await stage.post(f"{PATH}/none", b"", method="GET")).status == 404
    plain = {name: value for name, value in order.items() if name != "signatures"}

    async def answered(document: Any, signer: Any, **changed: Any) -> Any:
        number = {"orderId": f"X-{secrets.token_hex(4)}"}
        found = await stage.post(PATH, canonical(signed({**document, **number, **changed}, signer, ISSUER)))
        require_schema("ops-takeover-answer", found.json)
        return found.json

    for refusal in (
        await answered(plain, strange), await answered(plain, posing),
        await answered(plain, stage.signer, prefixes=["99.1"]), await answered(plain, stage.signer, sln="99.1"),
        await answered(plain, stage.signer, effectiveAt="2020-01-01T00:00:00Z", expiresAt="2020-01-02T00:00:00Z"),
    ):  # fmt: skip
        assert refusal["decision"] == "refuse" and refusal["refusalText"]
    altered = copy.deepcopy(order) | {"reasonText": "another"}
    assert await stage.send(order) == "accepted"
    assert (await stage.post(PATH, canonical(altered))).status == 409
    headers = signed_request(
        stage.signer, "ntln", "POST", PATH, body, request_id="r", nonce="once", now=int(time.time()), media_type="application/json"
    )  # fmt: skip
    replayed = [await stage.peered.node.anybody.call("POST", PATH, raw=body, headers=headers) for _ in range(2)]
    assert [one.status for one in replayed] == [200, 401]
    other = await stage.post(PATH, canonical(signed({**plain, "orderId": "Y-1"}, stage.signer, ISSUER)))
    assert other.status == 409  # one at a time


async def test_every_writing_door_is_closed_and_every_reading_one_open(stage: Stage) -> None:
    node = stage.peered.node
    lease = {"prefix": node.prefix, "pattern": "L{seq}", "count": 1, "until": TOMORROW, "label": "x"}
    order = stage.order()
    assert await stage.send(order) == "accepted"
    there, suffix = at(f"{node.prefix}/A"), f"{node.prefix}/new"
    one, values = f"/api/v1/identifiers/{there}", [text_value(1, "DESC", "n")]
    site = {
        "servers": [
            {
                "serverId": 1,
                "address": "192.0.2.7",
                "interfaces": [{"query": True, "admin": False, "protocol": "TCP", "port": 2641}],
            }
        ]
    }
    tries: list[tuple[Any, str, str, Any]] = [
        (node.owner, "POST", "/api/v1/identifiers", item(suffix)),
        (node.owner, "POST", "/api/v1/identifiers:batch", {"items": [item(suffix), item(suffix + "2")]}),
        (node.owner, "POST", "/api/v1/identifiers:mint", {"prefix": node.prefix, "count": 1, "values": values}),
        (node.owner, "PUT", one, {"values": values}),
        (node.owner, "PATCH", one, {"values": values}),
        (node.owner, "POST", f"{one}/withdraw", {"reason": "x"}),
        (node.owner, "POST", f"/api/v1/identifiers/{at(node.prefix + '/gone')}/restore", None),
        (node.owner, "PUT", f"/api/handles/{at(suffix)}", {"values": values}),
        (node.owner, "PUT", f"/api/handles/{there}?overwrite=true", {"values": values}),
        (node.owner, "DELETE", f"/api/handles/{there}", None),
        (node.owner, "DELETE", "/identityv2/data", {"handle": f"{node.prefix}/A"}),
        (node.operator, "POST", "/api/v1/enterprises", {"name": "New 新"}),
        (node.operator, "POST", "/api/v1/prefixes", {"enterprise_id": 1, "prefix": "88.118.77"}),
        (node.operator, "PUT", f"/api/v1/prefixes/{node.prefix}/hosting", {"hosting": "own-node", "site": site}),
        (node.anybody, "POST", "/api/v1/applications", WHOLE),
        (node.owner, "POST", "/api/v1/leases", lease),
        (node.owner, "POST", "/api/v1/transfers", {"object": f"{node.prefix}/A", "to_enterprise": 2, "reason": "x"}),
    ]  # fmt: skip
    wrong = []
    for api, method, path, body in tries:
        answer = await api.call(method, path, body, headers={"Content-Type": "application/json"})
        slug, code = answer.json.get("slug") or answer.json.get("error"), answer.json.get("responseCode")
        if slug != "registration-frozen" and code != 7:  # SNMS says it with 200, a Handle server by its code
            wrong.append((method, path, answer.status, answer.body))
    assert not wrong, wrong
    for path in (f"/api/handles/{there}", f"/{there}", "/iiidap/help", "/readyz"):
        assert (await node.anybody.get(path)).status < 400, path
    assert (await node.owner.get(f"/api/v1/identifiers/{there}")).status == 200
    suspended = await node.operator.post(f"/api/v1/prefixes/{node.prefix}:suspend", {"reason": "security"})
    assert suspended.status == 200, suspended.body  # what protects stays possible


async def test_the_page_orders_checks_and_hands_back(stage: Stage) -> None:
    box, node = stage.box, stage.peered.node
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert b"never heard of" in (await box.api.get("/watch", headers={"Accept-Language": "en"})).body
    monitor = monitor_of(node.settings.model_copy(update={"base_url": stage.url}), stage.peered.pool)
    assert monitor is not None and await monitor.beat()
    await monitor.close()
    checked = await box.api.call("POST", "/watch", raw=b"prefix=88.118&do=check", headers=form)
    assert "10 ✓ 10 ✗ 0".encode() in checked.body
    chinese = form | {"Accept-Language": "zh"}
    ordered = await box.api.call("POST", "/watch", raw=b"prefix=88.118&do=order", headers=chinese)
    assert "节点已会签".encode() in ordered.body
    await stage.keeper.tick()
    number = box.desk.store.one("newest_takeovers", most=1)["order_id"]
    keeping = asyncio.create_task(stage.keeper.run())
    back = await box.api.call("POST", "/watch", raw=f"order={number}&do=handback".encode(), headers=form)
    keeping.cancel()
    assert f"{number}: handed back, compared ".encode() in back.body and b", different 0" in back.body
    foreign = await box.api.call(
        "POST", "/watch", raw=b"prefix=88.118&do=order", headers=form | {"Origin": "http://evil"}
    )
    assert foreign.status == 404
    wrong = await box.api.call("POST", "/watch", raw=b"prefix=1.1&do=order", headers=form)
    assert wrong.status == 200 and b"no such account" in wrong.body
