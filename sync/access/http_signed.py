"""EPP over HTTP: one document a request, each request signed (RFC 9421), replies too where the server's key is pinned."""

from __future__ import annotations

import os
import secrets
import ssl
import time
from collections.abc import Callable, Mapping

import aiohttp
from yarl import URL

from sync.access.address import TopLevelAddress
from sync.access.transport import Busy, Heard, NotSent, OutcomeUnknown, Stopped
from sync.epp.replies import Reply, read_reply
from sync.epp.tree import MOST_BYTES, Fault
from sync.signing.keys import Signer, Verifier
from sync.signing.message import Message
from sync.signing.request import SignatureRefused, check_reply, signed_request

_OURS = frozenset((401, 403, 404, 405, 413, 415))
_BUSY = frozenset((429, 503))
_CONNECT_SECONDS = 5.0
_MOST_PATIENCE_SECONDS, _USUAL_PATIENCE_SECONDS = 3_600.0, 5.0


class HttpSigned:
    """`server_keys` empty: replies need no signature. `clock` and randomness are replaced in tests."""

    def __init__(
        self, address: TopLevelAddress, app_id: str, signer: Signer, server_keys: Mapping[str, Verifier],
        *, timeout_seconds: float, tls: ssl.SSLContext | None = None, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._address, self._app_id, self._signer, self._server_keys = address, app_id, signer, server_keys
        self._clock, self._tls = clock, tls
        self._deadline = aiohttp.ClientTimeout(
            total=timeout_seconds, sock_connect=min(_CONNECT_SECONDS, timeout_seconds)
        )
        self._session: aiohttp.ClientSession | None = None

    async def exchange(self, document: bytes, cl_trid: str) -> Heard:
        request_id, nonce = secrets.token_hex(16), secrets.token_urlsafe(18)
        headers = signed_request(
            self._signer, self._app_id, "POST", self._address.path, document,
            request_id=request_id, nonce=nonce, now=int(self._clock()),
        )  # fmt: skip
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=2, ssl=self._tls if self._tls is not None else True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._deadline, trust_env=False)
        try:
            async with self._session.post(
                URL(self._address.url, encoded=True), data=document, headers=headers, allow_redirects=False
            ) as answer:
                body = await _bounded(answer)
                return self._judged(answer, body, request_id)
        except aiohttp.ClientConnectorError as wrong:
            raise NotSent(f"no connection: {wrong}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as wrong:
            raise OutcomeUnknown(f"no answer: {wrong or type(wrong).__name__}") from None

    def _judged(self, answer: aiohttp.ClientResponse, body: bytes, request_id: str) -> Heard:
        status = answer.status
        if status in _OURS:
            raise Stopped(f"HTTP {status}: {body[:200].decode(errors='replace').strip()}")
        if status in _BUSY:
            raise Busy(f"HTTP {status}", _patience(answer.headers.get("Retry-After")))
        if status != 200:
            raise OutcomeUnknown(f"HTTP {status}")
        if self._server_keys:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            try:
                check_reply(Message(headers, body, status=status), self._server_keys, self._clock(), request_id)
            except SignatureRefused as refused:
                raise OutcomeUnknown(f"the reply is not signed as it must be: {refused.reason}") from None
        return heard(body)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def heard(body: bytes) -> Heard:
    """Raises `OutcomeUnknown` for what is no reply to a command."""
    try:
        reply = read_reply(body)
    except Fault as fault:
        raise OutcomeUnknown(f"the answer is not EPP: {fault}") from None
    if not isinstance(reply, Reply):
        raise OutcomeUnknown("a greeting where a reply was due")
    return Heard(reply, body)


def client_context(certificate: str, key: str, authorities: str) -> ssl.SSLContext:
    """TLS 1.2 or later; files in PEM form, empty: none, of authorities those of the system. Raises OSError, `ssl.SSLError`."""
    context = ssl.create_default_context(cafile=os.fspath(authorities) if authorities else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        context.load_cert_chain(certificate, key or None)
    return context


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > MOST_BYTES:
            raise OutcomeUnknown(f"the answer has more than {MOST_BYTES} bytes")
    return bytes(body)


def _patience(said: str | None) -> float:
    if said and said.isascii() and said.isdigit() and len(said) <= 6:
        return min(float(said), _MOST_PATIENCE_SECONDS)
    return _USUAL_PATIENCE_SECONDS
