"""Trusted resolution: whether the values of a record are those that somebody signed whom a configured root vouches for. Pure.

HS_SIGNATURE is a JSON Web Signature over digests of values; HS_CERT one over a public key and what it may sign. Claims of both:
`iss` and `sub` (`index:handle`; of a signature also the handle alone, as deployed software writes it), `nbf`, `exp`; of a
signature `digests`, of a certificate `publicKey` (JWK) and `perms`. A chain goes from a signature's issuer, whose HS_CERT is at
`iss`, to one that a root has signed; each certificate of it must permit what is signed in the end. A value's digest skips its index and
its time, which change without it (RFC 3651 §3.1; the claims are those of deployed Handle software).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.handle.tokens import TokenWrong, read_jwk, read_token
from core.handle.wire_value import WireValue
from core.identifier import fold_case
from core.sm2 import sm3

SIGNATURE, CERTIFICATE = "HS_SIGNATURE", "HS_CERT"
_HASHES = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
SM3 = "SM3"
_MOST_PERMISSIONS = 100
_MOST_SIGNATURES, _MOST_CERTIFICATES = 4, 12  # of one record: a check by SM2 takes some 25 ms
_SKIPPED_BYTES = 8  # index and timestamp
_LONGEST_CHAIN = 10
_ZERO = "0.NA/"


class Untrusted(Exception):
    """Why something is not vouched for, in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


@dataclass(frozen=True, slots=True)
class Needed:
    """A certificate that has to be fetched before the chain can be followed further: `index:handle`."""

    handle: str
    index: int


@dataclass(slots=True)
class Verdict:
    """`signed` are indexes whose values are as they were signed, by `signers`; `problems` what could not be believed."""

    signed: set[int] = field(default_factory=set)
    signers: list[str] = field(default_factory=list)
    problems: list[Untrusted] = field(default_factory=list)
    needed: list[Needed] = field(default_factory=list)

    def trusted(self, values: Sequence[WireValue]) -> bool:
        """Whether every value that is no signature itself is signed."""
        wanted = {value.index for value in values if value.type not in (SIGNATURE, CERTIFICATE)}
        return bool(wanted) and wanted <= self.signed


def verify(
    handle: str,
    values: Sequence[WireValue],
    certificates: Mapping[tuple[str, int], bytes],
    roots: Mapping[str, Mapping[str, Any]],
    now: int,
) -> Verdict:
    """What is signed of a record. `certificates` are HS_CERT data by (folded handle, index) as far as they were fetched,
    `roots` JWKs by folded `index:handle` (`fold_case`); `now` in unix seconds. Asks for more in `needed`."""
    verdict = Verdict()
    signatures = [value for value in values if value.type == SIGNATURE]
    if len(signatures) > _MOST_SIGNATURES:
        verdict.problems.append(
            Untrusted(
                f"only {_MOST_SIGNATURES} signatures of a record are looked at",
                f"一条记录只校验 {_MOST_SIGNATURES} 个签名",
            )
        )
    for value in signatures[:_MOST_SIGNATURES]:
        try:
            claims = _unverified(value.data)
            issuer = _party(claims, "iss")
            key = _key_of(issuer, handle, certificates, roots, now, verdict)
            if key is None:
                continue
            claims = _verified(value.data, key, now)
            if fold_case(_subject(claims)) != fold_case(handle):
                raise Untrusted("the signature is of another identifier", "该签名属于其他标识")
            verdict.signed |= _unchanged(claims, values)
            verdict.signers.append(f"{issuer[1]}:{issuer[0]}")
        except Untrusted as wrong:
            verdict.problems.append(wrong)
    return verdict


async def with_certificates(
    check: Callable[[Mapping[tuple[str, int], bytes]], Awaitable[Verdict]],
    fetch: Callable[[str, int], Awaitable[bytes]],
) -> Verdict:
    """What `check` (as `verify`) says once it has the certificates that it asks for. `fetch` gives the data of the HS_CERT at an
    index of a handle, empty where there is none; raises what both do."""
    certificates: dict[tuple[str, int], bytes] = {}
    while True:
        verdict = await check(certificates)
        wanted = {(fold_case(one.handle), one.index) for one in verdict.needed}
        if not wanted or len(certificates) + len(wanted) > _MOST_CERTIFICATES:
            return verdict
        for handle, index in wanted:
            certificates[handle, index] = await fetch(handle, index)


def digest_of(value: WireValue, algorithm: str = "SHA-256") -> str:
    """Base64, over everything of a value but its index and time. Raises `Untrusted`."""
    content = value.encode()[_SKIPPED_BYTES:]
    if algorithm == SM3:
        return base64.b64encode(sm3(content)).decode()
    name = _HASHES.get(algorithm)
    if name is None:
        raise Untrusted(f"digests by {algorithm} are not taken", f"不接受 {algorithm} 摘要")
    return base64.b64encode(hashlib.new(name, content).digest()).decode()


