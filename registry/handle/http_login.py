"""Administrators over HTTP: Basic, sessions by challenge, client certificates (the `Authorization` of Handle clients).

`Basic` has `index:handle` percent-encoded before the first colon and the secret, as it is, after it. `Handle` names a session,
proves the holder of a key by an answer to the session's nonce, or points at the certificate of the connection. Secrets and
sessions are taken over TLS, through a trusted proxy that has it, or on the machine itself. Where a session is begun or proved
the body may say what the header would (`registry.handle.authorization`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.errors import AdministratorMissing, AdministratorUnknown, AdministratorWrong, Problem, TlsNeeded
from core.handle.administration import Administrator
from core.handle.proofs import Stretching
from core.tls import certificate_names
from registry.handle.authorization import MAX_HEADER, header_parameters, scheme_of
from registry.handle.login import Login, challenge
from registry.handle.sessions import Session, Sessions

_PROVING = frozenset(("sessionid", "id", "clientcert"))  # what says who calls; else a session is nobody's yet
_NAME = re.compile(r"([0-9]{1,10}):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HttpCall:
    """What a request says of its caller. `confidential`: nobody on the way reads it. `told`: what a body says that is read as
    the header."""

    authorization: str | None = field(repr=False)
    confidential: bool
    source: str | None
    certificate: x509.Certificate | None = None
    told: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def parameters(self) -> dict[str, str]:
        """By name in lower case; the header goes before the body."""
        return {**self.told, **header_parameters(self.authorization)}


class HttpLogin:
    """One for each worker."""

    def __init__(self, login: Login, sessions: Sessions) -> None:
        self._login = login
        self.sessions = sessions

    async def administrator(self, call: HttpCall) -> Administrator:
        """Who calls. Errors: `AdministratorMissing`, `TlsNeeded`, `AdministratorUnknown`, `AdministratorWrong`,
        `HandleSessionUnknown`, `LoginTooFrequent`, `PersonalDataLocked`, `StoreUnavailable`; 401 carries a challenge."""
        scheme = scheme_of(call.authorization)
        by_body = not scheme and bool(call.told)
        if (scheme not in ("basic", "handle") and not by_body) or len(call.authorization or "") > MAX_HEADER:
            raise AdministratorMissing(headers=challenge())
        if not call.confidential:
            raise TlsNeeded()
        try:
            if scheme == "basic":
                return await self._basic(call)
            return await self._handle(call, call.parameters)
        except (AdministratorUnknown, AdministratorWrong) as wrong:
            raise _with_challenge(wrong) from None

    async def begin(self, call: HttpCall) -> tuple[str, Session]:
        """A session: of who calls, or of nobody yet. Errors: those of `administrator`, `LoginTooFrequent`."""
        if not call.confidential:
            raise TlsNeeded()
        anonymous = scheme_of(call.authorization) in ("", "handle") and not _PROVING & call.parameters.keys()
        who = None if anonymous else await self.administrator(call)
        return await self.sessions.begin(who, call.source)

    async def session(self, call: HttpCall) -> tuple[str, Session]:
        """The session that the header names, after what it proves. Errors: those of `administrator`."""
        if not call.confidential:
            raise TlsNeeded()
        parameters = call.parameters
        if not parameters:
            raise AdministratorMissing(headers=challenge())
        named = parameters.get("sessionid", "")
        if "id" in parameters or parameters.get("clientcert", "").lower() == "true":
            await self._handle(call, parameters, proving=True)
        return named, await self.sessions.find(named)

    async def _basic(self, call: HttpCall) -> Administrator:
        try:
            sent = base64.b64decode((call.authorization or "").partition(" ")[2].strip(), validate=True)
        except (binascii.Error, ValueError):
            raise _unknown() from None
        user, _, secret = sent.partition(b":")
        index, handle = _named(unquote(user.decode("utf-8", "replace")))
        return await self._login.by_secret(handle, index, secret, call.source)

    async def _handle(self, call: HttpCall, parameters: dict[str, str], *, proving: bool = False) -> Administrator:
        """`proving`: an answer is to prove something, again where it did. Else who has a session may go on sending the header
        that proved it, as browsers do, which is worth as much as the session's name."""
        named = parameters.get("sessionid")
        if parameters.get("clientcert", "").lower() == "true":
            who = await self._certificate(call)
            if named is not None:
                await self.sessions.is_now(named, who)
            return who
        if named is None:
            raise AdministratorMissing(headers=challenge())
        held = (await self.sessions.find(named)).administrator
        if "id" not in parameters:
            if held is None:
                raise AdministratorMissing(headers=challenge())
            return held
        if held is not None and not proving and _named(parameters["id"]) == (held.index, held.handle):
            return held
        who = await self._answer(call, parameters, await self.sessions.take_nonce(named))
        await self.sessions.is_now(named, who)
        return who

    async def _answer(self, call: HttpCall, parameters: dict[str, str], nonce: bytes) -> Administrator:
        index, handle = _named(parameters["id"])
        named = parameters.get("type", ""), parameters.get("alg", "")
        data = nonce + octets_of_base64(parameters.get("cnonce", ""))
        answer = octets_of_base64(parameters.get("signature", ""))
        stretching = _stretching(parameters)
        return await self._login.by_named_answer(handle, index, named, answer, data, stretching, call.source)

    async def _certificate(self, call: HttpCall) -> Administrator:
        if call.certificate is None:
            raise AdministratorMissing(
                "No client certificate came with the request", "请求未携带客户端证书", headers=challenge()
            )
        der = call.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for name in certificate_names(call.certificate):
            if _NAME.fullmatch(unquote(name)):
                index, handle = _named(unquote(name))
                return await self._login.by_certificate(handle, index, der, call.source)
        raise _unknown()


def _named(text: str) -> tuple[int, str]:
    """`301:0.NA/20.500.12345` as (index, handle). Raises `AdministratorUnknown`."""
    found = _NAME.fullmatch(text)
    if found is None or not 0 < int(found[1]) < 2**32:
        raise _unknown()
    return int(found[1]), found[2]


def _stretching(parameters: dict[str, str]) -> Stretching | None:
    iterations, bits = parameters.get("iterations", ""), parameters.get("length", "160")
    numbers = [int(text) if text.isascii() and text.isdigit() and len(text) <= 8 else 0 for text in (iterations, bits)]
    return Stretching(octets_of_base64(parameters.get("salt", "")), *numbers) if all(numbers) else None


def octets_of_base64(text: str) -> bytes:
    """From base64, of either alphabet; what is none is empty, and proves nothing."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _with_challenge(wrong: Problem) -> Problem:
    wrong.headers.update(challenge())
    return wrong


def _unknown() -> AdministratorUnknown:
    return AdministratorUnknown(headers=challenge())
