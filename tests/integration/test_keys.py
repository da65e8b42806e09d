"""Keys: which open, which no longer, and that no secret is left lying about."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.conftest import Servers
from tests.harness import Api, Node, item, settings_for, take_aboard, text_value, until, worker_here


async def issued(node: Node, **body: object) -> tuple[Api, str]:
    answer = await node.operator.post("/api/v1/keys", {"role": "enterprise", "enterprise_id": 1} | body)
    assert answer.status == 201, answer.body
    return node.anybody.with_key(answer.json["key"]), answer.json["key_id"]


async def test_a_key_is_shown_once_and_works(node: Node) -> None:
    answer = await node.operator.post("/api/v1/keys", {"role": "enterprise", "enterprise_id": 1, "label": "MES"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["key"].split("_")[1] == answer.json["key_id"]
    assert answer.json["expires_at"] is None and answer.json["label"] == "MES"
    api = node.anybody.with_key(answer.json["key"])
    assert (await api.post("/api/v1/identifiers", item(f"{node.prefix}/x"))).status == 201


async def test_a_key_expires(node: Node) -> None:
    api, _ = await issued(node, expires_in_seconds=1)
    assert (await api.get(f"/api/v1/identifiers?prefix={node.prefix}")).status == 200

    async def refused() -> bool:
        return (await api.get(f"/api/v1/identifiers?prefix={node.prefix}")).status == 401

    assert await until(refused, 2) > 0.1
    answer = await api.get(f"/api/v1/identifiers?prefix={node.prefix}")
    assert answer.json["slug"] == "credential-wrong" and "expired" in answer.json["detail"]


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Basic eDp5", "bj_0_0", "Bearer bj_0123456789abcdef_" + "A" * 43]
)
async def test_a_header_without_a_key_of_ours_is_401(node: Node, header: str) -> None:
    path = f"/api/v1/identifiers?prefix={node.prefix}"
    answer = await node.anybody.get(path, headers={"Authorization": header})
    assert (answer.status, answer.json["slug"]) == (401, "credential-wrong")
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


async def test_the_right_id_with_a_wrong_secret_opens_nothing(node: Node) -> None:
    key = node.owner.key or ""
    for wrong in (key[:-1] + ("A" if key[-1] != "A" else "B"), key[:20] + (node.operator.key or "")[20:]):
        answer = await node.anybody.with_key(wrong).get(f"/api/v1/identifiers?prefix={node.prefix}")
        assert (answer.status, answer.json["slug"]) == (401, "credential-wrong")


async def test_a_revoked_key_is_refused_by_every_worker_within_a_second(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    one, two = (settings_for(database, servers.redis_url, data_dir=scratch) for _ in range(2))
    async with worker_here(one, 0) as first, worker_here(two, 1) as second:
        node = await take_aboard(one, Api(first, session))
        api, key_id = await issued(node)
        path = f"/api/v1/identifiers?prefix={node.prefix}"
        elsewhere = Api(second, session, api.key)
        assert (await api.get(path)).status == (await elsewhere.get(path)).status == 200
        answer = await node.operator.call("DELETE", f"/api/v1/keys/{key_id}")
        began = time.monotonic()
        assert answer.status == 200 and answer.json["key_id"] == key_id
        assert (await api.get(path)).status == 401, "the worker that revoked it knows at once"

        async def refused() -> bool:
            return (await elsewhere.get(path)).status == 401

        await until(refused, 1)
        assert time.monotonic() - began < 1
        again = await node.operator.call("DELETE", f"/api/v1/keys/{key_id}")
        assert again.json == answer.json, "revoking again changes nothing"
        assert (await node.owner.get(path)).status == 200, "the other keys still work"


@pytest.mark.parametrize(
    "key_id", ["0123456789abcdef", "x", "%00", "%FF", "0123456789ABCDEF", "%F0%9F%94%A7", "a" * 3000]
)
async def test_revoking_what_is_no_key_is_404(node: Node, key_id: str) -> None:
    answer = await node.operator.call("DELETE", f"/api/v1/keys/{key_id}")
    assert (answer.status, answer.json["slug"]) == (404, "key-unknown")


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["role"]),
        ({"role": "king"}, ["role"]),
        ({"role": ["operator"]}, ["role"]),
        ({"role": "enterprise"}, ["enterprise_id"]),
        ({"role": "operator", "enterprise_id": 1}, ["enterprise_id"]),
        ({"role": "partner", "label": "a\nb", "expires_in_seconds": 0}, ["label", "expires_in_seconds"]),
        (
            {"role": "partner", "enterprise_id": 2**31, "expires_in_seconds": 2**40},
            ["enterprise_id", "expires_in_seconds"],
        ),
        ({"role": "partner", "expires_in_seconds": True, "colour": 1}, ["colour"]),
    ],
)
async def test_a_wrong_wish_for_a_key_is_explained(node: Node, body: dict[str, object], paths: list[str]) -> None:
    answer = await node.operator.post("/api/v1/keys", body)
    assert (answer.status, [one["path"] for one in answer.json["errors"]]) == (422, paths)
    unknown = await node.operator.post("/api/v1/keys", {"role": "enterprise", "enterprise_id": 99})
    assert (unknown.status, unknown.json["slug"]) == (404, "enterprise-unknown")


async def test_no_key_or_secret_is_left_in_the_database_the_log_or_the_metrics(
    node: Node, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api, key_id = await issued(node)
    await api.post("/api/v1/identifiers", item(f"{node.prefix}/x"))
    await api.post(
        "/api/v1/identifiers", {"identifier": f"{node.prefix}/k", "values": [text_value(1, "HS_SECKEY", "sesame")]}
    )
    await api.post(
        "/api/v1/identifiers", {"identifier": f"{node.prefix}/k", "values": [text_value(1, "HS_SECKEY", "other")]}
    )
    await node.anybody.with_key((api.key or "")[:-1] + "!").get(f"/api/v1/identifiers?prefix={node.prefix}")
    await node.operator.call("DELETE", f"/api/v1/keys/{key_id}")
    await api.get(f"/api/v1/identifiers?prefix={node.prefix}")
    await asyncio.sleep(0.3)
    secrets = [(key or "").split("_", 2)[2].encode() for key in (api.key, node.operator.key, node.owner.key)]
    connection = await asyncpg.connect(database)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for table in tables:
            rows = await connection.fetch(f'SELECT t::text AS line FROM "{table["tablename"]}" t')
            text = "\n".join(row["line"] for row in rows).encode()
            hexed = [secret.hex().encode() for secret in secrets]
            assert not any(secret in text for secret in secrets + hexed), table["tablename"]
            if table["tablename"] != "identifier":
                assert b"sesame" not in text, table["tablename"]
    finally:
        await connection.close()
    metrics = (await node.anybody.get("/metrics")).body
    log = "\n".join(record.getMessage() for record in caplog.records).encode()
    for place in (metrics, log):
        assert not any(secret in place for secret in secrets) and b"sesame" not in place
    assert node.prefix.encode() not in metrics, "identifiers are never labels"