def _unchanged(claims: Mapping[str, Any], values: Sequence[WireValue]) -> set[int]:
    said = claims.get("digests")
    listed = said.get("digests") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(listed, list):
        raise Untrusted("the signature has no digests", "签名中没有摘要")
    by_index = {value.index: value for value in values}
    unchanged = set()
    for one in listed[: len(values) * 2]:
        if isinstance(one, dict) and (value := by_index.get(one.get("index", 0))) is not None:
            if digest_of(value, str(said.get("alg"))) != one.get("digest"):
                raise Untrusted(
                    f"value {value.index} is not as it was signed", f"索引 {value.index} 的值与签名时不一致"
                )
            unchanged.add(value.index)
    return unchanged


def _key_of(
    issuer: tuple[str, int],
    handle: str,
    certificates: Mapping[tuple[str, int], bytes],
    roots: Mapping[str, Mapping[str, Any]],
    now: int,
    verdict: Verdict,
) -> Mapping[str, Any] | None:
    """The public key of a signer, once a chain of certificates from a root says that it may sign for `handle`. None where a
    certificate of the chain has not been fetched yet."""
    chain: list[tuple[str, int]] = []
    at = issuer
    while (root := roots.get(fold_case(f"{at[1]}:{at[0]}"))) is None:
        if at in chain or len(chain) >= _LONGEST_CHAIN:
            raise Untrusted("the certificates lead to no root", "证书链无法追溯到可信根")
        if (fold_case(at[0]), at[1]) not in certificates:
            verdict.needed.append(Needed(*at))
            return None
        chain.append(at)
        at = _party(_unverified(certificates[fold_case(at[0]), at[1]]), "iss")
    key: Mapping[str, Any] = root
    for place in reversed(range(len(chain))):
        subject = chain[place]
        claims = _verified(certificates[fold_case(subject[0]), subject[1]], key, now)
        named = _party(claims, "sub")
        if (fold_case(named[0]), named[1]) != (fold_case(subject[0]), subject[1]):
            raise Untrusted("a certificate is of somebody else", "证书主体不符")
        if not _may_sign(claims, subject[0], handle):
            raise Untrusted(
                f"{subject[1]}:{subject[0]} may not sign for {handle}",
                f"{subject[1]}:{subject[0]} 无权为 {handle} 签名",
            )
        made = claims.get("publicKey")
        if not isinstance(made, dict):
            raise Untrusted("a certificate has no public key", "证书中没有公钥")
        key = made
    return key


def _may_sign(claims: Mapping[str, Any], subject: str, handle: str) -> bool:
    """By the permissions of a certificate; without any it may sign for its own record alone."""
    said = claims.get("perms")
    perms = said[:_MOST_PERMISSIONS] if isinstance(said, list) else [{"perm": "thisHandle"}]
    return any(isinstance(one, dict) and _permits(one, subject, fold_case(handle)) for one in perms)


def _permits(permission: Mapping[str, Any], subject: str, name: str) -> bool:
    """Of the handle that a permission names, else of the certificate's own."""
    about = permission.get("handle")
    own = fold_case(about if isinstance(about, str) and about else subject)
    prefix, kind = own.removeprefix(_ZERO), permission.get("perm")
    return (
        kind == "everything"
        or (kind == "thisHandle" and name == own)
        or (kind == "handlesUnderThisPrefix" and own.startswith(_ZERO) and name.startswith(f"{prefix}/"))
        or (kind == "derivedPrefixes" and own.startswith(_ZERO) and name.removeprefix(_ZERO).startswith(f"{prefix}."))
    )


def _subject(claims: Mapping[str, Any]) -> str:
    """Whose values a signature is over."""
    said = str(claims.get("sub", ""))
    index, colon, handle = said.partition(":")
    return handle if colon and index.isascii() and index.isdigit() else said


def _party(claims: Mapping[str, Any], name: str) -> tuple[str, int]:
    """Handle and index, as in `301:0.NA/88.118`."""
    index, colon, handle = str(claims.get(name, "")).partition(":")
    if not (colon and handle and index.isascii() and index.isdigit() and len(index) <= 10):
        raise Untrusted(f"{name} is not index:handle", f"{name} 不是 索引:标识 的形式")
    return handle, int(index)


def _unverified(token: bytes) -> Mapping[str, Any]:
    return _read(token, None)


def _verified(token: bytes, key: Mapping[str, Any], now: int) -> Mapping[str, Any]:
    """Times are checked by the caller's clock."""
    try:
        public = read_jwk(key)
    except ValueError:
        raise Untrusted("a public key cannot be read", "无法读取公钥") from None
    claims = _read(token, public)
    for name, early in (("nbf", True), ("exp", False)):
        if isinstance(limit := claims.get(name), int | float) and (now < limit if early else now >= limit):
            raise Untrusted(
                "a signature is not valid yet" if early else "a signature has expired",
                "签名尚未生效" if early else "签名已过期",
            )
    return claims


def _read(token: bytes, key: Any) -> Mapping[str, Any]:
    try:
        return read_token(token, key)
    except TokenWrong as wrong:
        if wrong.signature:
            raise Untrusted("a signature is wrong", "签名校验失败") from None
        raise Untrusted("a signature cannot be read", "无法读取签名") from None
