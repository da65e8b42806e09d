"""What is signed of an HTTP message, and how the signature is written down (RFC 9421, RFC 9530). Pure.

One signature of the label `idis`. The base has a line for each component, `"name": value`, and ends with the parameters
exactly as they stand in `Signature-Input`; lines are joined by LF.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LABEL = "idis"
REQUEST = ("@method", "@path", "content-type", "content-digest", "idis-app-id", "idis-request-id")
BODILESS_REQUEST = ("@method", "@path", "idis-app-id", "idis-request-id")
REPLY = ("@status", "content-type", "content-digest", "idis-request-id")
MOST_HEADER_CHARACTERS = 2_048
_INPUT = re.compile(
    rf'{LABEL}=(\((?P<components>(?:"[a-z@-]{{1,40}}"(?: (?=")|(?=\))))*)\)'
    r';created=(?P<created>[0-9]{1,12});expires=(?P<expires>[0-9]{1,12});nonce="(?P<nonce>[!#-\[\]-~]{1,128})"'
    r';keyid="(?P<keyid>[!#-\[\]-~]{1,128})";alg="(?P<alg>[a-z0-9-]{1,32})")'
)
_SIGNATURE = re.compile(rf"{LABEL}=:([A-Za-z0-9+/]{{1,1024}}={{0,2}}):")


class SignatureMalformed(Exception):
    """The headers of a signature are absent, or not in the form that is agreed upon."""


@dataclass(frozen=True, slots=True)
class Message:
    """The part of an HTTP message that a signature speaks of. `headers` have lower-case names; a request has `method` and
    `path`, a reply `status`."""

    headers: Mapping[str, str]
    body: bytes = b""
    method: str = ""
    path: str = ""
    status: int = 0

    def value(self, component: str) -> str:
        """Raises `SignatureMalformed` for a header that is not there."""
        derived = {"@method": self.method, "@path": self.path, "@status": str(self.status)}
        found = derived.get(component, self.headers.get(component))
        if found is None:
            raise SignatureMalformed(f"{component} is signed and not there")
        return found.strip()


@dataclass(frozen=True, slots=True)
class Parameters:
    """`created` and `expires` are seconds since 1970. `text` is how they stand in the header, after `idis=`."""

    components: tuple[str, ...]
    created: int
    expires: int
    nonce: str
    keyid: str
    algorithm: str
    text: str


def make_parameters(
    components: Sequence[str], *, created: int, lifetime_seconds: int, nonce: str, keyid: str, algorithm: str
) -> Parameters:
    listed = " ".join(f'"{name}"' for name in components)
    expires = created + lifetime_seconds
    text = f'({listed});created={created};expires={expires};nonce="{nonce}";keyid="{keyid}";alg="{algorithm}"'
    return Parameters(tuple(components), created, expires, nonce, keyid, algorithm, text)


def read_parameters(header: str | None) -> Parameters:
    """Of `Signature-Input`. Raises `SignatureMalformed`."""
    found = _INPUT.fullmatch(header.strip()) if header and len(header) <= MOST_HEADER_CHARACTERS else None
    if found is None:
        raise SignatureMalformed("Signature-Input is absent or malformed")
    components = tuple(name.strip('"') for name in found["components"].split())
    if len(set(components)) < len(components):
        raise SignatureMalformed("Signature-Input names a component twice")
    return Parameters(
        components, int(found["created"]), int(found["expires"]), found["nonce"], found["keyid"], found["alg"], found[1]
    )


def read_signature(header: str | None) -> bytes:
    """Of `Signature`. Raises `SignatureMalformed`."""
    found = _SIGNATURE.fullmatch(header.strip()) if header and len(header) <= MOST_HEADER_CHARACTERS else None
    try:
        return base64.b64decode(found[1], validate=True) if found else _malformed()
    except binascii.Error:
        return _malformed()


def write_signature(signature: bytes) -> str:
    return f"{LABEL}=:{base64.b64encode(signature).decode()}:"


def signature_base(message: Message, parameters: Parameters) -> bytes:
    """What is signed. Raises `SignatureMalformed`."""
    lines = [f'"{name}": {message.value(name)}' for name in parameters.components]
    return "\n".join([*lines, f'"@signature-params": {parameters.text}']).encode()


def content_digest(body: bytes) -> str:
    """The value of `Content-Digest`."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _malformed() -> bytes:
    raise SignatureMalformed("Signature is absent or malformed")
