"""Requests to the top level over HTTP, each signed (RFC 9421), replies too where its keys are pinned. Knows no documents."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from sync.access.tls import trouble
from sync.access.transport import NotSent, OutcomeUnknown
from sync.signing.keys import Signer, Verifier
from sync.signing.message import Message
from sync.signing.request import SignatureRefused, check_reply, signed_request

_CONNECT_SECONDS = 5.0
_MEANT = (200, 409)  # what is acted upon: anything else is only waited out, or stops us
_MOST_PATIENCE_SECONDS, _USUAL_PATIENCE_SECONDS = 3_600.0, 5.0


@dataclass(frozen=True, slots=True)
class Answered:
    """`headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body[:200].decode(errors="replace").strip()

    @property
    def patience_seconds(self) -> float:
        """What `Retry-After` asks for, within reason."""
        said = self.headers.get("retry-after", "")
        if said.isascii() and said.isdigit() and len(said) <= 6:
            return min(float(said), _MOST_PATIENCE_SECONDS)
        return _USUAL_PATIENCE_SECONDS


class SignedHttp:
    """`server_keys` empty: replies need no signature. `clock` is replaced in tests."""

    def __init__(
        self, app_id: str, signer: Signer, server_keys: Mapping[str, Verifier],
        *, timeout_seconds: float, tls: ssl.SSLContext | None = None, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._app_id, self._signer, self._server_keys = app_id, signer, server_keys
        self._clock, self._tls = clock, tls
        self._deadline = aiohttp.ClientTimeout(
            total=timeout_seconds, sock_connect=min(_CONNECT_SECONDS, timeout_seconds)
        )
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, url: str, body: bytes, media_type: str, most_bytes: int) -> Answered:
        """One attempt. Raises `NotSent`, and `OutcomeUnknown` for an answer that is absent, too large or not signed as it
        must be."""
        target = URL(url, encoded=True)
        request_id = secrets.token_hex(16)
        headers = signed_request(
            self._signer, self._app_id, method, target.raw_path, body, request_id=request_id,
            nonce=secrets.token_urlsafe(18), now=int(self._clock()), media_type=media_type,
        )  # fmt: skip
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=2, ssl=self._tls if self._tls is not None else True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._deadline, trust_env=False)
        try:
            async with self._session.request(
                method, target, data=body or None, headers=headers, allow_redirects=False
            ) as answer:
                received = {name.lower(): value for name, value in answer.headers.items()}
                found = Answered(answer.status, received, await _bounded(answer, most_bytes))
        except aiohttp.ClientConnectorError as wrong:
            raise NotSent(f"no connection: {trouble(wrong)}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as wrong:
            raise OutcomeUnknown(f"no answer: {trouble(wrong)}") from None
        if self._server_keys and found.status in _MEANT:
            self._require_signed(found, request_id)
        return found

    def _require_signed(self, found: Answered, request_id: str) -> None:
        message = Message(found.headers, found.body, status=found.status)
        try:
            check_reply(message, self._server_keys, self._clock(), request_id)
        except SignatureRefused as refused:
            raise OutcomeUnknown(f"the reply is not signed as it must be: {refused.reason}") from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _bounded(answer: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > most_bytes:
            raise OutcomeUnknown(f"the answer has more than {most_bytes} bytes")
    return bytes(body)
