"""The table, and how the scheme of a text is told. Pure."""

from __future__ import annotations

import re

from core.schemes.did_bid import DID_BID
from core.schemes.ecode import ECODE
from core.schemes.gs1 import GS1
from core.schemes.gs1_keys import PRIMARY_KEYS
from core.schemes.oid import OID
from core.schemes.reading import Reading, Scheme, malformed

SCHEMES = {scheme.name: scheme for scheme in (GS1, OID, ECODE, DID_BID)}
_MARKS = (("urn:oid:", OID), ("ecode:", ECODE), ("did:bid:", DID_BID), ("https://", GS1), ("http://", GS1))
_ELEMENT_STRING = re.compile(r"\([0-9]{2,4}\)")
_BARE_OID = re.compile(r"[0-2](?:\.[0-9]+){2,}")


def primary_keys() -> list[str]:
    return list(PRIMARY_KEYS)


def read(text: str) -> Reading | None:
    """The identifier of a scheme that this is, None for one of the Handle form. Raises `IdentifierMalformed`."""
    before, slash, rest = text.partition("/")
    if slash and (scheme := scheme_of_prefix(before)) is not None:
        return _of_key_form(scheme, before, rest)
    if speaks_gs1(text) or _ELEMENT_STRING.match(text):
        return GS1.read(text)
    lower = text[:8].lower()
    for mark, scheme in _MARKS:
        if lower.startswith(mark):
            return scheme.read(text)
    return OID.read(text) if _BARE_OID.fullmatch(text) else None


def scheme_of_prefix(prefix: str) -> Scheme | None:
    """The scheme whose reserved first segment a prefix has."""
    upper = prefix.upper() + "."
    for scheme in SCHEMES.values():
        if upper.startswith(scheme.root + "."):
            return scheme
    return None


def speaks_gs1(path: str) -> bool:
    """Whether a path begins with a GS1 primary key and the digits that each of them begins with."""
    ai, _, rest = path.partition("/")
    return ai in PRIMARY_KEYS and rest[:4].isdigit() and rest[:4].isascii()


def _of_key_form(scheme: Scheme, prefix: str, rest: str) -> Reading:
    """`GS1.9506000/01/…`: the rest in any spelling, but only below a prefix that could own it."""
    found = scheme.read(rest)
    if prefix.upper() not in found.owners:
        raise malformed(
            scheme.name, "scheme-prefix-differs", f"does not lie below {prefix[:64]}", f"不在 {prefix[:64]} 之下"
        )
    return found
