"""Who an administrator is, over HTTP: sessions by challenge, certificates, and that secrets travel over TLS only."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from redis.asyncio import Redis

from core.handle.keys import key_from_json
from core.handle.public_keys import jwk_of, public_key
from core.tickets import KEPT_HERE, Tickets
from tests.conftest import Servers, fresh_database
from tests.handle_caller import SECRET, Tls, administer, basic, self_signed
from tests.harness import Answer, Api, Node, at, free_port, settings_for, take_aboard, text_value, worker_here

PREFIX = "20.500.12345"
BY_SECRET, BY_KEY, BY_CERTIFICATE = (f"{index}:0.NA/{PREFIX}" for index in (301, 302, 303))
ONE = [text_value(1, "A", "a")]
PROXIED = {"X-Forwarded-For": "203.0.113.7"}
CERTIFICATE_HEADER = "X-Client-Certificate"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node(servers: Servers, scratch: Path) -> AsyncIterator[Node]:
    """For all of them. Behind a proxy on this machine that is trusted, and with TLS of its own; administrators by secret, key,
    certificate."""
    server, client = tls_of(scratch)
    async with fresh_database(servers) as database, aiohttp.ClientSession() as session:
        settings = settings_for(
            database, servers.redis_url, data_dir=scratch, trusted_proxies="127.0.0.1", https_port=free_port(),
            tls_certificate=str(server.certificate), tls_key=str(server.key),
            tls_client_authorities=str(client.certificate), handle_certificate_header=CERTIFICATE_HEADER,
        )  # fmt: skip
        await administer(settings, BY_SECRET)
        await administer(settings, BY_KEY, None, jwk_of(PRIVATE.public_key()))
        shown = x509.load_pem_x509_certificate(client.certificate.read_bytes())
        await administer(settings, BY_CERTIFICATE, None, jwk_of(shown.public_key()))
        async with worker_here(settings) as base_url:
            yield await take_aboard(settings, Api(base_url, session))


def tls_of(scratch: Path) -> tuple[Tls, Tls]:
    return self_signed(scratch, "server", "127.0.0.1"), self_signed(scratch, "client", BY_CERTIFICATE)


def handle_header(**parameters: str) -> dict[str, str]:
    told = ", ".join(f'{name}="{value}"' for name, value in {"version": "0", **parameters}.items())
    return {"Authorization": f"Handle {told}", "X-Forwarded-Proto": "https", "Content-Type": "application/json"}


async def begin(node: Node) -> tuple[str, bytes]:
    begun = await node.anybody.post("/api/sessions", headers={"X-Forwarded-Proto": "https"})
    assert begun.status == 201 and "authenticated" not in begun.json
    return begun.json["sessionId"], base64.b64decode(begun.json["nonce"])


def text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def proof(session: str, nonce: bytes, alg: str = "SHA256", secret: bytes = SECRET.encode()) -> dict[str, str]:
    cnonce = secrets.token_bytes(16)
    data = nonce + cnonce
    more: dict[str, str] = {}
    if alg == "SHA256":
        signature = hashlib.sha256(secret + data + secret).digest()
    elif alg == "HMAC-SHA256":
        signature = hmac.digest(secret, data, "sha256")
    else:
        key = hashlib.pbkdf2_hmac("sha1", secret.decode("latin-1").encode(), b"salty", 1000, 20)
        signature, more = (
            hmac.digest(key, data, "sha1"),
            {"salt": text(b"salty"), "iterations": "1000", "length": "160"},
        )
    who = {"id": quote(BY_SECRET, safe=""), "type": "HS_SECKEY", "alg": alg}
    return {"sessionId": session, "cnonce": text(cnonce), "signature": text(signature), **who, **more}


async def prove(node: Node, parameters: dict[str, str]) -> Answer:
    return await node.anybody.put("/api/sessions/this", headers=handle_header(**parameters))


async def put(node: Node, name: str, headers: dict[str, str]) -> Answer:
    return await node.anybody.put(f"/api/handles/{at(f'{PREFIX}/{name}')}", ONE, headers=headers)


@pytest.mark.parametrize("alg", ["SHA256", "HMAC-SHA256", "PBKDF2-HMAC-SHA1"])
async def test_a_session_by_secret_is_proved_used_and_ended(node: Node, alg: str) -> None:
    session, nonce = await begin(node)
    mine = handle_header(sessionId=session)
    assert (await put(node, "s", mine)).status == 401, "nobody has answered yet"
    proved = await prove(node, proof(session, nonce, alg))
    assert proved.status == 200 and proved.json["authenticated"] is True and proved.json["id"] == BY_SECRET
    assert (await put(node, f"s-{alg}", mine)).status == 201
    read = await node.anybody.get("/api/sessions/this", headers=mine)
    assert read.json["authenticated"] is True
    assert (await node.anybody.call("DELETE", "/api/sessions/this", headers=mine)).status == 204
    assert (await put(node, f"s-{alg}", mine)).json["slug"] == "handle-session-unknown"


async def test_an_answer_counts_once_and_a_wrong_one_spends_the_challenge(node: Node) -> None:
    session, nonce = await begin(node)
    answer = proof(session, nonce)
    assert [(await prove(node, answer)).status for _ in range(2)] == [200, 401], "a replay finds nothing to answer"
    again, other = await begin(node)
    assert (await prove(node, answer | {"sessionId": again})).status == 401, "an answer to another challenge"
    assert (await prove(node, proof(again, other))).status == 401, "which is spent"
    both, fresh = await begin(node)
    once = proof(both, fresh)
    done = await asyncio.gather(*(prove(node, once) for _ in range(8)))
    assert sorted(answer.status for answer in done) == [200] + [401] * 7


async def test_sessions_end_by_themselves_and_are_known_to_all_workers(node: Node, servers: Servers) -> None:
    redis: Any = Redis.from_url(servers.redis_url)
    session, nonce = await begin(node)
    names = [name async for name in redis.scan_iter(f"*handle-session:*{session}")]
    assert len(names) == 2 and all([0 < await redis.ttl(name) <= 60 for name in names])
    assert (await prove(node, proof(session, nonce))).status == 200
    (name,) = [name async for name in redis.scan_iter(f"*handle-session:{session}")]
    assert 60 < await redis.ttl(name) <= node.settings.handle_session_seconds
    async with worker_here(
        node.settings.model_copy(update={"http_port": free_port(), "https_port": 0, "handle_port": 0})
    ) as url:
        other = await Api(url, node.anybody.session).get("/api/sessions/this", headers=handle_header(sessionId=session))
        assert other.json["authenticated"] is True
    assert await redis.pexpire(name, 0)
    assert (await put(node, "late", handle_header(sessionId=session))).status == 401
    late, nonce = await begin(node)
    assert await redis.delete(*[name async for name in redis.scan_iter(f"*handle-session:nonce:{late}")])
    assert (await prove(node, proof(late, nonce))).status == 401
    await redis.aclose()


async def test_tickets_are_kept_here_where_redis_is_lost_once_and_boundedly() -> None:
    tickets = Tickets("redis://127.0.0.1:1", "node", "test", timeout_seconds=0.2)
    await tickets.put("a", b"1", 60)
    assert await tickets.get("a") == b"1" and await tickets.take("a") == b"1" and await tickets.take("a") is None
    await tickets.put("over", b"1", 0)
    assert await tickets.get("over") is None
    for number in range(KEPT_HERE + 5):
        await tickets.put(str(number), b"x", 60)
    assert await tickets.get("4") is None and await tickets.get("5") == b"x"
    await tickets.close()


async def test_a_session_by_public_key(node: Node) -> None:
    session, nonce = await begin(node)
    cnonce = secrets.token_bytes(16)
    signed = PRIVATE.sign(nonce + cnonce, padding.PKCS1v15(), hashes.SHA256())
    who = {"id": quote(BY_KEY, safe=""), "type": "HS_PUBKEY", "alg": "SHA256"}
    answer = await prove(node, {"sessionId": session, "cnonce": text(cnonce), "signature": text(signed), **who})
    assert answer.status == 200 and answer.json["id"] == BY_KEY
    assert (await put(node, "by-key", handle_header(sessionId=session))).status == 201


async def test_browsers_begin_with_a_nonce_of_theirs_and_go_on_sending_what_proved_them(node: Node) -> None:
    """As the browser's client does: the node proves itself, the header that proved a session comes with later requests too."""
    cnonce = secrets.token_bytes(16)
    begun = await node.anybody.post("/api/sessions/", headers=handle_header(cnonce=text(cnonce)))
    assert begun.status == 201 and "authenticated" not in begun.json and begun.json["serverAlg"] == "SHA256"
    site = (await node.anybody.get("/api/site")).json["servers"][0]["publicKey"]["value"]
    key, nonce = public_key(key_from_json(site)), base64.b64decode(begun.json["nonce"])
    assert isinstance(key, rsa.RSAPublicKey) and nonce[0] >= 0x80
    key.verify(base64.b64decode(begun.json["serverSignature"]), nonce + cnonce, padding.PKCS1v15(), hashes.SHA256())
    session, secret = begun.json["sessionId"], SECRET.encode()
    digest = hashlib.sha1(secret + nonce + cnonce + secret).digest()
    proving = handle_header(
        sessionId=session, cnonce=text(cnonce), id=BY_SECRET, type="HS_SECKEY", alg="SHA1", signature=text(digest)
    )
    assert (await put(node, "browser", handle_header(sessionId=session, id=BY_SECRET))).status == 401, "proves nothing"
    assert (await node.anybody.post("/api/sessions/this", headers=proving)).status == 401, "and the challenge is spent"
    fresh, nonce = await begin(node)
    digest = hashlib.sha1(secret + nonce + cnonce + secret).digest()
    proving = handle_header(
        sessionId=fresh, cnonce=text(cnonce), id=BY_SECRET, type="HS_SECKEY", alg="SHA1", signature=text(digest)
    )
    proved = await node.anybody.post("/api/sessions/this", headers=proving)
    assert proved.status == 200 and proved.json["authenticated"] is True and proved.json["id"] == BY_SECRET
    assert (await put(node, "browser", proving)).status == 201
    assert (await node.anybody.post("/api/sessions/this", headers=proving)).status == 401, "it proves nothing again"
    other = handle_header(sessionId=fresh, id=BY_KEY, type="HS_SECKEY", alg="SHA1", signature=text(digest))
    assert (await put(node, "browser", other)).status == 401, "of somebody else"
    assert (
        await node.anybody.call("DELETE", "/api/sessions/this", headers=handle_header(sessionId=fresh))
    ).status == 204
    assert (await put(node, "browser", proving)).status == 401, "the session is over"


