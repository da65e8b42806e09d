"""Signatures of records, made: HS_SIGNATURE over values, HS_CERT over a key (`core.handle.trust` says what they are). Pure.

With a key of SM2 the digests are by SM3, with any other by SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.handle.tokens import PrivateKey, make_token
from core.handle.trust import CERTIFICATE, SIGNATURE, SM3, digest_of
from core.handle.wire_value import WireValue
from core.sm2 import Sm2PrivateKey

PERMISSIONS = ("everything", "thisHandle", "handlesUnderThisPrefix", "derivedPrefixes")


def sign_values(
    handle: str, values: Sequence[WireValue], issuer: str, key: PrivateKey, valid: tuple[int, int]
) -> bytes:
    """The data of HS_SIGNATURE: `issuer` (`index:handle`, where the HS_CERT of the key is) vouches for all values that are no
    signatures themselves, from and until unix seconds. Raises ValueError for keys that make no tokens, and where nothing is
    to be signed."""
    algorithm = SM3 if isinstance(key, Sm2PrivateKey) else "SHA-256"
    digests = [
        {"index": value.index, "digest": digest_of(value, algorithm)}
        for value in values
        if value.type not in (SIGNATURE, CERTIFICATE)
    ]
    if not digests:
        raise ValueError("there is nothing to sign")
    claims = _claims(issuer, handle, valid) | {"digests": {"alg": algorithm, "digests": digests}}
    return make_token(claims, key)


def certify(
    subject: str, public: Mapping[str, Any], permission: str, issuer: str, key: PrivateKey, valid: tuple[int, int]
) -> bytes:
    """The data of HS_CERT, to be kept at `subject` (`index:handle`): the holder of `public` (a JWK) may sign what `permission`
    (one of `PERMISSIONS`) says. Raises ValueError."""
    if permission not in PERMISSIONS:
        raise ValueError(f"a permission is one of {', '.join(PERMISSIONS)}")
    granted = {"perm": permission} | ({} if permission == "everything" else {"handle": subject.partition(":")[2]})
    claims = _claims(issuer, subject, valid) | {"publicKey": dict(public), "perms": [granted]}
    return make_token(claims, key)


def _claims(issuer: str, subject: str, valid: tuple[int, int]) -> dict[str, Any]:
    begins, ends = valid
    return {"iss": issuer, "sub": subject, "iat": begins, "nbf": begins, "exp": ends}
