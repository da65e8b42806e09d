"""The header `Authorization: Handle`, as clients write it, and the same members as the JSON body of a session. Pure.

Values are quoted, or bare where they are tokens (RFC 9110 §11.2); `id` is percent-encoded. Read from its beginning, once: what a
stranger writes must not take longer than it is long.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

MAX_HEADER = 16_384
_TOKEN = r"[-A-Za-z0-9!#$%&'*+.^_`|~]++"  # noqa: S105 (of a grammar)
_PARAMETER = re.compile(rf'\s*+({_TOKEN})\s*+=\s*+(?:({_TOKEN})|"((?:[^"\\]|\\.)*+)")\s*+(?:,\s*+)*+', re.DOTALL)
_MEMBERS = frozenset(
    (
        *("version", "sessionid", "cnonce", "id", "type", "alg", "signature"),
        *("salt", "iterations", "length", "clientcert"),
    )
)


def scheme_of(authorization: str | None) -> str:
    """In lower case; empty where there is none."""
    return (authorization or "").partition(" ")[0].lower()


def header_parameters(authorization: str | None) -> dict[str, str]:
    """By name in lower case; none of another scheme, of a header that is too long, or not to be read to its end."""
    if authorization is None or scheme_of(authorization) != "handle" or len(authorization) > MAX_HEADER:
        return {}
    rest, at = authorization.partition(" ")[2], 0
    found: dict[str, str] = {}
    while one := _PARAMETER.match(rest, at):
        name, bare, quoted = one.groups()
        value = bare if bare is not None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        found.setdefault(name.lower(), unquote(value) if name.lower() == "id" else value)
        at = one.end()
    return found if at == len(rest) else {}


def body_parameters(body: Any) -> dict[str, str]:
    """The members of a JSON object that the header could have too; `id` as it is."""
    members = body.items() if isinstance(body, dict) else ()
    return {
        name.lower(): str(value)
        for name, value in members
        if name.lower() in _MEMBERS and isinstance(value, str | int) and len(str(value)) <= MAX_HEADER
    }
