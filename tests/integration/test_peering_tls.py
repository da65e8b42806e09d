"""TLS with the top level, both ways: EPP over TLS with client certificates (RFC 5734), signed HTTP, and escrow.

The box listens with a certificate of a test's authority; what is wrong with either side's certificate is refused, nothing is
sent, and the reason is said in both languages.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from core.settings import Settings
from node.console import Refused
from node.escrow import client_of
from node.peering import transport_of
from node.peering_key_changes import bring
from node.peering_key_kinds import ClientCertificate, Wish
from sync.access.transport import NotSent, OutcomeUnknown, Stopped, Transport
from sync.epp.commands import Command, write_command
from sync.epp.names import PREFIX
from sync.escrow.sending import NotTaken
from sync.toplevel.app import make_app
from sync.toplevel.tcp_door import TcpDoor
from tests.certificates import Authority, authority
from tests.harness import free_port
from tests.top_level_box import Box, box_here

CLIENT = "sln-demo"


@dataclass
class Ends:
    box: Box
    ours: Authority
    theirs: Authority

    def settings(self, url: str, **more: Any) -> Settings:
        return self.box.settings.model_copy(
            update={
                "peering_url": url,
                "peering_authorities": self.theirs.path,
                "escrow_agent_url": url.replace("/epp", ""),
                "peering_password": SecretStr(str(self.box.settings.peering_password)),
                **more,
            }
        )


@pytest.fixture
async def ends(session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Ends]:
    """`theirs` vouches for the top level, `ours` for nodes."""
    async with box_here(tmp_path, session) as box:
        yield Ends(box, authority(tmp_path, "ours"), authority(tmp_path, "theirs"))


def server_context(chain: str, clients: Authority | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.path)
    return context


@asynccontextmanager
async def epp_over_tls(ends: Ends, context: ssl.SSLContext) -> AsyncIterator[str]:
    door = TcpDoor(ends.box.desk)
    port = await door.open("127.0.0.1", 0, context)
    try:
        yield f"tls://127.0.0.1:{port}"
    finally:
        await door.close()


@asynccontextmanager
async def over_https(ends: Ends, context: ssl.SSLContext) -> AsyncIterator[str]:
    """The same desk behind another door."""
    runner = web.AppRunner(make_app(ends.box.desk), access_log=None, shutdown_timeout=1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{port}/epp"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def with_alerts(context: ssl.SSLContext) -> AsyncIterator[str]:
    """A listener that says why it refuses, which those of asyncio do not."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            connection.settimeout(5)
            with connection, contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"tls://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await asyncio.to_thread(thread.join)
        listener.close()


async def asked(settings: Settings) -> int:
    """Code of the reply to a check."""
    transport: Transport = transport_of(settings)
    values = {"shrPrefix": "88.118", "prefix": "88.118.7777"}
    try:
        return (await transport.exchange(write_command(Command("check", PREFIX, values, "tls-1")), "tls-1")).reply.code
    finally:
        await transport.close()


@pytest.mark.parametrize("way", [epp_over_tls, over_https])
async def test_each_side_knows_the_other_by_its_certificate(ends: Ends, way: Any) -> None:
    async with way(ends, server_context(ends.theirs.issue("server", server=True), ends.ours)) as url:
        assert await asked(ends.settings(url, peering_certificate=ends.ours.issue(CLIENT))) == 1000
        assert await asked(ends.settings(url, peering_certificate=ends.ours.issue(CLIENT))) == 1000


@pytest.mark.parametrize("way", [epp_over_tls, over_https])
async def test_a_certificate_that_came_by_command_is_shown(ends: Ends, way: Any) -> None:
    async with way(ends, server_context(ends.theirs.issue("server", server=True), ends.ours)) as url:
        settings = ends.settings(url)
        with pytest.raises((NotSent, OutcomeUnknown)):
            await asked(settings)
        bring(ClientCertificate(settings), Path(ends.ours.issue(CLIENT)).read_bytes(), Wish())
        assert await asked(settings) == 1000


async def test_a_certificate_of_another_client_is_no_login(ends: Ends) -> None:
    async with epp_over_tls(ends, server_context(ends.theirs.issue("server", server=True), ends.ours)) as url:
        with pytest.raises(Stopped, match="2200"):
            await asked(ends.settings(url, peering_certificate=ends.ours.issue("sln-other")))