async def test_a_session_is_proved_by_a_body_too(node: Node) -> None:
    """As clients in Go and Java do."""
    headers = {"X-Forwarded-Proto": "https", "Content-Type": "application/json"}
    session, nonce = await begin(node)
    said = proof(session, nonce, "PBKDF2-HMAC-SHA1") | {"id": BY_SECRET}
    proved = await node.anybody.call("PUT", "/api/sessions/this", said, headers=headers)
    assert proved.status == 200 and proved.json["authenticated"] is True
    assert (await put(node, "by-body", handle_header(sessionId=session))).status == 201
    named = await node.anybody.call("POST", "/api/sessions/this", {"sessionId": session}, headers=headers)
    assert named.json["id"] == BY_SECRET
    again, nonce = await begin(node)
    wrong = proof(again, nonce, secret=b"guess") | {"id": BY_SECRET}
    assert (await node.anybody.call("POST", "/api/sessions/this", wrong, headers=headers)).status == 401
    for body in ({}, [], {"sessionId": "none"}):
        assert (await node.anybody.call("POST", "/api/sessions/this", body, headers=headers)).status == 401
    assert (await node.anybody.call("POST", "/api/sessions", {"cnonce": "AAAA"}, headers=headers)).json["serverAlg"]
    large = {"sessionId": "x" * 20_000}
    assert (await node.anybody.call("POST", "/api/sessions/this", large, headers=headers)).status == 413
    in_body = {"sessionId": session, "values": ONE}
    unproved = await node.anybody.call("PUT", f"/api/handles/{at(f'{PREFIX}/by-body')}", in_body, headers=headers)
    assert unproved.status == 401, "a body speaks for sessions alone"


