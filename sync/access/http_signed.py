"""EPP over HTTP: one document a request, each request signed (RFC 9421), replies too where the server's key is pinned."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping

from sync.access.address import TopLevelAddress
from sync.access.signed_http import Answered, SignedHttp
from sync.access.transport import Busy, Heard, OutcomeUnknown, Stopped
from sync.epp.replies import Reply, read_reply
from sync.epp.tree import MOST_BYTES, Fault
from sync.signing.keys import Signer, Verifier
from sync.signing.request import MEDIA_TYPE

_OURS = frozenset((401, 403, 404, 405, 413, 415))
_BUSY = frozenset((429, 503))


class HttpSigned:
    """`server_keys` empty: replies need no signature. `clock` is replaced in tests."""

    def __init__(
        self, address: TopLevelAddress, app_id: str, signer: Signer, server_keys: Mapping[str, Verifier],
        *, timeout_seconds: float, tls: ssl.SSLContext | None = None, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._url = address.url
        self._http = SignedHttp(app_id, signer, server_keys, timeout_seconds=timeout_seconds, tls=tls, clock=clock)

    async def exchange(self, document: bytes, cl_trid: str) -> Heard:
        answer = await self._http.send("POST", self._url, document, MEDIA_TYPE, MOST_BYTES)
        require_success(answer)
        return heard(answer.body)

    async def close(self) -> None:
        await self._http.close()


def require_success(answer: Answered) -> None:
    """Raises `Stopped`, `Busy`, `OutcomeUnknown` for any status but 200."""
    if answer.status in _OURS:
        raise Stopped(f"HTTP {answer.status}: {answer.text}")
    if answer.status in _BUSY:
        raise Busy(f"HTTP {answer.status}", answer.patience_seconds)
    if answer.status != 200:
        raise OutcomeUnknown(f"HTTP {answer.status}")


def heard(body: bytes) -> Heard:
    """Raises `OutcomeUnknown` for what is no reply to a command."""
    try:
        reply = read_reply(body)
    except Fault as fault:
        raise OutcomeUnknown(f"the answer is not EPP: {fault}") from None
    if not isinstance(reply, Reply):
        raise OutcomeUnknown("a greeting where a reply was due")
    return Heard(reply, body)
