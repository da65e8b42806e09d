"""Trusted resolution believes what a configured root vouches for, and nothing else."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from core.handle.bodies import Valued
from core.handle.keys import key_as_json
from core.handle.public_keys import encode_public_key
from core.handle.tokens import ALGORITHMS, TokenWrong, make_token, read_jwk, read_token
from core.handle.trust import CERTIFICATE, SIGNATURE, Needed, Verdict, digest_of, verify
from core.handle.vouching import PERMISSIONS, certify, sign_values
from core.handle.wire_value import WireValue
from core.record import Record, Status
from core.sm2 import Sm2PrivateKey, in_der
from core.values import HandleValue, pack
from resolver.handle.trusting import Trusting

NOW = 1_800_000_000
ROOT, PREFIX, HANDLE = "300:0.0/0.0", "301:0.NA/88.118.8", "88.118.8/SN1"
ROOT_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PREFIX_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGER_KEY = ec.generate_private_key(ec.SECP256R1())
VALUES = [WireValue(1, "URL", b"https://example.com", timestamp=5), WireValue(2, "DESC", "产品".encode(), timestamp=6)]


SM2_KEY = Sm2PrivateKey(bytes(31) + b"\x07")
OTHER_SM2_KEY = Sm2PrivateKey(bytes(31) + b"\x08")


def public(key: Any) -> dict[str, Any]:
    if isinstance(key, Sm2PrivateKey):
        return key_as_json(encode_public_key(key.public))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return dict(json.loads(OKPAlgorithm.to_jwk(key.public_key())))
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
    for more in ({"references": (("a/b", 1),)}, {"ttl_type": 1}):
        changed = [replace(VALUES[0], **more), VALUES[1], signature()]
        assert not judged(changed, certificate()).signed, more


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
        ([*VALUES, signature()], certificate(publicKey={"kty": "none"}), "public key cannot be read"),
        ([*VALUES, signature(nbf=NOW + 50)], certificate(), "not valid yet"),
        ([*VALUES, signature(sub="1:88.118.8/OTHER")], certificate(), "another identifier"),
        ([*VALUES, signature(sub="88.118.8/OTHER")], certificate(), "another identifier"),
        ([*VALUES, signature(iss="nobody")], certificate(), "index:handle"),
        ([*VALUES, signature()], certificate(iss=PREFIX), "no root"),
        ([*VALUES, signature(digests={"alg": "MD5", "digests": [{"index": 1, "digest": "x"}]})], certificate(), "MD5"),
    ],
    ids=range(12),
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


KEYS = [ROOT_KEY, PREFIX_KEY, ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate(), SM2_KEY]
VALID = (NOW - 100, NOW + 100)


@pytest.mark.parametrize("signer", KEYS, ids=("rsa", "p-256", "p-384", "ed25519", "sm2"))
@pytest.mark.parametrize("root", [ROOT_KEY, SM2_KEY], ids=("by-rsa", "by-sm2"))
def test_what_is_made_here_is_trusted_by_keys_of_every_kind(root: Any, signer: Any) -> None:
    held = {("0.NA/88.118.8", 301): certify(PREFIX, public(signer), "handlesUnderThisPrefix", ROOT, root, VALID)}
    record = [*VALUES, WireValue(400, SIGNATURE, sign_values(HANDLE, VALUES, PREFIX, signer, VALID))]
    roots = {ROOT: public(root)}
    told = verify(HANDLE, record, held, roots, NOW)
    assert told.trusted(record) and told.signers == [PREFIX], told.problems
    changed = [WireValue(1, "URL", b"https://example.org"), *record[1:]]
    assert "value 1" in verify(HANDLE, changed, held, roots, NOW).problems[0].en
    late = verify(HANDLE, record, held, roots, NOW + 200)
    assert not late.signed and "expired" in late.problems[0].en
    other = OTHER_SM2_KEY if signer is SM2_KEY else STRANGER_KEY
    forged = [*VALUES, WireValue(400, SIGNATURE, sign_values(HANDLE, VALUES, PREFIX, other, VALID))]
    assert not verify(HANDLE, forged, held, roots, NOW).signed


@pytest.mark.parametrize("name", ["SGD_SM3_SM2", "SM2", "SM2SM3"])
def test_sm2_is_read_by_the_names_that_are_in_use(name: str) -> None:
    head, body = (b64(json.dumps(part).encode()) for part in ({"alg": name}, {"a": 1}))
    signed = SM2_KEY.sign(f"{head}.{body}".encode())
    for curve in ("SM2", "SM2-P-256"):
        for signature in (signed, in_der(signed)):
            token = f"{head}.{body}.{b64(signature)}".encode()
            assert read_token(token, read_jwk(public(SM2_KEY) | {"crv": curve})) == {"a": 1}
            with pytest.raises(TokenWrong) as wrong:
                read_token(token, read_jwk(public(OTHER_SM2_KEY)))
            assert wrong.value.signature


def test_a_key_checks_tokens_of_its_own_algorithm_alone() -> None:
    tokens = {make_token({"a": 1}, key): key for key in KEYS}
    for token, key in tokens.items():
        assert json.loads(unb64(token.split(b".")[0]))["alg"] in ALGORITHMS
        for other in KEYS:
            if other is key:
                assert read_token(token, read_jwk(public(other))) == {"a": 1}
            else:
                with pytest.raises(TokenWrong):
                    read_token(token, read_jwk(public(other)))


MIDDLE = "300:0.NA/88.118"
MIDDLE_KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("above", "below", "handle", "trusted"),
    [
        ("derivedPrefixes", "handlesUnderThisPrefix", HANDLE, True),
        ("derivedPrefixes", "everything", HANDLE, True),
        ("derivedPrefixes", "everything", "99.1/x", False),  # nobody can give what they have not got
        ("handlesUnderThisPrefix", "everything", HANDLE, False),
        ("derivedPrefixes", "derivedPrefixes", HANDLE, False),
    ],
)
def test_every_certificate_of_a_chain_permits_what_is_signed(
    above: str, below: str, handle: str, trusted: bool
) -> None:
    held = {
        ("0.NA/88.118", 300): certify(MIDDLE, public(MIDDLE_KEY), above, ROOT, ROOT_KEY, VALID),
        ("0.NA/88.118.8", 301): certify(PREFIX, public(PREFIX_KEY), below, MIDDLE, MIDDLE_KEY, VALID),
    }
    record = [*VALUES, WireValue(400, SIGNATURE, sign_values(handle, VALUES, PREFIX, PREFIX_KEY, VALID))]
    told = verify(handle, record, held, {ROOT: public(ROOT_KEY)}, NOW)
    assert told.trusted(record) is trusted
    assert trusted or "may not sign" in told.problems[0].en


def test_a_permission_may_name_the_handle_that_it_is_about() -> None:
    """As the software of the Handle System writes them; the signature names its record without an index."""
    who = "300:88.118/SIGNER"
    for about, trusted in (("0.NA/88.118.8", True), ("0.NA/88.118.9", False), (7, False)):
        perms = [{"perm": "handlesUnderThisPrefix", "handle": about}]
        held = token(ROOT_KEY, iss=ROOT, sub=who, publicKey=public(PREFIX_KEY), perms=perms)
        record = [*VALUES, signature(iss=who, sub=HANDLE)]
        told = verify(HANDLE, record, {("88.118/SIGNER", 300): held}, {ROOT: public(ROOT_KEY)}, NOW)
        assert told.trusted(record) is trusted


def test_a_record_with_many_signatures_does_not_hold_anybody_up() -> None:
    record = [*VALUES, *(WireValue(400 + number, SIGNATURE, b"x") for number in range(2_000))]
    told = judged(record)
    assert len(told.problems) == 5 and "only 4" in told.problems[0].en


def test_nothing_is_made_that_could_not_be_read() -> None:
    with pytest.raises(ValueError, match="nothing to sign"):
        sign_values(HANDLE, [WireValue(400, SIGNATURE, b"x")], PREFIX, SM2_KEY, VALID)
    with pytest.raises(ValueError, match=PERMISSIONS[0]):
        certify(PREFIX, public(SM2_KEY), "all", ROOT, SM2_KEY, VALID)
    with pytest.raises(ValueError, match="of this kind"):
        make_token({}, ec.generate_private_key(ec.SECP521R1()))
    for strange in ({}, {"kty": "EC", "crv": "SM2"}, {"kty": "EC", "crv": "SM2", "x": "AA", "y": 3}):
        with pytest.raises(ValueError, match="no JWK"):
            read_jwk(strange)


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def unb64(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def test_names_are_one_only_where_they_are_one_identifier() -> None:
    """Letters beyond ASCII have a case that identifiers do not know: `STRASSE` is another than `straße`."""
    name = "88.118.8/straße"
    record = [*VALUES, signature(sub=name)]
    assert judged(record, certificate(), handle="88.118.8/STRAße").trusted(record)
    assert not judged(record, certificate(), handle="88.118.8/STRASSE").trusted(record)


async def test_who_waits_for_a_record_is_told_what_the_first_found(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = []

    def checked(*_: Any) -> Verdict:
        checks.append(1)
        return Verdict(signed={1})

    monkeypatch.setattr("resolver.handle.trusting.verify", checked)
    resolver: Any = None
    trusting, made = Trusting(resolver, {}), datetime(2026, 11, 22, tzinfo=UTC)
    held = [HandleValue(1, "URL", "https://example.com"), HandleValue(400, SIGNATURE, "…")]
    record = Record(HANDLE, HANDLE, pack(held), 1, Status.ACTIVE, None, None, made, made)
    body = Valued(HANDLE, (VALUES[0],)).encode()
    assert await asyncio.gather(*(trusting.vouches(record, body) for _ in range(5))) == [True] * 5
    assert len(checks) == 1