async def test_secrets_are_taken_over_tls_or_on_this_machine_only(node: Node) -> None:
    """Plain HTTP from elsewhere is refused before the secret is looked at; a proxy is believed where it is trusted."""
    for headers, status in (
        ({}, 403),  # the proxy says nothing
        (PROXIED | {"X-Forwarded-Proto": "http"}, 403),
        (PROXIED | {"X-Forwarded-Proto": "https"}, 201),
        (PROXIED | {"X-Forwarded-Proto": "https, http"}, 403),
    ):
        name = f"tls-{status}"
        answer = await put(node, name, basic(BY_SECRET) | headers)
        assert answer.status == status, headers
        assert status == 201 or answer.json["slug"] == "tls-needed"
    for method, path in (("POST", "/api/sessions"), ("GET", "/api/sessions/this")):
        plain = await node.anybody.call(method, path, headers=PROXIED | {"Authorization": "Handle x"})
        assert plain.status == 403


async def test_client_certificates_by_proxy_and_by_our_own_listener(node: Node, scratch: Path) -> None:
    client = scratch / "client.pem"
    wish = handle_header(clientCert="true")
    assert (await put(node, "cert", wish)).status == 401, "none was shown"
    shown = {CERTIFICATE_HEADER: quote(client.read_text())}
    assert (await put(node, "cert-proxy", wish | shown)).status == 201
    other = self_signed(scratch, "other", BY_CERTIFICATE)
    stolen_name = {CERTIFICATE_HEADER: quote(other.certificate.read_text())}
    assert (await put(node, "cert-proxy", wish | stolen_name)).json["responseCode"] == 403, "another key under the name"
    trust = ssl.create_default_context(cafile=str(scratch / "server.pem"))
    trust.load_cert_chain(client, scratch / "client.key")
    url = f"https://127.0.0.1:{node.settings.https_port}/api/handles/{at(f'{PREFIX}/cert-tls')}"
    async with node.anybody.session.put(url, json=ONE, headers=wish, ssl=trust) as answer:
        assert answer.status == 201, await answer.text()
    bare = ssl.create_default_context(cafile=str(scratch / "server.pem"))
    async with node.anybody.session.put(url, json=ONE, headers=wish, ssl=bare) as answer:
        assert answer.status == 401
    pem = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert (await put(node, "cert", wish | {CERTIFICATE_HEADER: quote(pem.decode())})).status == 401, "no certificate"


