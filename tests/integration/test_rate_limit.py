"""Requests per second: the script in Redis decides as the arithmetic says, and both lanes refuse and tell alike."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.errors import RateLimited
from core.quota import Kind, Rate, Subject, spend
from core.rate_limit import RATE_FIELDS, RateLimiter
from tests.conftest import Servers
from tests.harness import Api, Node, at, item, settings_for, take_aboard, until, worker_here

_START = 1_700_000_000_000_000


@pytest.fixture
async def node(database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path) -> AsyncIterator[Node]:
    """A node that waits for Redis longer than a busy machine makes it wait: here every call is to be decided."""
    settings = settings_for(database, servers.redis_url, data_dir=scratch, quota_timeout_milliseconds=1_000)
    async with worker_here(settings) as base_url:
        yield await take_aboard(settings, Api(base_url, session))


def limiter_of(servers: Servers, timeout_seconds: float = 5.0) -> RateLimiter:
    return RateLimiter(servers.redis_url, f"test-{random.getrandbits(64):x}", timeout_seconds=timeout_seconds)


async def test_the_script_decides_as_the_arithmetic(servers: Servers) -> None:
    limiter, chance = limiter_of(servers), random.Random(5)
    rates = [
        Rate(Subject(Kind.KEY, n), chance.choice((1, 7, 1000, 33_333)), chance.choice((1, 3, 50))) for n in range(4)
    ]
    paid: dict[Subject, int] = {}
    now = _START
    for _ in range(60):
        now += chance.choice((0, 1, 100, 50_000, 1_000_000))
        asked = [tuple(chance.sample(rates, chance.choice((1, 2)))) for _ in range(chance.randrange(1, 20))]
        expected = []
        for group in asked:
            tried = [spend(paid.get(rate.subject, 0), now, rate) for rate in group]
            good = all(allowed for allowed, _ in tried)
            for rate, (allowed, paid_at) in zip(group, tried, strict=True):
                if good:
                    paid[rate.subject] = paid_at
                elif allowed:
                    tried[group.index(rate)] = (allowed, paid_at - rate.interval)
            expected.append((good, tuple(paid_at - now for _, paid_at in tried)))
        assert await limiter.spend(asked, now) == expected
    await limiter.close()


async def test_many_at_once_never_get_more_than_the_burst(servers: Servers) -> None:
    """On several workers, by the clock of Redis; a rate of one a second adds nothing meanwhile that could hide a mistake."""
    workers = [limiter_of(servers) for _ in range(3)]
    for worker in workers[1:]:
        worker._prefix = workers[0]._prefix
    rates = (Rate(Subject(Kind.ENTERPRISE, 1), 1, 100),)

    async def one(worker: RateLimiter) -> bool:
        try:
            await worker.admit(rates)
        except RateLimited as refused:
            assert int(refused.headers["Retry-After"]) >= 1
            return False
        return True

    passed = await asyncio.gather(*(one(workers[number % 3]) for number in range(900)))
    assert 100 <= sum(passed) <= 105
    for worker in workers:
        await worker.close()


async def test_without_redis_calls_pass_and_the_answer_says_so(caplog: pytest.LogCaptureFixture) -> None:
    limiter = RateLimiter("redis://127.0.0.1:1", "nobody", timeout_seconds=0.05)
    rates = (Rate(Subject(Kind.KEY, 1), 1, 1),)
    for _ in range(50):
        await limiter.admit(rates)
        assert (RATE_FIELDS.get() or {})["RateLimit-Policy"].endswith(";enforced=?0")
    assert len([line for line in caplog.records if "not limited" in line.message]) == 1, "one line, not one a request"
    await limiter.close()


async def key_with(node: Node, limits: dict[str, Any]) -> tuple[Api, str]:
    made = (await node.operator.post("/api/v1/keys", {"role": "enterprise", "enterprise_id": 1})).json
    assert (await node.operator.put(f"/api/v1/quotas/keys/{made['key_id']}", limits)).status == 200
    return node.anybody.with_key(made["key"]), made["key_id"]


async def test_every_door_refuses_and_tells(node: Node) -> None:
    name = f"{node.prefix}/x"
    key, _ = await key_with(node, {"requests_per_second": 1, "burst": 5})
    first = await key.post("/api/v1/identifiers", item(name))  # the fast lane
    assert first.status == 201
    assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("5", "4")
    assert first.headers["RateLimit-Policy"] == '5;w=5;rate=1;subject="key"'
    seen = [await key.get(f"/api/v1/identifiers?prefix={node.prefix}"), await key.get(f"/api/handles/{name}")]
    seen += [await key.get(f"/api/v1/export?prefix={node.prefix}"), await key.get("/snms/api/prefix/page")]
    assert [one.status for one in seen] == [200] * 4
    left = [int(one.headers["RateLimit-Remaining"]) for one in seen]
    assert left[0] <= 3 and all("RateLimit-Reset" in one.headers for one in seen)

    async def drained() -> bool:
        return (await key.get("/api/v1/keys")).status == 429

    await until(drained, 5)
    calls = [
        key.post("/api/v1/identifiers", item(name)),
        key.post("/api/v1/identifiers:batch", {"items": [item(name)]}),
        key.get(f"/api/handles/{name}"),
        key.get("/" + at(name)),
        key.get(f"/api/v1/identifiers?prefix={node.prefix}"),
        key.call("POST", f"/api/v1/bulk-jobs?prefix={node.prefix}", raw=b"identifier,1:A\nx,y\n"),
    ]
    for refused in await asyncio.gather(*calls):
        assert (refused.status, refused.json["slug"]) == (429, "rate-limited")
        assert refused.headers["RateLimit-Remaining"] == "0" and int(refused.headers["Retry-After"]) >= 1
    snms = await key.post("/identityv2/data", {})
    assert (snms.status, snms.json["status"], snms.json["error"]) == (200, -2, "rate-limited")
    assert "Retry-After" in snms.headers and snms.headers["RateLimit-Remaining"] == "0"


async def test_who_has_no_limit_is_told_of_none_even_on_a_shared_connection(node: Node) -> None:
    """The fields of one request must not stick to the next one of the same connection."""
    key, key_id = await key_with(node, {"requests_per_second": 1000})
    assert "RateLimit-Limit" in (await key.get("/api/v1/keys")).headers
    name = f"{node.prefix}/y"
    for path in (f"/api/handles/{name}", "/healthz", "/api/v1/openapi.json"):
        assert "RateLimit-Limit" not in (await node.anybody.get(path)).headers
    for path in (f"/api/v1/identifiers?prefix={node.prefix}", f"/api/handles/{name}"):
        assert "RateLimit-Limit" not in (await node.owner.get(path)).headers
    await node.operator.put(f"/api/v1/quotas/keys/{key_id}", {})
    assert "RateLimit-Limit" not in (await key.get("/api/v1/keys")).headers, "lifted at once on this worker"


async def test_keys_of_an_enterprise_share_its_rate(node: Node) -> None:
    made = (await node.operator.post("/api/v1/keys", {"role": "writer", "enterprise_id": 1})).json
    other = node.anybody.with_key(made["key"])
    limits = {"requests_per_second": 1, "burst": 10}
    assert (await node.operator.put("/api/v1/quotas/enterprises/1", limits)).status == 200
    path = f"/api/v1/identifiers?prefix={node.prefix}"
    answers = await asyncio.gather(*((node.owner, other)[number % 2].get(path) for number in range(60)))
    assert 10 <= sum(answer.status == 200 for answer in answers) <= 14
    assert (await node.stranger.get(f"/api/v1/identifiers?prefix={node.stranger_prefix}")).status == 200
    assert (await node.operator.get(path)).status == 200