SERVERS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"begins": -2, "ends": -1}, "has expired .*已过期"),
    "not yet": ({"begins": 1, "ends": 2}, "not valid yet.*尚未生效"),
    "another host": ({"host": "127.0.0.2"}, "of another host.*不符"),
    "a client's": ({"server": False}, "not one of a server.*不是服务器证书"),
    "unknown authority": ({}, "not known here.*未被信任"),
}


@pytest.mark.parametrize("way", [epp_over_tls, over_https])
@pytest.mark.parametrize("what", SERVERS)
async def test_a_top_level_that_does_not_prove_who_it_is_is_sent_nothing(ends: Ends, way: Any, what: str) -> None:
    how, words = SERVERS[what]
    of = ends.ours if what == "unknown authority" else ends.theirs
    async with way(ends, server_context(of.issue("server", **{"server": True, **how}), None)) as url:
        with pytest.raises(NotSent, match=words):
            await asked(ends.settings(url))
        if way is over_https:
            client = client_of(ends.settings(url))
            with pytest.raises(NotTaken, match=words):
                await client.agent_certificate()
            await client.close()
    assert ends.box.desk.store.all("newest_log", most=10) == []


CLIENTS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "none": (None, "asks for a client certificate.*要求客户端证书"),
    "expired": ({"begins": -2, "ends": -1}, "this node's certificate has expired.*本节点证书已过期"),
    "a server's": ({"server": True}, "not one of a client.*不可用作客户端证书"),
    "unknown authority": ({}, "does not know the authority.*不信任本节点证书的签发机构"),
}


@pytest.mark.parametrize("way", [epp_over_tls, over_https])
@pytest.mark.parametrize("what", CLIENTS)
async def test_a_node_that_does_not_prove_who_it_is_is_let_in_nowhere(ends: Ends, way: Any, what: str) -> None:
    how, words = CLIENTS[what]
    of = ends.theirs if what == "unknown authority" else ends.ours
    settings = ends.settings("", peering_certificate="" if how is None else of.issue(CLIENT, **how))
    context = server_context(ends.theirs.issue("server", server=True), ends.ours)
    async with way(ends, context) as url:
        with pytest.raises((NotSent, OutcomeUnknown), match="may not take this node's certificate|no answer"):
            await asked(settings.model_copy(update={"peering_url": url}))
    assert ends.box.desk.store.all("newest_log", most=10) == []
    async with with_alerts(context) as url:
        with pytest.raises(NotSent, match=words):
            await asked(settings.model_copy(update={"peering_url": url}))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
async def test_what_speaks_no_tls_or_an_old_one_is_told_apart(ends: Ends) -> None:
    with pytest.raises(NotSent, match="speaks no TLS at this port.*未使用 TLS"):
        await asked(ends.settings(f"https://127.0.0.1:{ends.box.settings.toplevel_port}/epp"))
    old = server_context(ends.theirs.issue("server", server=True), None)
    old.maximum_version = old.minimum_version = ssl.TLSVersion.TLSv1_1
    async with with_alerts(old) as url:
        with pytest.raises(NotSent, match=r"speaks no TLS 1\.2.*不支持|no way of encryption.*无共同"):
            await asked(ends.settings(url))


async def test_files_that_cannot_be_used_are_told_at_once(ends: Ends, tmp_path: Path) -> None:
    """A key with a passphrase is never asked for one: nobody sits at a service's terminal."""
    good, other = ends.ours.issue("good"), ends.ours.issue("other")
    for more in (
        {"peering_certificate": str(tmp_path / "none")},
        {"peering_certificate": ends.ours.issue("locked", passphrase=b"secret")},
        {"peering_certificate": good, "peering_certificate_key": other},
        {"peering_authorities": str(tmp_path / "none")},
    ):
        settings = ends.settings("tls://127.0.0.1:700", **more)
        with pytest.raises(Refused) as refused:
            transport_of(settings)
        assert re.search("[一-鿿]", refused.value.message_zh)
        with pytest.raises(Refused):
            client_of(settings.model_copy(update={"escrow_agent_url": "https://127.0.0.1"}))