async def test_headers_that_cannot_be_read_are_refused_as_such(node: Node) -> None:
    session, _ = await begin(node)
    named = f'Handle version="0", sessionId="{session}"'
    odd = [
        "Basic",
        "Basic ",
        "Basic =",
        "Basic " + text(b"nothing"),
        "Basic " + text(b"\xff\xfe:x"),
        "Basic " + text(b"0%3Aa/b:x"),
    ]
    odd += ["Basic " + text(b"301%3A0.NA:x"), "Basic " + text(b"99999999999%3A0.NA/x:y"), "Basic " + "A" * 20_000]
    odd += [
        "Handle",
        "Handle =",
        'Handle sessionId=""',
        f'Handle sessionId="{"x" * 500}"',
        named + ', clientCert="true"',
    ]
    odd += [
        named + ', id="301", type="HS_SECKEY"',
        named + ', id="301%3A0.NA/x", alg="PBKDF2-HMAC-SHA1", salt="?", iterations="x"',
    ]
    for header in odd:
        answer = await put(
            node, "odd", {"Authorization": header, "X-Forwarded-Proto": "https", "Content-Type": "application/json"}
        )
        assert answer.status in (400, 401), (header[:60], answer.status, answer.body)
        assert answer.status == 400 or "Basic" in answer.headers["WWW-Authenticate"], header[:60]


async def test_guessing_is_slowed_down(node: Node) -> None:
    wrong = basic("309:0.NA/20.500.12345", "guess") | {"X-Forwarded-Proto": "https"}
    statuses = [(await put(node, "guess", wrong)).status for _ in range(25)]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert (await put(node, "guess", wrong)).headers["Retry-After"]
