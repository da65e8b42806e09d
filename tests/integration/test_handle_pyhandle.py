"""The whole round trip with pyhandle, the client that most Handle users have, over HTTPS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from pyhandle.client.resthandleclient import RESTHandleClient
from pyhandle.clientcredentials import PIDClientCredentials
from pyhandle.handleexceptions import (
    HandleAlreadyExistsException,
    HandleAuthenticationError,
    HandleNotFoundException,
)

from core.handle.public_keys import jwk_of
from tests.conftest import Servers
from tests.handle_caller import SECRET, administer, self_signed
from tests.harness import Api, Node, at, free_port, settings_for, take_aboard, worker_here

ADMIN, BY_CERTIFICATE = "301:0.NA/20.500.12345", "303:0.NA/20.500.12345"
PREFIX = "20.500.12345"


@pytest.fixture
async def tls_node(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> AsyncIterator[tuple[Node, str]]:
    tls = self_signed(scratch, "server", "127.0.0.1")
    client = self_signed(scratch, "client", BY_CERTIFICATE)
    settings = settings_for(
        database, servers.redis_url, data_dir=scratch, https_port=free_port(),
        tls_certificate=str(tls.certificate), tls_key=str(tls.key), tls_client_authorities=str(client.certificate),
    )  # fmt: skip
    await administer(settings, ADMIN)
    shown = x509.load_pem_x509_certificate(client.certificate.read_bytes())
    await administer(settings, BY_CERTIFICATE, None, jwk_of(shown.public_key()))
    async with worker_here(settings) as base_url:
        yield await take_aboard(settings, Api(base_url, session)), str(tls.certificate)


def client_of(node: Node, certificate: str, secret: str = SECRET) -> RESTHandleClient:
    url = f"https://127.0.0.1:{node.settings.https_port}"
    return RESTHandleClient.instantiate_with_username_and_password(url, ADMIN, secret, HTTPS_verify=certificate)


def round_trip(client: RESTHandleClient) -> dict[str, Any]:
    """Blocking: what a user of pyhandle does in a day. Gives what was read on the way."""
    handle = f"{PREFIX}/round-trip 密/a+x"
    seen: dict[str, Any] = {}
    assert client.register_handle(handle, "https://example.org/a", checksum="abc", CHECKED="yes") == handle
    seen["made"] = client.retrieve_handle_record(handle)
    with pytest.raises(HandleAlreadyExistsException):
        client.register_handle(handle, "https://example.org/b")
    client.modify_handle_value(handle, CHECKED="no", NEW="added")
    seen["modified"] = client.retrieve_handle_record(handle)
    client.delete_handle_value(handle, "NEW")
    seen["fewer"] = client.retrieve_handle_record(handle)
    client.register_handle(handle, "https://example.org/c", overwrite=True)
    seen["replaced"] = client.retrieve_handle_record(handle)
    assert client.delete_handle(handle) == handle
    with pytest.raises(HandleNotFoundException):
        client.delete_handle(handle)
    seen["handle"] = handle
    return seen


async def test_a_day_with_pyhandle_over_https(tls_node: tuple[Node, str]) -> None:
    node, certificate = tls_node
    client = await asyncio.to_thread(client_of, node, certificate)
    seen = await asyncio.to_thread(round_trip, client)
    assert seen["made"]["URL"] == "https://example.org/a" and seen["made"]["CHECKED"] == "yes"
    assert seen["modified"]["CHECKED"] == "no" and seen["modified"]["NEW"] == "added"
    assert "NEW" not in seen["fewer"] and seen["fewer"]["URL"] == "https://example.org/a"
    assert seen["replaced"]["URL"] == "https://example.org/c" and "CHECKED" not in seen["replaced"]
    gone = await node.anybody.get(f"/api/handles/{at(seen['handle'])}")
    assert gone.status == 410 and gone.json["responseCode"] == 100, "deleted is withdrawn"
    history = await node.operator.get(f"/api/v1/history/{at(seen['handle'])}")
    assert history.status == 200 and len(history.json["items"]) >= 5


async def test_pyhandle_shows_a_client_certificate(tls_node: tuple[Node, str], scratch: Path) -> None:
    node, certificate = tls_node

    def registered() -> str:
        credentials = PIDClientCredentials(
            client="rest",
            handle_server_url=f"https://127.0.0.1:{node.settings.https_port}", handleowner=f"200:0.NA/{PREFIX}",
            private_key=str(scratch / "client.key"), certificate_only=str(scratch / "client.pem"),
        )  # fmt: skip
        client = RESTHandleClient.instantiate_with_credentials(credentials, HTTPS_verify=certificate)
        return str(client.register_handle(f"{PREFIX}/by certificate", "https://example.org/"))

    assert await asyncio.to_thread(registered) == f"{PREFIX}/by certificate"
    read = await node.operator.get(f"/api/v1/identifiers/{at(f'{PREFIX}/by certificate')}")
    assert read.json["values"][-1]["data"]["value"]["index"] == 200


async def test_pyhandle_is_told_when_the_secret_or_the_prefix_is_wrong(tls_node: tuple[Node, str]) -> None:
    node, certificate = tls_node

    def wrong_secret() -> None:
        with pytest.raises(HandleAuthenticationError):
            client_of(node, certificate, "wrong").register_handle(f"{PREFIX}/x", "https://example.org/")

    def elsewhere() -> None:
        client = client_of(node, certificate)
        for handle in (f"{node.prefix}/not-mine", "99.999/not-here"):
            with pytest.raises(Exception, match="40[013]"):
                client.register_handle(handle, "https://example.org/")

    await asyncio.to_thread(wrong_secret)
    await asyncio.to_thread(elsewhere)
    assert (await node.anybody.get(f"/api/handles/{PREFIX}/x")).status == 404
