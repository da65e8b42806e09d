"""BID, the DID method of the Xinghuo chain: `did:bid:[<ACSN>:]<algorithm><encoding><suffix>`. Pure.

The algorithm is e (Ed25519), z (SM2) or s (secp256k1); the encoding f (Base58, 22–31 characters), s (Base64, 32) or
t (Bech32, 42). Source: the BID specification (bif-doc, BID标识符). A sub-chain's identifiers are owned by whoever has its
ACSN, all others by whoever has the method here.
"""

from __future__ import annotations

import re

from core.schemes.reading import Reading, Scheme, malformed

ROOT = "DID.BID"
_MARK = "did:bid:"
_ACSN = re.compile("[a-z0-9]{4}")
_BID = re.compile(r"(?:([a-z0-9]{4}):)?[ezs](?:f[1-9A-HJ-NP-Za-km-z]{22,31}|s[A-Za-z0-9+/_=-]{32}|t[a-z0-9]{42})")


def read_bid(text: str) -> Reading:
    """Raises `IdentifierMalformed` (did-bid-invalid)."""
    found = _BID.fullmatch(own := text.removeprefix(_MARK))
    if found is None:
        raise _wrong("did-bid-invalid")
    owners = (f"{ROOT}.{found[1].upper()}", ROOT) if found[1] else (ROOT,)
    return Reading("did:bid", own, _MARK + own, owners)


def sub_chain(text: str) -> str:
    """The prefix of an ACSN; `did:bid` is the whole method. Raises `IdentifierMalformed`."""
    if text in ("did:bid", _MARK):
        return ROOT
    acsn = text.removeprefix(_MARK)
    if not _ACSN.fullmatch(acsn):
        raise _wrong("did-bid-invalid")
    return f"{ROOT}.{acsn.upper()}"


def _wrong(reason: str) -> Exception:
    return malformed(
        "did:bid",
        reason,
        "a BID is did:bid:[<ACSN>:]<e, z or s><f, s or t><encoded hash>, lower case before the hash",
        "BID 写作 did:bid:[<ACSN>:]<e|z|s><f|s|t><编码后的哈希>，哈希之前为小写",
    )


def _within(owner: str) -> tuple[tuple[str, str], ...]:
    acsn = owner.removeprefix(f"{ROOT}.").lower()
    return ((f"{acsn}:", f"{acsn};"),)


DID_BID = Scheme("did:bid", ROOT, True, read_bid, sub_chain, nests=True, within=_within)
