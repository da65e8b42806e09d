"""Trusted resolution believes what a configured root vouches for, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from core.handle.trust import CERTIFICATE, SIGNATURE, Needed, digest_of, verify
from core.handle.wire_value import WireValue

NOW = 1_800_000_000
ROOT, PREFIX, HANDLE = "300:0.0/0.0", "301:0.NA/88.118.8", "88.118.8/SN1"
ROOT_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PREFIX_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGER_KEY = ec.generate_private_key(ec.SECP256R1())
VALUES = [WireValue(1, "URL", b"https://example.com", timestamp=5), WireValue(2, "DESC", "产品".encode(), timestamp=6)]


def public(key: Any) -> dict[str, Any]:
    made = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return dict(json.loads(made.to_jwk(key.public_key())))


def token(key: Any, **claims: Any) -> bytes:
    said = {"nbf": NOW - 100, "exp": NOW + 100} | claims
    return jwt.encode(said, key, "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256").encode()


def signature(key: Any = PREFIX_KEY, values: list[WireValue] = VALUES, **claims: Any) -> WireValue:
    listed = [{"index": value.index, "digest": digest_of(value)} for value in values]
    said = {"iss": PREFIX, "sub": f"1:{HANDLE}", "digests": {"alg": "SHA-256", "digests": listed}}
    return WireValue(400, SIGNATURE, token(key, **(said | claims)))


def certificate(
    signer: Any = ROOT_KEY, key: Any = PREFIX_KEY, perms: Any = "handlesUnderThisPrefix", **claims: Any
) -> bytes:
    said = {"iss": ROOT, "sub": PREFIX, "publicKey": public(key), "perms": [{"perm": perms}]}
    return token(signer, **(said | claims))


def judged(values: list[WireValue], *held: bytes, handle: str = HANDLE, now: int = NOW) -> Any:
    certificates = {("0.NA/88.118.8", 301): held[0]} if held else {}
    return verify(handle, values, certificates, {ROOT: public(ROOT_KEY)}, now)


def test_what_a_root_vouches_for_is_trusted_and_the_chain_is_asked_for() -> None:
    record = [*VALUES, signature()]
    asked = judged(record)
    assert asked.needed == [Needed("0.NA/88.118.8", 301)] and not asked.trusted(record)
    told = judged(record, certificate())
    assert told.trusted(record) and told.signers == [PREFIX] and not told.problems


def test_time_and_index_may_change_and_nothing_else() -> None:
    later = [WireValue(1, "URL", b"https://example.com", timestamp=99), VALUES[1], signature()]
    assert judged(later, certificate()).trusted(later)
    changed = [WireValue(1, "URL", b"https://example.org", timestamp=5), VALUES[1], signature()]
    told = judged(changed, certificate())
    assert not told.signed and "value 1" in told.problems[0].en


def test_an_added_value_is_not_trusted() -> None:
    more = [*VALUES, WireValue(3, "NEW", b"x"), signature()]
    told = judged(more, certificate())
    assert told.signed == {1, 2} and not told.trusted(more)


@pytest.mark.parametrize(
    ("record", "held", "why"),
    [
        ([*VALUES, signature(STRANGER_KEY)], certificate(), "wrong"),
        ([*VALUES, signature()], certificate(STRANGER_KEY), "cannot be read"),
        ([*VALUES, signature()], certificate(perms="derivedPrefixes"), "may not sign"),
        ([*VALUES, signature()], certificate(sub="301:0.NA/88.118.9"), "somebody else"),
        ([*VALUES, signature()], certificate(exp=NOW - 1), "expired"),
        ([*VALUES, signature(nbf=NOW + 50)], certificate(), "not valid yet"),
        ([*VALUES, signature(sub="1:88.118.8/OTHER")], certificate(), "another identifier"),
        ([*VALUES, signature(iss="nobody")], certificate(), "index:handle"),
        ([*VALUES, signature()], certificate(iss=PREFIX), "no root"),
        ([*VALUES, signature(digests={"alg": "MD5", "digests": [{"index": 1, "digest": "x"}]})], certificate(), "MD5"),
    ],
    ids=range(10),
)
def test_what_is_not_vouched_for_is_told_why(record: list[WireValue], held: bytes, why: str) -> None:
    told = judged(record, held)
    assert not told.signed and why in told.problems[0].en and told.problems[0].zh


def test_no_algorithm_without_a_public_key_is_taken() -> None:
    for algorithm, key in (("none", None), ("HS256", "a secret that a stranger chose, long enough")):
        claims = {"iss": ROOT, "sub": f"1:{HANDLE}", "digests": {"alg": "SHA-256", "digests": []}}
        forged = WireValue(400, SIGNATURE, jwt.encode(claims, key, algorithm).encode())
        assert judged([*VALUES, forged]).problems, algorithm


@given(st.binary(max_size=200))
def test_rubbish_is_a_problem_and_nothing_worse(octets: bytes) -> None:
    record = [*VALUES, WireValue(400, SIGNATURE, octets), WireValue(401, CERTIFICATE, octets)]
    assert judged(record, octets).problems
