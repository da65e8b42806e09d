"""The bytes that are digested and signed: JSON in its canonical form (RFC 8785). Pure.

Of the types that documents of `idis-ops/1` have: objects with ASCII names, lists, texts, whole numbers within 53 bits, true
and false. For these, sorted names and no spaces are all that the form asks for; anything else is refused.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

_MOST_DEPTH = 32
NO_DIGEST = f"sha-256:{'0' * 64}"


def canonical(value: Any) -> bytes:
    """Raises ValueError for what the form of these documents does not have."""
    _require_plain(value, _MOST_DEPTH)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except orjson.JSONEncodeError as wrong:
        raise ValueError(str(wrong)) from None


def digest(value: Any) -> str:
    """`sha-256:` and hex, of the canonical bytes. Raises ValueError."""
    return digest_of_bytes(canonical(value))


def digest_of_bytes(content: bytes) -> str:
    return f"sha-256:{hashlib.sha256(content).hexdigest()}"


def _require_plain(value: Any, depth: int) -> None:
    if depth == 0:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        for name, inner in value.items():
            if not (isinstance(name, str) and name.isascii()):
                raise ValueError("names are ASCII")
            _require_plain(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _require_plain(inner, depth - 1)
    elif not isinstance(value, str | int):
        raise ValueError(f"{type(value).__name__} has no place in these documents")
