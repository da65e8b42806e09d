"""Signing a request or a reply, and checking one in the agreed order. Pure: time and randomness are passed in.

| order | what is checked                                       | refused with                |
|-------|-------------------------------------------------------|-----------------------------|
| 1     | the key is known, and is the application's            | key-unknown                 |
| 2     | the digest is that of the body                        | digest-wrong                |
| 3     | every component is covered                            | component-not-covered       |
| 4     | made within the window, and not over                  | time-outside                |
| 5     | the signature                                         | signature-wrong             |
| 6     | the nonce was not seen                                | nonce-seen                  |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sync.signing.keys import Signer, Verifier
from sync.signing.message import (
    BODILESS_REQUEST,
    REPLY,
    REQUEST,
    Message,
    Parameters,
    SignatureMalformed,
    content_digest,
    make_parameters,
    read_parameters,
    read_signature,
    signature_base,
    write_signature,
)

WINDOW_SECONDS, NONCE_SECONDS = 300, 600
MEDIA_TYPE = "application/epp+xml"


class SignatureRefused(Exception):
    """`reason` is one word of the table above, or `malformed`; nothing more is told to strangers."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def signed_request(
    signer: Signer, app_id: str, method: str, path: str, body: bytes, *, request_id: str, nonce: str, now: int,
    media_type: str = MEDIA_TYPE,
) -> dict[str, str]:  # fmt: skip
    """The headers to send."""
    headers = {"Idis-App-Id": app_id, "Idis-Request-Id": request_id}
    if body:
        headers |= {"Content-Type": media_type, "Content-Digest": content_digest(body)}
    message = Message(_lower(headers), body, method=method, path=path)
    return headers | _sign(signer, message, REQUEST if body else BODILESS_REQUEST, nonce, now)


def signed_reply(
    signer: Signer, status: int, body: bytes, media_type: str, *, request_id: str, nonce: str, now: int
) -> dict[str, str]:
    headers = {"Content-Type": media_type, "Content-Digest": content_digest(body), "Idis-Request-Id": request_id}
    return headers | _sign(signer, Message(_lower(headers), body, status=status), REPLY, nonce, now)


def check_request(
    message: Message, key_of: Callable[[str, str], Verifier | None], now: float, unseen: Callable[[str, str], bool]
) -> Parameters:
    """`key_of(app id, keyid)` gives the key that is the application's; `unseen(keyid, nonce)` remembers the nonce and says
    whether it is new. Raises `SignatureRefused`."""
    needed = REQUEST if message.body else BODILESS_REQUEST
    app_id = message.headers.get("idis-app-id", "")
    return _check(message, needed, lambda keyid: key_of(app_id, keyid), now, unseen)


def check_reply(message: Message, keys: Mapping[str, Verifier], now: float, request_id: str) -> Parameters:
    """That the reply is the pinned server's, and to this request. Raises `SignatureRefused`."""
    found = _check(message, REPLY, keys.get, now, lambda _keyid, _nonce: True)
    if message.headers.get("idis-request-id") != request_id:
        raise SignatureRefused("another-request")
    return found


def _check(
    message: Message, needed: tuple[str, ...], key_of: Callable[[str], Verifier | None], now: float,
    unseen: Callable[[str, str], bool],
) -> Parameters:  # fmt: skip
    try:
        parameters = read_parameters(message.headers.get("signature-input"))
        signature = read_signature(message.headers.get("signature"))
    except SignatureMalformed:
        raise SignatureRefused("malformed") from None
    key = key_of(parameters.keyid)
    if key is None or key.algorithm != parameters.algorithm:
        raise SignatureRefused("key-unknown")
    if message.body and message.headers.get("content-digest", "").strip() != content_digest(message.body):
        raise SignatureRefused("digest-wrong")
    if not set(needed) <= set(parameters.components):
        raise SignatureRefused("component-not-covered")
    if abs(parameters.created - now) > WINDOW_SECONDS or parameters.expires < now:
        raise SignatureRefused("time-outside")
    try:
        right = key.verifies(signature_base(message, parameters), signature)
    except SignatureMalformed:
        raise SignatureRefused("component-not-covered") from None
    if not right:
        raise SignatureRefused("signature-wrong")
    if not unseen(parameters.keyid, parameters.nonce):
        raise SignatureRefused("nonce-seen")
    return parameters


def _sign(signer: Signer, message: Message, components: tuple[str, ...], nonce: str, now: int) -> dict[str, str]:
    parameters = make_parameters(
        components, created=now, lifetime_seconds=WINDOW_SECONDS, nonce=nonce, keyid=signer.keyid,
        algorithm=signer.algorithm,
    )  # fmt: skip
    signature = signer.sign(signature_base(message, parameters))
    return {"Signature-Input": f"idis={parameters.text}", "Signature": write_signature(signature)}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
