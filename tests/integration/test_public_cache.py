"""How long caches outside may keep an answer: by the TTL of what it stands on, where the operator allows it; never what is one
reader's, of one moment, or not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.values import HandleValue
from resolver.keeping import least_ttl
from tests.conftest import Servers
from tests.harness import Api, Node, at, settings_for, take_aboard, text_value, worker_here
from tests.integration.test_two_lanes import both

MOST = 600
HTML, JSON, ANY = "text/html", "application/json", "*/*"
URL = text_value(1, "URL", "https://example.com/", ttl=60)
LONG = text_value(2000, "NOTE", "long", ttl=3_000)
PLACES = (
    '<locations><location href="https://example.com/a"/><location href="https://example.com/b" weight="0"/></locations>'
)


@pytest.fixture
async def keeping(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> AsyncIterator[Node]:
    settings = settings_for(database, servers.redis_url, data_dir=scratch, public_cache_seconds=MOST)
    async with worker_here(settings) as base_url:
        yield await take_aboard(settings, Api(base_url, session))


async def make(node: Node, name: str, *values: dict[str, Any]) -> str:
    identifier = name if "/" in name else f"{node.prefix}/{name}"
    made = await node.operator.post("/api/v1/identifiers", {"identifier": identifier, "values": list(values)})
    assert made.status == 201, made.body
    return identifier


async def kept(node: Node, path: str, accept: str = JSON, *headers: str) -> str:
    """What both lanes say, twice: before and after it lies in memory."""
    first, again = [await both(node, f"GET {path}", f"Accept: {accept}", *headers) for _ in range(2)]
    assert first.headers.get("cache-control") == again.headers.get("cache-control")
    return first.headers["cache-control"]


def held_for(seconds: int) -> str:
    return f"public, max-age={seconds}"


async def test_an_answer_is_kept_for_the_least_ttl_of_what_it_stands_on(keeping: Node) -> None:
    plain = await make(keeping, "plain", LONG, text_value(2001, "SECRET", "x", ttl=1, visibility="private"))
    linked = await make(keeping, "linked", URL, LONG)
    late = await make(keeping, "late", URL | {"ttl": 3_000}, text_value(2000, "NOTE", "short", ttl=30))
    alias = await make(keeping, "alias", text_value(1, "HS_ALIAS", plain, ttl=20))
    for path in (f"/api/handles/{plain}", f"/{plain}"):
        assert await kept(keeping, path) == held_for(MOST), (
            "the setting bounds it; a value that is not shown does not count"
        )
    assert await kept(keeping, f"/api/handles/{linked}") == held_for(60)
    assert await kept(keeping, f"/api/handles/{linked}?type=NOTE&pretty") == held_for(MOST)
    for path in (f"/api/handles/{alias}", f"/{alias}"):
        assert await kept(keeping, path) == held_for(20), "it stands on the alias too"
    assert await kept(keeping, f"/{linked}", ANY) == held_for(60), "the redirect"
    assert await kept(keeping, f"/{late}", ANY) == held_for(MOST), "a redirect stands on the address alone"
    assert await kept(keeping, f"/{late}?linkType=linkset") == held_for(30)
    page = await keeping.anybody.get(f"/{linked}?noredirect", headers={"Accept": HTML})
    same = {"Accept": HTML, "If-None-Match": page.headers["ETag"]}
    unchanged = await keeping.anybody.get(f"/{linked}?noredirect", headers=same)
    assert (page.status, unchanged.status) == (200, 304)
    assert page.headers["Cache-Control"] == unchanged.headers["Cache-Control"] == held_for(60)
    assert await kept(keeping, f"/api/handles/{linked}", JSON, 'If-None-Match: "1"') == held_for(60)
    head = await both(keeping, f"HEAD /api/handles/{linked}", f"Accept: {JSON}")
    assert head.headers["cache-control"] == held_for(60)


async def test_a_link_of_gs1_is_kept_by_the_ttl_of_its_levels(keeping: Node) -> None:
    given = {"enterprise_id": 1, "scheme": "gs1", "prefix": "9506000"}
    assert (await keeping.operator.post("/api/v1/prefixes", given)).status == 201
    pip = text_value(2, "gs1:pip", "https://example.com/p", ttl=300)
    await make(keeping, "01/09506000134352", URL | {"ttl": 120}, pip)
    await make(keeping, "01/09506000134352/10/L1", pip | {"ttl": 45})
    for path, seconds in (("", 120), ("?linkType=gs1:pip", 120), ("/10/L1", 45), ("/10/L2?linkType=all", 120)):
        assert await kept(keeping, f"/01/09506000134352{path}", ANY) == held_for(seconds)
    assert await kept(keeping, "/01/09506000134352?linkType=gs1:none", ANY) == "no-cache", "a link that is not there"


async def test_what_is_of_one_reader_or_moment_is_asked_for_each_time(keeping: Node) -> None:
    plain = await make(keeping, "plain", LONG)
    gone, nil = await make(keeping, "gone", LONG), await make(keeping, "nil", LONG, URL | {"ttl": 0})
    secret = await make(keeping, "secret", text_value(1, "A", "x", visibility="private"))
    places = await make(keeping, "places", text_value(1, "10320/loc", PLACES))
    withdrawn = await keeping.owner.post(f"/api/v1/identifiers/{at(gone)}/withdraw", {"reason": "报废"})
    assert withdrawn.status == 200
    await kept(keeping, f"/api/handles/{plain}")  # lies ready, with its TTL
    for door in ("/api/handles/", "/"):
        for query in ("?min_version=1", "?auth=true", "?info"):
            assert await kept(keeping, f"{door}{plain}{query}") == "no-cache"
        assert await kept(keeping, f"{door}{plain}", JSON, "If-Version-At-Least: 1") == "no-cache"
        assert await kept(keeping, f"{door}{gone}") == "no-cache"
        assert await kept(keeping, f"{door}{nil}") == "no-cache"
        assert await kept(keeping, f"{door}{secret}") == "no-cache", "nothing says how long there is nothing to see"
        assert await kept(keeping, f"{door}{keeping.prefix}/none") == "no-store"
        assert await kept(keeping, f"{door}99.1/x") == "no-store"
        key = f"Authorization: Bearer {keeping.partner.key}"
        assert await kept(keeping, f"{door}{plain}", JSON, key) == "private, no-store"
        explained = await keeping.anybody.get(f"{door}{plain}?explain")  # says how old it is: never twice the same
        assert explained.headers["Cache-Control"] == "no-store"
    assert await kept(keeping, f"/{nil}", ANY) == "no-cache"
    assert await kept(keeping, f"/{places}", ANY) == "no-cache", "chance decides each time"
    batch = await keeping.anybody.post("/api/v1/resolve", [plain])
    assert batch.headers["Cache-Control"] == "no-cache"


async def test_the_page_of_a_suspended_prefix_is_not_kept(keeping: Node) -> None:
    plain, html = await make(keeping, "plain", LONG), {"Accept": HTML}
    assert (await keeping.anybody.get(f"/{plain}", headers=html)).headers["Cache-Control"] == held_for(MOST)
    held = await keeping.operator.post(f"/api/v1/prefixes/{keeping.prefix}:suspend", {"reason": "整改"})
    assert held.status == 200
    page = await keeping.anybody.get(f"/{plain}", headers=html)
    assert "整改" in page.body.decode() and page.headers["Cache-Control"] == "no-cache"


async def test_a_cache_gives_no_reader_the_answer_of_another(node: Node) -> None:
    """Without the setting too: a held answer is found again only by requests that name the same fields."""
    made = await make(node, "plain", LONG, URL)
    for path, accept in ((f"/api/handles/{made}", JSON), (f"/{made}", ANY), (f"/{made}?linkType=linkset", ANY)):
        said = await both(node, f"GET {path}", f"Accept: {accept}")
        varies = {field.strip() for field in said.headers["vary"].split(",")}
        assert varies >= {"Accept", "Accept-Language", "Authorization", "If-Version-At-Least"}
        assert said.headers["cache-control"] == "no-cache"


async def test_a_problem_is_kept_by_nobody(node: Node) -> None:
    """A cache may keep a 404, 405 or 410 that says nothing by a rule of its own, and then hide a registration."""
    for path in (f"/api/handles/{node.prefix}/none", f"/{node.prefix}/none", "/01/09506000134352", "/88.118.8"):
        assert await kept(node, path) == "no-store"
        page = await node.anybody.get(path, headers={"Accept": HTML})
        assert page.status >= 400 and page.headers["Cache-Control"] == "no-store"
    refused = await node.anybody.call("DELETE", "/api/v1/resolve")
    assert (refused.status, refused.headers["Cache-Control"]) == (405, "no-store")


def test_what_ends_at_a_fixed_time_is_asked_for_each_time() -> None:
    """It comes nearer, and the header fields of an answer are made once."""
    lasting = HandleValue(1, "A", "x", ttl_seconds=60)
    assert least_ttl([lasting, HandleValue(2, "B", "y")]) == 60
    assert least_ttl([lasting, HandleValue(2, "B", "y", expires_at=2**31)]) == least_ttl([]) == 0
