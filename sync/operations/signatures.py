"""Signatures within a document. Pure.

Signature k is over the canonical bytes of `{"document": D, "over": S}`: D is the document without `signatures`, S the
signatures before it. So a countersignature covers what the issuer signed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from sync.operations.canonical import canonical
from sync.signing.keys import Signer, Verifier

ISSUER, COUNTERSIGNER = "issuer", "countersigner"
_MOST_SIGNATURES = 2


class DocumentRefused(Exception):
    """The document is not signed as it must be. `reason` is one word: `signature-missing`, `key-unknown`, `signature-wrong`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def signed(document: Mapping[str, Any], signer: Signer, role: str) -> dict[str, Any]:
    """The document with one more signature. Raises ValueError as `canonical` does."""
    before = list(document.get("signatures", ()))
    value = base64.b64encode(signer.sign(_base(document, before))).decode()
    entry = {"keyId": signer.keyid, "alg": signer.algorithm, "role": role, "value": value}
    return {**document, "signatures": [*before, entry]}


def require_signed(document: Mapping[str, Any], keys: Mapping[str, Verifier], role: str) -> None:
    """That its last signature, of this role, is by one of `keys`, and every one before it too. Raises `DocumentRefused`."""
    held = document.get("signatures")
    if not isinstance(held, list) or not 0 < len(held) <= _MOST_SIGNATURES or _text(held[-1], "role") != role:
        raise DocumentRefused("signature-missing")
    for place, entry in enumerate(held):
        key = keys.get(_text(entry, "keyId"))
        if key is None or key.algorithm != _text(entry, "alg"):
            raise DocumentRefused("key-unknown")
        try:
            value = base64.b64decode(_text(entry, "value"), validate=True)
            right = key.verifies(_base(document, held[:place]), value)
        except (binascii.Error, ValueError):
            right = False
        if not right:
            raise DocumentRefused("signature-wrong")


def _base(document: Mapping[str, Any], over: list[Any]) -> bytes:
    plain = {name: value for name, value in document.items() if name != "signatures"}
    return canonical({"document": plain, "over": over})


def _text(entry: Any, name: str) -> str:
    found = entry.get(name) if isinstance(entry, dict) else None
    return found if isinstance(found, str) else ""
