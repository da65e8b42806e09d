"""Foreign identifiers resolved onwards, against small servers that speak the protocol; none of them can hurt the node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.errors import IdentifierUnknown, RecursionFailed
from core.handle.bodies import Resolve, decode_valued
from core.handle.codes import Code, Flag, Op
from core.identifier import parse_identifier
from node.handle_client import HandleConnection, request
from resolver.foreign_items import ask_onwards
from resolver.recursion import MAX_BYTES, MAX_HOPS, Recursion
from tests.conftest import Servers
from tests.harness import Api, settings_for, take_aboard, worker_here

NAME = parse_identifier("20.500.1/x y")
FOUND = {
    "responseCode": 1, "handle": str(NAME),
    "values": [
        {"index": 1, "type": "URL", "data": {"format": "string", "value": "https://example.com/"}, "ttl": 60},
        {
            "index": 2, "type": "DESC", "data": {"format": "string", "value": "there"}, "ttl": "2100-01-01T00:00:00Z",
            "references": [{"handle": "20.500.1/y", "index": 3}],
        },
    ],
}  # fmt: skip
Say = Callable[[web.Request], Any]


class Peers:
    """Servers of the test; each counts how often it was asked."""

    def __init__(self) -> None:
        self.stack = AsyncExitStack()
        self.asked: list[str] = []

    async def start(self, say: Say) -> str:
        async def answer(request: web.Request) -> web.StreamResponse:
            self.asked.append(request.path)
            said = say(request)
            if asyncio.iscoroutine(said):
                said = await said
            if isinstance(said, web.StreamResponse):
                return said
            return web.json_response(said, status=300 if said.get("responseCode") == 303 else 200)

        app = web.Application()
        app.router.add_get("/api/handles/{name:.+}", answer)
        server = await self.stack.enter_async_context(TestServer(app))
        return f"http://127.0.0.1:{server.port}"


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    made = Peers()
    async with made.stack:
        yield made


def referral(url: str) -> dict[str, Any]:
    interface = {"query": True, "protocol": "HTTP", "port": int(url.rpartition(":")[2])}
    site = {"servers": [{"address": "127.0.0.1", "interfaces": [interface]}]}
    return {"responseCode": 303, "values": [{"type": "HS_SITE", "data": {"format": "site", "value": site}}]}


def recursion(top: str, **more: Any) -> Recursion:
    return Recursion(top, **({"cache_bytes": 100_000, "private_addresses": True} | more))


async def test_the_node_follows_the_referral_and_says_which_way(
    peers: Peers, database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    there = await peers.start(lambda request: FOUND)
    top = await peers.start(lambda request: referral(there))
    settings = settings_for(
        database,
        servers.redis_url,
        data_dir=scratch,
        recursion=True,
        top_level_url=top,
        recursion_private_addresses=True,
    )
    async with worker_here(settings) as base_url:
        anybody = Api(base_url, session)
        for lane in ({}, {"TE": "trailers"}):
            found = await anybody.get("/api/handles/20.500.1/x%20y", headers=lane)
            assert (found.status, found.json) == (200, FOUND)
        assert peers.asked == ["/api/handles/20.500.1/x y"] * 2, "one question each, then from the cache"
        assert (await anybody.get("/20.500.1/x%20y", headers={"Accept": "application/json"})).json == FOUND
        some = await anybody.get("/api/handles/20.500.1/x%20y?index=2")
        assert [value["type"] for value in some.json["values"]] == ["DESC"]
        told = await anybody.get("/api/handles/20.500.1/x%20y?explain")
        assert [step["site"] for step in told.json["referral"]] == [top, there]
        assert (await anybody.get("/api/handles/88.118.77/x")).status == 404, "ours to know: nobody is asked"
        names = ["20.500.1/x y", "88.118.77/x", "no slash", "20.500.1/x y"]
        batch = (await anybody.post("/api/v1/resolve", {"identifiers": names})).json["items"]
        assert [one["status"] for one in batch] == ["found", "unknown", "malformed", "found"]
        assert batch[0] == {"identifier": names[0], "status": "found", "answered_by": "recursion", **FOUND}


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SITE, LEAFLET = "https://example.com/", "https://example.com/leaflet"
LINKED = {
    "responseCode": 1, "handle": "20.500.1/linked",
    "values": [
        {"index": 1, "type": "TITLE", "data": {"format": "string", "value": "六角螺栓 <b>M8</b>"}, "ttl": 60},
        {"index": 2, "type": "gs1:pip", "data": {"format": "string", "value": LEAFLET}, "ttl": 60},
        {"index": 3, "type": "COST", "data": {"format": "string", "value": "secret-cost"}, "permissions": "1100", "ttl": 60},
        {"index": "four", "type": [], "data": 5}, 6,
    ],
}  # fmt: skip


async def test_a_foreign_identifier_has_the_forms_of_an_own_one(
    peers: Peers, database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    there = await peers.start(lambda request: LINKED if request.path.endswith("linked") else FOUND)
    top = await peers.start(
        lambda request: {"responseCode": 100} if request.path.endswith("nobody") else referral(there)
    )
    settings = settings_for(
        database,
        servers.redis_url,
        data_dir=scratch,
        recursion=True,
        top_level_url=top,
        recursion_private_addresses=True,
        public_cache_seconds=600,
    )
    async with worker_here(settings) as base_url:
        node = await take_aboard(settings, Api(base_url, session))
        anybody, named, linked = node.anybody, "/20.500.1/x%20y", "/20.500.1/linked"
        for accept in ("*/*", "application/json", "text/html"):
            for query in ("", "?noredirect"):
                kept = (await anybody.get(named + query, headers={"Accept": accept})).headers["Cache-Control"]
                assert 50 <= int(kept.removeprefix("public, max-age=")) <= 60, "what is left of the TTL"
                asked = {"Accept": accept, "If-Version-At-Least": "1"}
                assert (await anybody.get(named + query, headers=asked)).headers["Cache-Control"] == "no-cache"
        for headers in (BROWSER, {"Accept": "*/*"}):
            moved = await anybody.get(named, headers=headers)
            assert (moved.status, moved.headers["Location"]) == (302, SITE)
        for language, words in (("zh-CN", "未经本节点核验"), ("en", "has not verified it")):
            page = await anybody.get(f"{named}?noredirect", headers=BROWSER | {"Accept-Language": language})
            assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
            assert all(word in page.body.decode() for word in (words, top, there, SITE, "20.500.1/x y"))
            again = BROWSER | {"Accept-Language": language, "If-None-Match": page.headers["ETag"]}
            assert (await anybody.get(f"{named}?noredirect", headers=again)).status == 304
        shown = (await anybody.get(linked, headers=BROWSER)).body.decode()
        assert "六角螺栓 &lt;b&gt;M8" in shown and "secret-cost" not in shown
        links = await anybody.get(linked, headers={"Accept": "application/linkset+json"})
        assert links.json["linkset"][0]["https://ref.gs1.org/voc/pip"][0]["href"] == LEAFLET
        moved = await anybody.get(f"{linked}?linkType=gs1:pip", headers=BROWSER)
        assert (moved.status, moved.headers["Location"]) == (307, f"{LEAFLET}?linkType=gs1:pip")
        assert (await anybody.get(f"{linked}?info", headers=BROWSER)).json["site"] == there
        unknown = await anybody.get("/20.500.1/nobody", headers=BROWSER | {"Accept-Language": "zh"})
        assert (unknown.status, unknown.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        alias = {"index": 1, "type": "HS_ALIAS", "data": {"format": "string", "value": "20.500.1/linked"}}
        wish = {"identifier": f"{node.prefix}/alias", "values": [alias]}
        assert (await node.owner.post("/api/v1/identifiers", wish)).status == 201
        followed = await anybody.get(f"/{node.prefix}/alias", headers={"Accept": "application/json"})
        assert followed.headers["Cache-Control"] == "no-cache", "the alias may be turned"
        assert followed.json["handle"] == "20.500.1/linked", "where the alias leads is asked for, not the alias"
        names = [f"{node.prefix}/alias", "20.500.1/nobody", "20.500.1/linked"]
        batch = (await anybody.post("/api/v1/resolve", names)).json["items"]
        assert [one["status"] for one in batch] == ["found", "unknown", "found"], "in a batch too"
        assert batch[0] == batch[2] | {"identifier": names[0]} and batch[0]["handle"] == "20.500.1/linked"
        kept = (await anybody.post("/api/v1/resolve?ignore_aliases=1", names[:1])).json["items"]
        assert [value["type"] for value in kept[0]["values"]] == ["HS_ALIAS"]


async def test_a_top_level_that_cannot_be_asked_is_told_to_people_on_a_page(
    peers: Peers, database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    top = await peers.start(lambda _: web.Response(status=500, body=b"oops"))
    settings = settings_for(database, servers.redis_url, data_dir=scratch, recursion=True, top_level_url=top)
    async with worker_here(settings) as base_url:
        for language, words in (("zh-CN", "递归解析失败"), ("en", "Another node could not be asked")):
            failed = await Api(base_url, session).get("/20.500.1/x", headers=BROWSER | {"Accept-Language": language})
            assert (failed.status, failed.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
            assert words in failed.body.decode() and "oops" not in failed.body.decode()


async def test_without_the_setting_a_foreign_prefix_is_refused(
    peers: Peers, database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    top = await peers.start(lambda request: FOUND)
    settings = settings_for(database, servers.redis_url, data_dir=scratch, top_level_url=top)
    async with worker_here(settings) as base_url:
        refused = await Api(base_url, session).get("/api/handles/20.500.1/x")
        assert (refused.status, refused.json["responseCode"], peers.asked) == (400, 301, [])


async def test_what_is_not_there_is_remembered_for_a_moment(peers: Peers) -> None:
    onward = recursion(await peers.start(lambda request: {"responseCode": 100}))
    for _ in range(3):
        with pytest.raises(IdentifierUnknown):
            await onward.resolve(NAME)
    assert len(peers.asked) == 1


@pytest.mark.parametrize(("ttl", "asked"), [("2001-09-09T01:46:40Z", 2), ("2100-01-01T00:00:00Z", 1), (0, 2), (60, 1)])
async def test_what_ended_at_a_time_gone_by_is_not_kept(peers: Peers, ttl: int | str, asked: int) -> None:
    said = FOUND | {"values": [FOUND["values"][0] | {"ttl": ttl}]}
    onward = recursion(await peers.start(lambda request: said))
    assert [(await onward.resolve(NAME)).body for _ in range(2)] == [said] * 2, "answered all the same"
    assert len(peers.asked) == asked


async def test_many_at_once_ask_once(peers: Peers) -> None:
    async def slowly(_: web.Request) -> Any:
        await asyncio.sleep(0.05)
        return FOUND

    onward = recursion(await peers.start(slowly))
    found = await asyncio.gather(*(onward.resolve(NAME) for _ in range(50)))
    assert len(peers.asked) == 1 and all(one.body == FOUND for one in found)


async def test_a_batch_is_asked_onwards_some_at_a_time_each_item_for_itself(peers: Peers) -> None:
    busy = most = 0

    async def slowly(request: web.Request) -> Any:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.01)
        busy -= 1
        return {"responseCode": 100} if request.path.endswith("7") else FOUND

    onward = recursion(await peers.start(slowly))
    asked = {number: parse_identifier(f"20.500.1/n{number}") for number in range(100)}
    said = await ask_onwards(onward, asked)
    assert sorted(said) == list(range(100)) and 1 < most <= 16
    assert all(isinstance(said[number], IdentifierUnknown) is (number % 10 == 7) for number in asked)


async def test_referrals_end(peers: Peers) -> None:
    urls: list[str] = []

    def next_of(number: int) -> Say:
        return lambda request: referral(urls[number + 1])

    for number in range(MAX_HOPS + 2):
        urls.append(await peers.start(next_of(number)))
    with pytest.raises(RecursionFailed):
        await recursion(urls[0]).resolve(NAME)
    assert len(peers.asked) == MAX_HOPS
    peers.asked.clear()
    itself: list[str] = []
    itself.append(await peers.start(lambda request: referral(itself[0])))
    with pytest.raises(RecursionFailed):
        await recursion(itself[0]).resolve(NAME)
    assert len(peers.asked) == 1


async def test_private_addresses_are_not_connected_to(peers: Peers) -> None:
    there = await peers.start(lambda request: FOUND)
    onward = recursion(await peers.start(lambda request: referral(there)), private_addresses=False)
    with pytest.raises(RecursionFailed):
        await onward.resolve(NAME)
    assert len(peers.asked) == 1, "the top level only, which the operator named"


@pytest.mark.parametrize(
    "said",
    [
        lambda request: web.Response(body=b" " * (MAX_BYTES + 1)),
        lambda request: web.Response(body=b"not json"),
        lambda request: web.Response(body=b"[]"),
        lambda request: {"responseCode": 1, "values": {}},
        lambda request: {"responseCode": 303, "values": [{"type": "HS_SITE", "data": {"value": {"servers": [7]}}}, 8]},
        lambda request: {"responseCode": 303, "values": []},
        lambda request: {"responseCode": 2},
        lambda request: web.Response(status=302, headers={"Location": "http://127.0.0.1/"}),
    ],
)
async def test_a_peer_that_talks_nonsense_costs_an_error_and_no_more(peers: Peers, said: Say) -> None:
    onward = recursion(await peers.start(said))
    with pytest.raises(RecursionFailed):
        await onward.resolve(NAME)
    assert onward._used == 0 and not onward._flights


async def test_a_peer_that_hangs_is_given_up_and_then_left_alone(peers: Peers) -> None:
    async def never(_: web.Request) -> Any:
        await asyncio.sleep(60)

    onward = recursion(await peers.start(never))
    names = [parse_identifier(f"20.500.1/{number}") for number in range(3)]
    async with asyncio.timeout(4):
        ends = await asyncio.gather(*map(onward.resolve, names), return_exceptions=True)
        assert all(isinstance(end, RecursionFailed) for end in ends)
    before = len(peers.asked)
    with pytest.raises(RecursionFailed, match="lately"):
        await onward.resolve(NAME)
    assert len(peers.asked) == before


async def test_what_is_kept_is_bounded_in_bytes(peers: Peers) -> None:
    onward = recursion(await peers.start(lambda request: FOUND), cache_bytes=5_000)
    for number in range(40):
        await onward.resolve(parse_identifier(f"20.500.1/{number}"))
    assert 0 < onward._used <= 5_000 and 0 < len(onward._kept) < 10
    assert onward._used == sum(size for _, size, _ in onward._kept.values())


async def test_a_handle_client_is_resolved_onwards_where_it_asks_for_it(
    peers: Peers, database: str, servers: Servers, scratch: Path
) -> None:
    top = await peers.start(lambda _: FOUND)
    settings = settings_for(database, servers.redis_url, data_dir=scratch, recursion=True, top_level_url=top)
    async with worker_here(settings), HandleConnection("127.0.0.1", settings.handle_port) as connection:
        for flags, types, code, indexes in (
            (Flag.PUBL, (), Code.NOT_RESPONSIBLE, []),
            (Flag.PUBL | Flag.RECU, (), Code.SUCCESS, [1, 2]),
            (Flag.PUBL | Flag.RECU, ("URL",), Code.SUCCESS, [1]),
            (Flag.PUBL | Flag.RECU, ("X",), Code.VALUES_NOT_FOUND, []),
        ):
            asked = request(Op.RESOLVE, Resolve(str(NAME), (), types).encode(), flags=int(flags))
            [answer] = await connection.ask(asked)
            assert answer.header.code == code
            if indexes:
                values = decode_valued(answer.body).values
                assert [value.index for value in values] == indexes
                assert [(value.ttl_type, value.ttl, value.references) for value in values] == [
                    (0, 60, ()), (1, 4_102_444_800, (("20.500.1/y", 3),)),
                ][: len(indexes)]  # fmt: skip


async def test_a_service_is_looked_up_from_the_top_and_its_site_asked(peers: Peers) -> None:
    there = await peers.start(lambda request: FOUND)
    named = {"type": "HS_SERV", "data": {"format": "string", "value": "20.500.9/service"}}

    def top(request: web.Request) -> dict[str, Any]:
        if request.path.endswith("/service"):
            return referral(there) | {"responseCode": 1}
        return {"responseCode": 302, "handle": str(NAME), "values": [named]}

    base = await peers.start(top)
    found = await recursion(base).resolve(NAME)
    assert found.body == FOUND and found.way == (base, base, there)
    assert peers.asked[1] == "/api/handles/20.500.9/service"


async def test_a_service_that_names_itself_ends(peers: Peers) -> None:
    named = {"type": "HS_SERV", "data": {"format": "string", "value": str(NAME)}}
    base = await peers.start(lambda request: {"responseCode": 302, "values": [named]})
    with pytest.raises(RecursionFailed, match="do not end"):
        await recursion(base).resolve(NAME)
    assert len(peers.asked) == 1


async def test_the_node_that_the_bootstrap_registry_names_is_asked_first(peers: Peers) -> None:
    there = await peers.start(lambda request: FOUND)
    top = await peers.start(lambda request: referral(there))
    found = await recursion(top, responsible=lambda prefix: there if prefix == NAME.prefix else None).resolve(NAME)
    assert found.body == FOUND and found.way == (there,)
    wrong = await peers.start(lambda request: web.Response(status=404, text="no resolver here"))
    for answer in (wrong, "http://127.0.0.1:9", None, top):
        way = (await recursion(top, responsible=lambda _, answer=answer: answer).resolve(NAME)).way
        assert way[-2:] == (top, there) and len(way) == (3 if answer in (wrong, "http://127.0.0.1:9") else 2)
    private = recursion(top, responsible=lambda _: there, private_addresses=False)
    with pytest.raises(RecursionFailed):  # no more is believed of it than of a referral
        await private.resolve(NAME)
