"""A resolution walks from the top level to the secondary node, and on to an enterprise's own node, by the Handle protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.handle.bodies import Resolve
from core.handle.codes import Code
from core.handle.reader import text
from core.handle.wire_value import WireValue, encode_values
from core.identifier import parse_identifier
from node.cli import options_of
from node.operations import keeper_of, monitor_of
from node.recurse_command import Walk, _said, lines, resolve_from
from resolver.recursion import Recursion
from sync.toplevel.app import signer_of
from sync.toplevel.handle_door import HandleDoor
from sync.toplevel.referral import answer
from sync.toplevel.takeovers import Wish, make_order
from tests.conformance.peering.test_operations import require_schema
from tests.conftest import Servers
from tests.harness import item
from tests.top_level_box import Peered, peered_here


def enterprise(request: Resolve, _flags: int) -> tuple[Code, bytes]:
    """The smallest node of an enterprise."""
    if request.handle.upper() != "88.118.9/OWN-1":
        return Code.HANDLE_NOT_FOUND, b""
    return Code.SUCCESS, text(request.handle) + encode_values((WireValue(1, "DESC", "企业节点".encode()),))


@pytest.fixture
async def peered(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[tuple[Peered, int]]:
    """A node that answers Handle clients, an enterprise's own node, and the box, which has heard of the node."""
    async with peered_here(database, servers, tmp_path, session) as found:
        top, own = HandleDoor(partial(answer, found.box.desk)), HandleDoor(enterprise)
        port, own_port = await top.open("127.0.0.1", 0), await own.open("127.0.0.1", 0)
        node = found.node
        interfaces = [{"query": True, "admin": False, "protocol": kind, "port": own_port} for kind in ("TCP", "UDP")]
        site = {"servers": [{"serverId": 1, "address": "127.0.0.1", "interfaces": interfaces}]}
        path = f"/api/v1/prefixes/{node.stranger_prefix}/hosting"
        hosted = await node.operator.put(path, {"hosting": "own-node", "site": site})
        assert hosted.status == 200, hosted.body
        assert (await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/A", "here"))).status == 201
        monitor = monitor_of(node.settings, found.pool)
        assert monitor is not None and await monitor.beat()
        await monitor.close()
        yield found, port
        await top.close()
        await own.close()


def way(walk: Walk) -> list[tuple[str, int | None]]:
    return [(hop.asked, hop.code) for hop in walk.hops]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_from_the_top_level_to_the_enterprise_end_to_end(peered: tuple[Peered, int], transport: str) -> None:
    _, port = peered
    top = ("127.0.0.1", port, transport)
    here = await resolve_from(top, "88.118.8/A")
    assert here.found and way(here) == [("0.NA/88.118.8", 1), ("88.118.8/A", 1)]
    there = await resolve_from(top, "88.118.9/OWN-1")
    assert there.found
    assert way(there) == [("0.NA/88.118.9", 1), ("88.118.9/OWN-1", 303), ("88.118.9/OWN-1", 1)]
    assert all(hop.milliseconds > 0 and hop.address.startswith(transport) for hop in there.hops)
    told = lines(_said(there, "88.118.9/OWN-1"))
    assert any("企业节点 enterprise node" in line for line in told) and "found 已解析" in told[-1]
    missing = await resolve_from(top, "88.118.8/none")
    assert not missing.found and way(missing)[-1] == ("88.118.8/none", 100)
    foreign = await resolve_from(top, "77.1/x")
    assert not foreign.found and way(foreign) == [("0.NA/77.1", 100)]


async def test_a_service_is_found_first_and_then_the_site_that_it_names(
    peered: tuple[Peered, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """As `biaojie recurse` and `biaojie handle resolve` do, and HTTP."""
    found, port = peered
    node = found.node
    path = f"/api/v1/prefixes/{node.stranger_prefix}/hosting"
    site = (await node.operator.get(f"/api/v1/prefixes?after={node.prefix}")).json["items"][0]["site"]
    value = {"index": 3, "type": "HS_SITE", "data": {"format": "site", "value": site}}
    service = {"identifier": "88.118.8/service", "values": [value]}
    assert (await node.owner.post("/api/v1/identifiers", service)).status == 201
    hosted = await node.operator.put(path, {"hosting": "own-node", "service": "88.118.8/service"})
    assert hosted.status == 200, hosted.body
    walk = await resolve_from(("127.0.0.1", port, "tcp"), "88.118.9/OWN-1")
    assert walk.found and way(walk) == [
        ("0.NA/88.118.9", 1), ("88.118.9/OWN-1", 302), ("0.NA/88.118.8", 1), ("88.118.8/service", 1), ("88.118.9/OWN-1", 1),
    ]  # fmt: skip

    async def run(*arguments: str) -> tuple[int, str]:
        options = options_of(["handle", "resolve", "88.118.9/OWN-1", *arguments])
        return await options.run(node.settings, options), capsys.readouterr().out

    status, said = await run()
    assert (
        status == 0
        and "企业节点" in said
        and f"← tcp://127.0.0.1:{site['servers'][0]['interfaces'][0]['port']}" in said
    )
    status, said = await run("--udp", "--json")
    assert (status, json.loads(said)["responseCode"]) == (0, 1) and json.loads(said)["answered_by"].startswith("udp")
    status, said = await run("--no-follow")
    assert status == 0 and "302" in said and "88.118.8/service" in said


async def test_who_asks_for_an_identifier_is_referred_and_nothing_else_is_answered(peered: tuple[Peered, int]) -> None:
    found, _ = peered
    desk = found.box.desk
    assert answer(desk, Resolve("88.118.8/A"), 0)[0] is Code.PREFIX_REFERRAL
    assert answer(desk, Resolve("88.1180.8/A"), 0)[0] is Code.NOT_RESPONSIBLE
    assert answer(desk, Resolve("0.NA/88"), 0)[0] is Code.HANDLE_NOT_FOUND
    assert answer(desk, Resolve("nothing at all"), 0)[0] is Code.HANDLE_INVALID
    recursion = Recursion(found.box.api.base_url, cache_bytes=0, private_addresses=True)
    resolved = await recursion.resolve(parse_identifier("88.118.8/A"))  # the same way by HTTP
    assert resolved.body is not None and len(resolved.way) == 2


async def test_a_node_that_is_taken_over_is_answered_for_at_once(peered: tuple[Peered, int]) -> None:
    found, port = peered
    keeper = keeper_of(found.node.settings, found.pool)
    assert keeper is not None
    await keeper.tick()
    await keeper.close()
    desk = found.box.desk
    account: Any = desk.store.one("account_of_client", client="sln-demo")
    make_order(desk, account, signer_of(desk.store), Wish("failure"))
    code, body = answer(desk, Resolve("88.118.8/a"), 0)
    assert code is Code.SUCCESS and b"here" in body
    assert answer(desk, Resolve("88.118.8/none"), 0)[0] is Code.HANDLE_NOT_FOUND
    assert port


async def test_the_bootstrap_registry_names_the_node(peered: tuple[Peered, int]) -> None:
    found, _ = peered
    served = await found.box.api.get("/iiidap/bootstrap.json")
    assert served.status == 200 and "max-age" in served.headers["Cache-Control"] and served.headers["Expires"]
    require_schema("bootstrap", served.json)
    assert served.json["services"] == [[["88.118"], [f"{found.node.settings.public_url}/iiidap/"]]]
