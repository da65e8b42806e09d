"""JSON Web Tokens that vouch for values and keys (RFC 7519): made with a private key, read and checked with a JWK. Pure.

Signed by RSA, elliptic curves, Ed25519, or SM2 with SM3. The last is `SGD_SM3_SM2` in GM/T 0125.1, which is what is written here;
`SM2` and `SM2SM3`, as much software has it, are read too. The signature is 64 bytes, r and s, over the usual user id (GB/T 35276);
in DER it is taken as well. Which software of the national system reads tokens by SM2 nobody has published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from core.handle.keys import SM2_CURVES, key_as_json, key_from_json
from core.handle.malformed import Malformed
from core.handle.public_keys import encode_public_key, public_key
from core.sm2 import Sm2PrivateKey, Sm2PublicKey

SM2_ALGORITHM = "SGD_SM3_SM2"
_SM2_NAMES = (SM2_ALGORITHM, "SM2", "SM2SM3")
_USUAL = ("RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA")
ALGORITHMS = (*_USUAL, *_SM2_NAMES)  # never `none`, never one with a shared secret
_LONGEST = 64 * 1024
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | Sm2PrivateKey


class TokenWrong(Exception):
    """`signature`: it can be read, and its signature is not of this key."""

    def __init__(self, *, signature: bool = False) -> None:
        super().__init__("the signature is wrong" if signature else "the token cannot be read")
        self.signature = signature


class _Sm2(Algorithm):
    """SM2 as PyJWT takes an algorithm."""

    def prepare_key(self, key: Any) -> Any:
        if not isinstance(key, Sm2PublicKey | Sm2PrivateKey):
            raise TypeError("not a key of SM2")
        return key

    def sign(self, msg: bytes, key: Any) -> bytes:
        return bytes(key.sign(msg))

    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:
        return bool(key.verifies(msg, sig))

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> Any:
        said = write_jwk(key_obj)
        return said if as_dict else orjson.dumps(said).decode()

    @staticmethod
    def from_jwk(jwk: Any) -> Any:
        return read_jwk(jwk if isinstance(jwk, dict) else orjson.loads(jwk))


def _signatures() -> jwt.PyJWS:
    made = jwt.PyJWS(algorithms=_USUAL)
    for name in _SM2_NAMES:
        made.register_algorithm(name, _Sm2())
    return made


_JWS = _signatures()


def make_token(claims: Mapping[str, Any], key: PrivateKey) -> bytes:
    """Signed by the algorithm that is usual for the key: RS256, ES256 or ES384, EdDSA, SGD_SM3_SM2. Raises ValueError for keys
    of other kinds, as curves that are not read here."""
    return _JWS.encode(orjson.dumps(claims), key, _algorithm_of(key)).encode()  # type: ignore[arg-type]  # ours for SM2 is none that PyJWT lists


def read_token(token: bytes, key: Any) -> dict[str, Any]:
    """The claims; the signature is checked where there is a key (`read_jwk`). Times are not. Raises `TokenWrong`."""
    if len(token) > _LONGEST:
        raise TokenWrong()
    try:
        payload = _JWS.decode(token.decode("ascii"), key, list(ALGORITHMS), {"verify_signature": key is not None})
        claims = orjson.loads(payload)
    except jwt.InvalidSignatureError:
        raise TokenWrong(signature=True) from None
    except (jwt.PyJWTError, ValueError, TypeError, NotImplementedError):  # the last of names that no algorithm has
        raise TokenWrong() from None
    if not isinstance(claims, dict):
        raise TokenWrong()
    return claims


def read_jwk(raw: Mapping[str, Any]) -> Any:
    """A public key to check tokens with. Raises ValueError."""
    try:
        if raw.get("kty") == "EC" and raw.get("crv") in SM2_CURVES:
            return public_key(key_from_json(dict(raw)))
        return jwt.PyJWK(dict(raw)).key
    except (jwt.PyJWTError, Malformed, TypeError, AttributeError):
        raise ValueError("the key is no JWK of a kind that is known") from None


def write_jwk(key: Any) -> dict[str, Any]:
    """A public key as certificates and files of roots have it. Raises ValueError for kinds that check no tokens."""
    if isinstance(key, Sm2PublicKey):
        return key_as_json(encode_public_key(key))
    kinds: Any = (
        (rsa.RSAPublicKey, RSAAlgorithm),
        (ec.EllipticCurvePublicKey, ECAlgorithm),
        (ed25519.Ed25519PublicKey, OKPAlgorithm),
    )
    for kind, algorithm in kinds:
        if isinstance(key, kind):
            said = algorithm.to_jwk(key, as_dict=True)
            return {name: said[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in said}
    raise ValueError("tokens are not checked with keys of this kind")


def _algorithm_of(key: PrivateKey) -> str:
    if isinstance(key, Sm2PrivateKey):
        return SM2_ALGORITHM
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    curves = {"secp256r1": "ES256", "secp384r1": "ES384"}
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in curves:
        return curves[key.curve.name]
    raise ValueError("tokens are not made with keys of this kind")
