"""Keys in the hands of enterprises: issuing, listing, changing, rotating; where from and when last they were used."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from node.keys import key_lines
from tests.conftest import Servers
from tests.harness import Answer, Api, Node, item, settings_for, take_aboard, until, worker_here

KEYS = "/api/v1/keys"


async def issued(by: Api, **body: Any) -> tuple[Api, str]:
    answer = await by.post(KEYS, {"role": "writer"} | body)
    assert answer.status == 201, answer.body
    return by.with_key(answer.json["key"]), answer.json["key_id"]


async def changed(by: Api, key_id: str, **body: Any) -> Answer:
    return await by.call("PATCH", f"{KEYS}/{key_id}", body)


def problems(answer: Answer) -> list[tuple[str, str]]:
    assert answer.status == 422, answer.body
    return [(one["path"], one["slug"]) for one in answer.json["errors"]]


@pytest.fixture
async def two_workers(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> AsyncIterator[tuple[Node, str]]:
    """A node behind proxies on this machine, and the address of its second worker."""
    one, two = (
        settings_for(database, servers.redis_url, data_dir=scratch, trusted_proxies="127.0.0.0/8,::1/128")
        for _ in range(2)
    )
    async with worker_here(one, 0) as first, worker_here(two, 1) as second:
        yield await take_aboard(one, Api(first, session)), second


async def test_an_enterprise_looks_after_keys_of_its_own(node: Node) -> None:
    writer, key_id = await issued(node.owner, label="MES", scopes=["register"], allowed_sources=["127.0.0.0/8", "::1"])
    assert (await writer.post("/api/v1/identifiers", item(f"{node.prefix}/x"))).status == 201
    shown = (await node.owner.get(f"{KEYS}/{key_id}")).json
    assert shown == shown | {"role": "writer", "scopes": ["register"], "label": "MES", "enterprise_id": 1}
    assert shown["allowed_sources"] == ["127.0.0.0/8", "::1/128"] and shown["enterprise"] == "Owner 甲企业"
    assert shown["created_at"].endswith("Z") and shown["expires_at"] is shown["revoked_at"] is None
    assert (await writer.get(f"{KEYS}/{key_id}")).json == shown, "its holder may read it"
    assert (await node.owner.call("DELETE", f"{KEYS}/{key_id}")).status == 200
    assert (await writer.post("/api/v1/identifiers", item(f"{node.prefix}/y"))).status == 401


async def test_an_enterprise_issues_nothing_of_the_node_nor_of_another(node: Node) -> None:
    for role in ("operator", "auditor"):
        answer = await node.owner.post(KEYS, {"role": role})
        assert (answer.status, answer.json["slug"], answer.json["needed_role"]) == (403, "role-not-enough", "operator")
    for number in (2, 99):
        answer = await node.owner.post(KEYS, {"role": "writer", "enterprise_id": number})
        assert (answer.status, answer.json["slug"]) == (404, "enterprise-unknown")
    _, foreign = await issued(node.stranger)
    for method, path, body in (
        ("GET", f"{KEYS}/{foreign}", None),
        ("PATCH", f"{KEYS}/{foreign}", {"label": "x"}),
        ("POST", f"{KEYS}/{foreign}:rotate", None),
        ("DELETE", f"{KEYS}/{foreign}", None),
    ):
        refused = await node.owner.call(method, path, body)
        nothing = await node.owner.call(method, path.replace(foreign, "0123456789abcdef"), body)
        assert (refused.status, refused.json["detail"]) == (nothing.status, nothing.json["detail"]), method
        assert refused.status == 404


async def test_nobody_passes_on_what_they_do_not_have(node: Node) -> None:
    manager, _ = await issued(node.owner, role="enterprise", scopes=["manage", "register"])
    assert problems(await manager.post(KEYS, {"role": "writer", "scopes": ["revise"]})) == [
        ("scopes[0]", "scope-not-yours")
    ]
    assert (await manager.post(KEYS, {"role": "enterprise"})).json["scopes"] == ["register", "manage"]
    _, wider = await issued(node.owner)
    rotated = await manager.post(f"{KEYS}/{wider}:rotate")
    assert (rotated.status, rotated.json["slug"]) == (403, "scope-not-enough"), "its secret would open more"
    assert (await manager.call("DELETE", f"{KEYS}/{wider}")).status == 200, "ending it opens nothing"
    program = {"identity": f"{node.prefix}/App_x"}
    assert (await node.owner.post("/api/v1/app-identities", program)).status == 201
    renewed = await manager.post("/api/v1/app-identities", program | {"renew": True})
    assert (renewed.status, renewed.json["slug"]) == (403, "scope-not-enough")


async def test_keys_are_listed_in_pages_without_secrets(node: Node) -> None:
    ids = [(await issued(node.owner))[1] for _ in range(4)]
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await node.owner.get(f"{KEYS}?limit=2{after}")).json
        assert len(page["items"]) <= 2
        found += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert [one["key_id"] for one in found][-4:] == ids and len(found) == 5
    assert {one["enterprise_id"] for one in found} == {1}
    of_two = (await node.operator.get(f"{KEYS}?enterprise_id=2")).json["items"]
    assert [one["enterprise_id"] for one in of_two] == [2]
    everyone = await node.operator.get(KEYS)
    assert {one["role"] for one in everyone.json["items"]} == {"operator", "enterprise", "writer", "partner"}
    assert b"bj_" not in everyone.body and b"digest" not in everyone.body
    assert (await node.owner.get(f"{KEYS}?enterprise_id=2")).status == 404
    assert (await node.owner.get(f"{KEYS}?limit=0")).status == (await node.owner.get(f"{KEYS}?after=x")).status == 400
    lines = [line async for line in key_lines(node.settings.database_url.get_secret_value())]
    assert len(lines) == len(everyone.json["items"]) and any(ids[0] in line for line in lines)


async def test_a_key_rotates_itself_and_both_secrets_work_on_every_worker(two_workers: tuple[Node, str]) -> None:
    node, second = two_workers
    old, key_id = await issued(node.owner)
    path = f"/api/v1/identifiers?prefix={node.prefix}"
    elsewhere = Api(second, old.session, old.key)
    assert (await elsewhere.get(path)).status == 200
    rotated = await old.post(f"{KEYS}/{key_id}:rotate")
    assert rotated.status == 200 and rotated.headers["Cache-Control"] == "no-store"
    assert rotated.json["key_id"] == key_id and rotated.json["key"].startswith(f"bj_{key_id}_")
    began, new = time.monotonic(), elsewhere.with_key(rotated.json["key"])
    assert (await old.with_key(new.key).get(path)).status == (await old.get(path)).status == 200

    async def known() -> bool:
        return (await new.get(path)).status == 200

    await until(known, 1)
    assert time.monotonic() - began < 1
    assert (await elsewhere.get(path)).status == 200, "the old secret goes on"
    third = await new.with_key(new.key).post(f"{KEYS}/{key_id}:rotate", {"overlap_seconds": 60})
    assert third.status == 200
    assert (await elsewhere.get(path)).status == 401, "the one before the last has ended"
    assert (await new.get(path)).status == 200
    history = await node.owner.get(f"{KEYS}/{key_id}")
    assert history.json["former_secret_until"] == third.json["former_secret_until"]


async def test_without_overlap_the_old_secret_ends_at_once(node: Node) -> None:
    old, key_id = await issued(node.owner)
    path = f"/api/v1/identifiers?prefix={node.prefix}"
    rotated = await node.owner.post(f"{KEYS}/{key_id}:rotate", {"overlap_seconds": 0})
    refused = await old.get(path)
    assert (refused.status, refused.json["slug"]) == (401, "credential-wrong") and "rotated" in refused.json["detail"]
    assert (await old.with_key(rotated.json["key"]).get(path)).status == 200
    for overlap in (-1, 30 * 86_400 + 1, True, "1", None):
        answer = await node.owner.post(f"{KEYS}/{key_id}:rotate", {"overlap_seconds": overlap})
        assert problems(answer) == [("overlap_seconds", "number-invalid")]


async def test_what_has_ended_is_neither_rotated_nor_changed(node: Node) -> None:
    short, expired = await issued(node.owner, expires_in_seconds=1)
    _, revoked = await issued(node.owner)
    await node.owner.call("DELETE", f"{KEYS}/{revoked}")
    path = f"/api/v1/identifiers?prefix={node.prefix}"

    async def over() -> bool:
        return (await short.get(path)).status == 401

    await until(over, 3)
    for key_id in (expired, revoked):
        answer = await node.owner.post(f"{KEYS}/{key_id}:rotate")
        assert (answer.status, answer.json["slug"]) == (409, "key-ended")
    assert (await changed(node.owner, revoked, label="x")).status == 409
    later = await changed(node.owner, expired, expires_in_seconds=3600)
    assert later.status == 200 and (await short.get(path)).status == 200, "an end can be moved"
    assert (await changed(node.owner, expired, expires_in_seconds=None)).json["expires_at"] is None


async def test_a_change_reaches_every_worker_within_a_second(two_workers: tuple[Node, str]) -> None:
    node, second = two_workers
    writer, key_id = await issued(node.owner)
    elsewhere = Api(second, writer.session, writer.key)
    path = f"/api/v1/identifiers?prefix={node.prefix}"
    assert (await elsewhere.get(path)).status == 200
    answer = await changed(node.owner, key_id, scopes=["register"], label="新 label")
    assert (answer.json["scopes"], answer.json["label"]) == (["register"], "新 label")
    assert (await writer.get(path)).json["slug"] == "scope-not-enough"

    async def narrowed() -> bool:
        return (await elsewhere.get(path)).status == 403

    await until(narrowed, 1)
    assert (await changed(node.owner, key_id, scopes=None)).json["scopes"] == [
        *("register", "revise", "withdraw", "read-private")
    ]
    assert problems(await changed(node.owner, key_id, scopes=["manage"])) == [("scopes[0]", "scope-beyond-role")]
    assert problems(await changed(node.owner, key_id)) == [("", "nothing-asked")]
    assert problems(await changed(node.owner, key_id, role="operator")) == [("role", "member-unknown")]


async def test_a_key_is_accepted_only_from_where_it_is_allowed(two_workers: tuple[Node, str]) -> None:
    node, second = two_workers
    writer, key_id = await issued(node.owner, allowed_sources=["198.51.100.0/24", "2001:db8::/32"])
    path = f"/api/v1/identifiers?prefix={node.prefix}"
    for worker in (writer, Api(second, writer.session, writer.key)):
        for forwarded in ("198.51.100.7", "203.0.113.1, 198.51.100.7", "2001:db8::5", "198.51.100.7, 127.0.0.1"):
            assert (await worker.get(path, headers={"X-Forwarded-For": forwarded})).status == 200, forwarded
        for forwarded, seen in (("203.0.113.1", "203.0.113.1"), ("198.51.100.7, 203.0.113.1", "203.0.113.1")):
            answer = await worker.get(path, headers={"X-Forwarded-For": forwarded})
            assert (answer.status, answer.json["slug"], answer.json["source"]) == (403, "source-not-allowed", seen)
        assert (await worker.get(path)).json["source"] == "127.0.0.1"
        resolving = await worker.get(f"/api/handles/{node.prefix}/x", headers={"X-Forwarded-For": "203.0.113.1"})
        assert resolving.status == 403, "reading with a key is using it"
        resolving = await worker.get(f"/api/handles/{node.prefix}/x", headers={"X-Forwarded-For": "198.51.100.7"})
        assert resolving.status == 404
    assert (await changed(node.owner, key_id, allowed_sources=[])).json["allowed_sources"] == []
    assert (await writer.get(path)).status == 200


async def test_an_untrusted_peer_cannot_pretend(node: Node) -> None:
    writer, _ = await issued(node.owner, allowed_sources=["198.51.100.0/24"])
    answer = await writer.get(f"/api/v1/identifiers?prefix={node.prefix}", headers={"X-Forwarded-For": "198.51.100.7"})
    assert (answer.status, answer.json["source"]) == (403, "127.0.0.1")


async def test_a_program_acts_with_the_scopes_and_from_the_places_of_its_identity(
    two_workers: tuple[Node, str],
) -> None:
    node, _ = two_workers
    asked = {"identity": f"{node.prefix}/App_mes", "scopes": ["register"], "allowed_sources": ["198.51.100.0/24"]}
    made = (await node.owner.post("/api/v1/app-identities", asked)).json
    at_home, away = {"X-Forwarded-For": "198.51.100.7"}, {"X-Forwarded-For": "203.0.113.1"}

    async def login(password: str, headers: dict[str, str]) -> Any:
        body = {"username": made["identity"], "password": password}
        return (await node.anybody.post("/identity/token", body, headers=headers)).json

    assert (await login(made["password"], away))["error"] == "source-not-allowed"
    token = (await login(made["password"], at_home))["data"]["token"]
    page, sent = "/snms/api/prefix/page", {"Authorization": f"Bearer {token}"}
    assert (await node.anybody.get(page, headers=sent | away)).json["error"] == "source-not-allowed"
    assert (await node.anybody.get(page, headers=sent | at_home)).json["error"] == "scope-not-enough"
    again = (await node.owner.post("/api/v1/app-identities", {"identity": made["identity"], "renew": True})).json
    shown = (await node.owner.get(f"{KEYS}/{again['key_id']}")).json
    assert (shown["scopes"], shown["allowed_sources"]) == (["register"], ["198.51.100.0/24"]), "renewing widens nothing"


async def test_last_use_is_told_without_telling_every_worker(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    settings = settings_for(database, servers.redis_url, data_dir=scratch, trusted_proxies="127.0.0.1")
    connection = await asyncpg.connect(database)
    stamps = "SELECT array_agg(changed_xid::text ORDER BY id) FROM api_key"
    try:
        async with worker_here(settings) as base_url:
            node = await take_aboard(settings, Api(base_url, session))
            _, never = await issued(node.owner)
            writer, key_id = await issued(node.owner)
            before = await connection.fetchval(stamps)
            await writer.get("/api/v1/keys", headers={"X-Forwarded-For": "198.51.100.7"})
            await connection.execute(
                "INSERT INTO api_key_use SELECT id, now() + '1 hour', 'later' FROM api_key WHERE role = 'partner'"
            )
            await node.partner.get(KEYS)
        async with worker_here(settings) as base_url:  # the one that stopped has written what it knew
            owner = Api(base_url, session, node.owner.key)
            used, unused = [(await owner.get(f"{KEYS}/{one}")).json for one in (key_id, never)]
            assert used["last_used_from"] == "198.51.100.7" and used["last_used_at"] is not None
            assert unused["last_used_from"] is unused["last_used_at"] is None
            assert await connection.fetchval(stamps) == before
            query = "SELECT source FROM api_key_use JOIN api_key ON id = key WHERE role = 'partner'"
            assert await connection.fetchval(query) == "later", "an older use replaces no newer one"
    finally:
        await connection.close()
