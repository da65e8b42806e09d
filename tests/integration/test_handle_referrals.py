"""Where Handle clients are sent: the records of prefixes at own nodes, what lies below them, and what must not be answered."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.handle.bodies import Named, Resolve, Valued, decode_valued
from core.handle.codes import Code, Flag, Op
from core.handle.credential import MAC, Credential
from core.handle.envelope import Envelope
from core.handle.message import Message
from core.handle.site import decode_site
from node.handle_client import HandleConnection, request
from resolver.handle.sessions import SESSION_BIT
from tests.conftest import Servers
from tests.harness import Node, settings_for, worker_here
from tests.integration.test_recursion import FOUND, Peers

HOST, PUBLIC = "127.0.0.1", int(Flag.PUBL)
INTERFACES = [{"query": True, "admin": False, "protocol": "TCP", "port": 2641}]
SITE = {"servers": [{"address": "192.0.2.7", "interfaces": INTERFACES}]}


@pytest.fixture
async def connection(node: Node) -> AsyncIterator[HandleConnection]:
    async with HandleConnection(HOST, node.settings.handle_port) as opened:
        yield opened


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    made = Peers()
    async with made.stack:
        yield made


async def told(connection: HandleConnection, name: str, flags: int = PUBLIC, **more: Any) -> tuple[int, Valued | None]:
    [answer] = await connection.ask(request(Op.RESOLVE, Resolve(name).encode(), flags=flags, **more))
    code = answer.header.code
    readable = code in (Code.SUCCESS, Code.SERVICE_REFERRAL, Code.PREFIX_REFERRAL)
    return code, decode_valued(answer.body) if readable else None


async def host(node: Node, prefix: str, **hosting: Any) -> None:
    done = await node.operator.put(f"/api/v1/prefixes/{prefix}/hosting", {"hosting": "own-node", **hosting})
    assert done.status == 200, done.body


async def test_the_record_of_a_prefix_says_where_it_is_answered(node: Node, connection: HandleConnection) -> None:
    """Clients ask the parent for it; the own node, which need not have it, only for what lies below."""
    prefix = node.stranger_prefix
    await host(node, prefix, site=SITE)
    for name in (f"0.NA/{prefix}", prefix):
        for flags in (PUBLIC, PUBLIC | Flag.DNRF):
            code, said = await told(connection, name, flags)
            assert code == Code.SUCCESS and said and said.handle == name
            [value] = said.values
            assert (value.type, decode_site(value.data).servers[0].address[12:]) == ("HS_SITE", bytes([192, 0, 2, 7]))
    await host(node, prefix, service=f"{node.prefix}/service")
    code, said = await told(connection, f"0.NA/{prefix}")
    assert code == Code.SUCCESS and said
    assert [(value.type, value.data) for value in said.values] == [("HS_SERV", f"{node.prefix}/service".encode())]
    stopped = {"reason": "unlawful content", "stop_answering": True}
    assert (await node.operator.post(f"/api/v1/prefixes/{prefix}:suspend", stopped)).status == 200
    assert (await told(connection, f"0.NA/{prefix}"))[0] == Code.NOT_RESPONSIBLE


async def test_below_a_prefix_with_a_service_its_name_is_told(node: Node, connection: HandleConnection) -> None:
    service = f"{node.prefix}/service"
    await host(node, node.stranger_prefix, service=service)
    assert await told(connection, f"{node.stranger_prefix}/x") == (Code.SERVICE_REFERRAL, Valued(service, ()))
    code, said = await told(connection, f"0.NA/{node.stranger_prefix}.7")
    assert code == Code.PREFIX_REFERRAL and said and said.handle == ""
    assert [(value.type, value.data) for value in said.values] == [("HS_SERV.PREFIX", service.encode())]


async def test_old_clients_know_one_referral_alone(node: Node, connection: HandleConnection) -> None:
    """Before 2.5 the number 303 was that of a server that takes no changes."""
    await host(node, node.stranger_prefix, site=SITE)
    for minor, code, kind in ((3, Code.SERVICE_REFERRAL, "HS_SITE"), (7, Code.PREFIX_REFERRAL, "HS_SITE.PREFIX")):
        spoken = Envelope(minor=minor, suggested_minor=minor)
        for name in (f"{node.stranger_prefix}/x", f"0.NA/{node.stranger_prefix}.7"):
            found, said = await told(connection, name, envelope=spoken)
            assert found == code and said and said.handle == ""
            assert [value.type for value in said.values] == [kind]


async def test_what_cannot_be_read_is_answered_in_time_and_by_its_operation(connection: HandleConnection) -> None:
    """Clients pass over answers whose time is past: they would never begin another session."""
    asked = request(Op.DELETE, Named("88.118.8/x").encode(), session=SESSION_BIT | 7)
    unknown = replace(asked, credential=Credential(MAC, "HMAC-SHA256", bytes(32), 5).encode())
    site = (await connection.ask(request(Op.SITE_INFO, Named("/").encode())))[0].header.serial

    async def answered(message: Message) -> Message:
        [answer] = await connection.ask(message)
        assert answer.header.expires > time.time() + 60 and answer.header.serial == site
        return answer

    gone = await answered(unknown)
    assert (gone.header.code, gone.header.op) == (Code.SESSION_TIMEOUT, Op.DELETE)
    squeezed = await answered(replace(asked, envelope=replace(asked.envelope, options=0x80)))
    assert (squeezed.header.code, squeezed.header.op) == (Code.UNSUPPORTED, Op.DELETE)
    sealed = await answered(replace(asked, envelope=replace(asked.envelope, options=0x40)))
    assert (sealed.header.code, sealed.header.op) == (Code.SESSION_TIMEOUT, 0)
    await connection.send_octets(Envelope(length=300_000, request_id=6).encode())
    too_long = await connection.read()
    assert too_long.header.code == Code.PROTOCOL_ERROR and too_long.header.expires > time.time() + 60


async def test_prefix_records_are_asked_for_onwards_and_no_further_than_it_makes_sense(
    peers: Peers, database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    top = await peers.start(lambda request: FOUND)
    more = {"data_dir": scratch, "recursion": True, "top_level_url": top, "recursion_private_addresses": True}
    settings = settings_for(database, servers.redis_url, **more)
    onwards = PUBLIC | Flag.RECU
    async with worker_here(settings), HandleConnection(HOST, settings.handle_port) as connection:
        code, said = await told(connection, "0.NA/20.500.1", onwards)
        assert code == Code.SUCCESS and said and peers.asked == ["/api/handles/0.NA/20.500.1"]
        asked = request(Op.RESOLVE, Resolve("20.500.1/y").encode(), flags=onwards)
        [deep] = await connection.ask(replace(asked, header=replace(asked.header, recursion=10)))
        assert (deep.header.code, len(peers.asked)) == (Code.RECURSION_TOO_DEEP, 1)
